//! A model as it was read, and put into our order of tokens.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use readlens_fault::{Fault, Place, Result};
use readlens_kmer::FIRST_KMER;
use readlens_nn::{CONFIG_FILE, EncoderConfig, Pooling, Positions, RankClasses, TransformerConfig};

use crate::config::Settings;
use crate::family::Family;
use crate::tensors::Tensors;
use crate::weights;

const TOKENS: &str = "tok.weight";
const PLACES: &str = "pos";

/// Whether a model wants an end behind each sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndToken {
    /// It was trained with one, whatever its tokenizer.
    Always,
    /// It was trained without.
    Never,
    /// Where its tokenizer adds one: that of ESM does, those of the Nucleotide Transformers do not.
    AsTokenizerSays,
}

/// A classifier of another program, with its token embeddings in the order of its own vocabulary.
#[derive(Debug)]
pub struct Imported {
    /// Its architecture.
    pub family: Family,
    /// Its ranks from the highest to the lowest, with labels in class order; a model of one head
    /// has one rank called `label`.
    pub ranks: Vec<RankClasses>,
    /// Number of tokens of its own vocabulary.
    pub vocabulary: usize,
    /// Most positions of a row: tokens, CLS and the end together.
    pub positions: usize,
    /// Whether an end follows each sequence. Every family puts CLS before it.
    pub end: EndToken,
    /// Tensors of its files that the classifier does not use, such as buffers and heads of other
    /// tasks, by name.
    pub unused: Vec<String>,
    /// Its network, but for the order of its tokens and the end.
    network: TransformerConfig,
    /// Under our names, in f32 on the CPU.
    tensors: HashMap<String, Tensor>,
}

/// A classifier whose token embeddings are in our order; what a model directory holds.
#[derive(Debug)]
pub struct Arranged {
    /// Its network.
    pub network: TransformerConfig,
    /// Its tensors, in f32 on the CPU.
    pub tensors: HashMap<String, Tensor>,
}

/// Reads a model of Hugging Face's transformers: `config.json`, and `model.safetensors`, its shards
/// or `pytorch_model.bin`.
///
/// # Errors
/// A file is missing, damaged or beyond the limits, the model is of no known family, or it has a
/// field or a tensor that is not known.
pub fn read(directory: &Path) -> Result<Imported> {
    let settings = Settings::read(&directory.join(CONFIG_FILE))?;
    let family = Family::of(&settings)?;
    let (file, tensors) = weights::read(directory)?;
    family.read(&settings, Tensors::new(&file, tensors)?)
}

impl Imported {
    /// Its heads are `ranks`; positions are those of `encoder` as it stands.
    pub(crate) fn new(
        family: Family,
        encoder: EncoderConfig,
        ranks: Vec<RankClasses>,
        tensors: HashMap<String, Tensor>,
        unused: Vec<String>,
    ) -> Self {
        Self {
            family,
            ranks,
            vocabulary: encoder.vocabulary,
            positions: encoder.max_tokens,
            end: family.end(),
            unused,
            network: TransformerConfig { encoder, pooling: Pooling::Cls, bag: None },
            tensors,
        }
    }

    /// Puts the token embeddings into our order: `rows[id]` is the model's own id of our token
    /// `id`. Ours are 0 padding, 1 unknown, 2 CLS, 3 the end, 4 the mask, and then the vocabulary's
    /// tokens. `end` says whether the network appends the end to each row.
    ///
    /// # Errors
    /// [`Fault::Usage`] where `end` is not what the family wants; bad input where `vocabulary`, the
    /// file that rows are from, has no token, or one that the model has no embedding of.
    pub fn arrange(self, rows: &[u32], end: bool, vocabulary: &Path) -> Result<Arranged> {
        let Self { family, mut network, mut tensors, positions, .. } = self;
        let wanted = match self.end {
            EndToken::Always => true,
            EndToken::Never => false,
            EndToken::AsTokenizerSays => end,
        };
        if end != wanted {
            let (with, found) = if wanted { ("with", "without") } else { ("without", "with") };
            return Err(Fault::usage(format!(
                "{family} reads sequences {with} an end token, and its tokenizer is {found} one"
            )));
        }
        let fault = || {
            Fault::input(vocabulary)
                .remedy("keep the tokenizer, the weights and config.json of one model together")
        };
        if rows.len() <= FIRST_KMER as usize {
            return Err(fault().expected("tokens of sequences").found("none").into());
        }
        if let Some(row) = rows.iter().find(|row| **row as usize >= self.vocabulary) {
            return Err(fault()
                .at(Place::Part(format!("token {row}")))
                .expected(format!("ids below {}, as vocab_size says", self.vocabulary))
                .found(row)
                .into());
        }
        let encoder = &mut network.encoder;
        encoder.vocabulary = rows.len();
        encoder.architecture.end = end;
        encoder.max_tokens = positions - usize::from(end);
        let failed = |e| Fault::failed("arranging the token embeddings", e);
        let arranged =
            |tokens: &Tensor| tokens.index_select(&Tensor::new(rows, tokens.device())?, 0);
        if let Some(tokens) = tensors.get_mut(TOKENS) {
            *tokens = arranged(tokens).map_err(failed)?;
        }
        debug_assert_eq!(
            encoder.architecture.positions == Positions::Learned,
            tensors.contains_key(PLACES)
        );
        Ok(Arranged { network, tensors })
    }
}
