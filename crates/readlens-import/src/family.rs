//! The architectures that are known, and which one a configuration is of.

mod bert;
mod esm;
mod mosaic;

use std::fmt;

use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_nn::{EncoderConfig, MAX_TOKENS};
use serde_json::Value;

use crate::config::Settings;
use crate::imported::{EndToken, Imported};
use crate::tensors::{Named, Tensors};

/// Largest sizes that are read; those of `readlens-nn`.
const MOST_DIM: u64 = 1 << 14;
const MOST_LAYERS: u64 = 1 << 10;
const MOST_HEADS: u64 = 1 << 10;
const MOST_FEED_FORWARD: u64 = 1 << 16;
const MOST_VOCABULARY: u64 = 1 << 24;

/// An architecture that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// BERT (Devlin et al. 2019), which is also DNABERT's (Ji et al. 2021).
    Bert,
    /// BERTax (Mock et al. 2022), whose heads see what those of the ranks above say; as
    /// `scripts/bertax_to_safetensors.py` writes it.
    Bertax,
    /// MosaicBERT (Portes et al. 2023), which is DNABERT-2's (Zhou et al. 2024).
    MosaicBert,
    /// ESM-1b and ESM-2 (Lin et al. 2023), and the first Nucleotide Transformers.
    Esm,
    /// The second Nucleotide Transformers (Dalla-Torre et al. 2024): ESM-2 with gated feed-forward
    /// units.
    GatedEsm,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bert => "BERT",
            Self::Bertax => "BERTax",
            Self::MosaicBert => "MosaicBERT",
            Self::Esm => "ESM",
            Self::GatedEsm => "Nucleotide Transformer v2",
        })
    }
}

impl Family {
    /// The family of a configuration. A model of type `bert` with fields of ALiBi, or with the code
    /// of MosaicBERT, is no BERT, although all fields of one are there.
    ///
    /// # Errors
    /// It is of none, or has code of its own.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        let model_type = settings.text("model_type")?.unwrap_or("nothing").to_owned();
        let code = own_code(settings);
        let family = match model_type.as_str() {
            "bert" if settings.has("alibi_starting_size") => Self::MosaicBert,
            "bert" if code.as_deref().is_some_and(|code| code.contains("bert_layers.")) => {
                Self::MosaicBert
            }
            "bert" if code.is_none() => Self::Bert,
            "bertax" => Self::Bertax,
            "esm" if settings.has("add_bias_fnn") => Self::GatedEsm,
            "esm" if code.is_none() => Self::Esm,
            "bert" | "esm" => {
                return Err(settings
                    .fault("auto_map")
                    .expected(format!("a {model_type} that computes as transformers' own"))
                    .found(code.unwrap_or_default())
                    .remedy("a model with code of its own cannot be imported")
                    .into());
            }
            other => {
                return Err(settings
                    .fault("model_type")
                    .expected("bert, esm or bertax")
                    .found(other)
                    .remedy("models of other architectures cannot be imported")
                    .into());
            }
        };
        let expected = match family {
            // The script that writes it writes nothing else.
            Self::Bertax => return Ok(family),
            Self::Bert | Self::MosaicBert => "BertForSequenceClassification",
            Self::Esm | Self::GatedEsm => "EsmForSequenceClassification",
        };
        let architectures = settings.get("architectures");
        if architectures != Some(&Value::from(vec![expected])) {
            return Err(settings
                .fault("architectures")
                .expected(format!("[\"{expected}\"]"))
                .found(architectures.map_or("nothing".to_owned(), Value::to_string))
                .remedy("only classifiers of whole sequences can be imported: fine-tune the model as one")
                .into());
        }
        Ok(family)
    }

    /// Reads a model of the family.
    pub(crate) fn read(self, settings: &Settings, tensors: Tensors) -> Result<Imported> {
        settings.check_of_all()?;
        match self {
            Self::Bert | Self::Bertax => bert::read(self, settings, tensors),
            Self::MosaicBert => mosaic::read(settings, tensors),
            Self::Esm | Self::GatedEsm => esm::read(self, settings, tensors),
        }
    }

    /// Whether it puts an end behind each sequence. The tokenizers of ESM do, and those of the
    /// Nucleotide Transformers do not.
    pub(crate) fn end(self) -> EndToken {
        match self {
            Self::Bert | Self::MosaicBert => EndToken::Always,
            Self::Bertax => EndToken::Never,
            Self::Esm | Self::GatedEsm => EndToken::AsTokenizerSays,
        }
    }
}

/// The code of its own that a model brings, as `auto_map` names it.
fn own_code(settings: &Settings) -> Option<String> {
    settings.get("auto_map").map(Value::to_string)
}

/// The sizes that all families name alike.
struct Sizes {
    vocabulary: usize,
    dim: usize,
    layers: usize,
    heads: usize,
    feed_forward: usize,
    positions: usize,
}

impl Sizes {
    fn read(settings: &Settings) -> Result<Self> {
        let sizes = Self {
            vocabulary: settings.size("vocab_size", MOST_VOCABULARY)?,
            dim: settings.size("hidden_size", MOST_DIM)?,
            layers: settings.size("num_hidden_layers", MOST_LAYERS)?,
            heads: settings.size("num_attention_heads", MOST_HEADS)?,
            feed_forward: settings.size("intermediate_size", MOST_FEED_FORWARD)?,
            positions: settings.size("max_position_embeddings", MAX_TOKENS as u64)?,
        };
        if !sizes.dim.is_multiple_of(sizes.heads) {
            return Err(settings
                .fault("num_attention_heads")
                .expected(format!("a divisor of hidden_size, {}", sizes.dim))
                .found(sizes.heads)
                .remedy("restore config.json as it was saved with the model")
                .into());
        }
        Ok(sizes)
    }
}

/// Puts queries, keys and values of a layer together.
fn join_attention(
    named: &mut Named,
    tensors: &mut Tensors,
    (block, layer): (&str, &str),
    dim: usize,
) -> Result<()> {
    let part = |part: &str| format!("{layer}.attention.self.{part}");
    let parts = [
        tensors.linear(&part("query"), dim, dim)?,
        tensors.linear(&part("key"), dim, dim)?,
        tensors.linear(&part("value"), dim, dim)?,
    ];
    let failed = |e| Fault::failed(format!("joining the attention of {layer}"), e);
    named.joined(&format!("{block}.qkv"), &parts).map_err(failed)
}

/// Row 0 of the embeddings of token types, of which a single sequence has no other.
fn first_type(tensors: &mut Tensors, name: &str, types: usize, dim: usize) -> Result<Tensor> {
    let table = tensors.take(name, &[types, dim])?;
    table.get(0).and_then(|row| row.contiguous()).map_err(|e| Fault::failed("reading the type", e))
}

/// Refuses an encoder that cannot work; what a user can change of it is in config.json.
fn checked(settings: &Settings, encoder: &EncoderConfig) -> Result<()> {
    encoder.validate().map_err(|fault| match fault {
        Fault::Usage(found) => Fault::input(settings.file())
            .expected("a network that can be built")
            .found(found)
            .remedy("restore config.json as it was saved with the model")
            .into(),
        other => other,
    })
}
