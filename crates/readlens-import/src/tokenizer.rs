//! The tokenizer files of a checkpoint, as one of our tokenizations.

mod bpe;
mod words;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::{Alphabet, CLS, FIRST_KMER, ListedTokens, MASK, SEP, Tokenization, UNK};
use readlens_provenance::read_json;
use serde::Deserialize;

use crate::family::Family;

/// Ids of what stands in a vocabulary beside the letters.
#[derive(Clone, Debug, Default)]
struct SpecialTokens {
    /// Fills a batch.
    pad: Option<u32>,
    /// Stands for what is not in the vocabulary.
    unknown: Option<u32>,
    /// Stands before a sequence.
    cls: Option<u32>,
    /// Stands behind a sequence.
    end: Option<u32>,
    /// Stands for what is hidden.
    mask: Option<u32>,
}

/// How a checkpoint reads sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenizer {
    /// The same as one of our tokenizations.
    pub tokenization: Tokenization,
    /// For each of our token ids the model's own: those of PAD, UNK, CLS, the end and MASK, then
    /// of each token.
    pub rows: Vec<u32>,
    /// Whether the model expects a token behind a sequence.
    pub has_end: bool,
    /// The file of its vocabulary.
    pub file: PathBuf,
}

/// A vocabulary as its files say it.
#[derive(Debug)]
struct Words {
    /// Ids and letters of the tokens that are not special.
    tokens: Vec<(u32, String)>,
    special: SpecialTokens,
    rule: Rule,
    has_cls: bool,
    has_end: bool,
}

/// How a sequence is cut.
#[derive(Debug)]
enum Rule {
    /// The longest token that fits, from left to right.
    LongestFirst,
    /// Byte-pair encoding, by pairs of places among the tokens.
    Merges(Vec<(u32, u32)>),
    /// Words between white space: the model's users put it behind each k-mer or letter.
    Words,
}

/// `tokenizer_config.json`, as far as it changes how sequences are cut.
#[derive(Debug, Deserialize)]
struct Settings {
    tokenizer_class: Option<String>,
    /// Absent where the class has one of its own, null where there is none.
    #[serde(default = "unsaid")]
    eos_token: serde_json::Value,
}

/// Stands for a field that is not there.
fn unsaid() -> serde_json::Value {
    serde_json::Value::Bool(true)
}

impl Settings {
    fn unsaid() -> Self {
        Self { tokenizer_class: None, eos_token: unsaid() }
    }
}

/// Reads the tokenizer files in `directory`, of a model of `family`.
///
/// A BERT vocabulary of all k-mers is read at stride 1, as DNABERT's is, and that of BERTax side by
/// side; one of single letters letter by letter, as ProtBert's. A vocabulary of an ESM tokenizer is
/// cut by the longest token that fits (ESM-2, Nucleotide Transformer). A `tokenizer.json` is
/// byte-pair encoding (DNABERT-2). Sequences are DNA where the tokens hold no letters but A, C, G,
/// T and N, else proteins.
///
/// # Errors
/// There is no tokenizer, it is of another kind, or its tokens are not made of the letters of an
/// alphabet.
pub fn read_tokenizer(directory: &Path, family: Family) -> Result<Tokenizer> {
    let (list, json) = (directory.join("vocab.txt"), directory.join("tokenizer.json"));
    let settings = directory.join("tokenizer_config.json");
    let settings: Settings =
        if settings.is_file() { read_json(&settings)? } else { Settings::unsaid() };
    let (file, words) = if list.is_file() {
        (list.clone(), words::read(&list, &settings, family)?)
    } else if json.is_file() {
        (json.clone(), bpe::read(&json)?)
    } else {
        return Err(Fault::input(directory)
            .expected("the files of a tokenizer: vocab.txt or tokenizer.json")
            .found("neither")
            .remedy("save the tokenizer beside the model with save_pretrained")
            .into());
    };
    of_words(&file, words, family)
}

fn of_words(file: &Path, words: Words, family: Family) -> Result<Tokenizer> {
    let wrong = |place: &str, expected: &str, found: String| -> Fault {
        Fault::input(file)
            .at(Place::Part(place.to_owned()))
            .expected(expected)
            .found(found)
            .remedy(
                "readlens reads models of DNA and proteins whose tokens are letters; for any \
                     other use --predictor",
            )
            .into()
    };
    let Words { tokens, special, rule, has_cls, has_end } = words;
    if tokens.is_empty() {
        return Err(wrong("vocabulary", "tokens of letters", "only special ones".to_owned()));
    }
    let is_dna = tokens.iter().all(|(_, token)| token.bytes().all(|b| b"ACGTN".contains(&b)));
    let alphabet = if is_dna { Alphabet::Dna } else { Alphabet::Protein };
    let spelled = |byte: u8| alphabet.is_symbol(byte) && !byte.is_ascii_lowercase();
    if let Some((id, token)) = tokens.iter().find(|(_, token)| !token.bytes().all(spelled)) {
        let expected = "capital letters of nucleotides or amino acids";
        return Err(wrong(&format!("token {id}"), expected, format!("{token:?}")));
    }
    let pad = special.pad.or(special.unknown);
    let Some((pad, unknown)) = pad.zip(special.unknown.or(special.pad)) else {
        return Err(wrong(
            "special tokens",
            "a token for padding or unknown letters",
            "none".into(),
        ));
    };
    let needed = |id: Option<u32>, is_needed: bool, name: &str| match id {
        Some(id) => Ok(id),
        None if is_needed => Err(wrong("special tokens", name, "none".to_owned())),
        None => Ok(pad),
    };
    let mut rows = vec![pad; FIRST_KMER as usize];
    rows[UNK as usize] = unknown;
    rows[CLS as usize] = needed(special.cls, has_cls, "a token before sequences")?;
    rows[SEP as usize] = needed(special.end, has_end, "a token behind sequences")?;
    rows[MASK as usize] = special.mask.unwrap_or(unknown);
    let tokenization = match rule {
        Rule::Words if tokens.iter().any(|(_, token)| token.len() > 1) => {
            let (tokenization, ids) = every_kmer(alphabet, &tokens, has_cls, family)
                .map_err(|found| wrong("vocabulary", "every k-mer, or single letters", found))?;
            rows.extend(ids);
            tokenization
        }
        Rule::Words | Rule::LongestFirst | Rule::Merges(_) => {
            rows.extend(tokens.iter().map(|(id, _)| *id));
            let list: Vec<String> = tokens.into_iter().map(|(_, token)| token).collect();
            let merges = match rule {
                Rule::Merges(merges) => Some(merges),
                _ => None,
            };
            let listed = ListedTokens::new(list, merges).map_err(|fault| {
                wrong("vocabulary", "tokens that sequences can be cut into", fault.to_string())
            })?;
            Tokenization::listed(alphabet, Arc::new(listed), has_cls)
        }
    };
    Ok(Tokenizer { tokenization, rows, has_end, file: file.to_path_buf() })
}

/// A tokenization of every k-mer, and the model's id of each in the order of ours.
///
/// # Errors
/// What the tokens are instead.
fn every_kmer(
    alphabet: Alphabet,
    tokens: &[(u32, String)],
    has_cls: bool,
    family: Family,
) -> std::result::Result<(Tokenization, Vec<u32>), String> {
    let k = tokens.first().map_or(0, |(_, token)| token.len());
    if let Some((id, token)) = tokens.iter().find(|(_, token)| token.len() != k) {
        return Err(format!("tokens of {k} letters, and {token:?} as token {id}"));
    }
    let of = |k: u32| {
        let stride = if family == Family::Bertax { k } else { 1 };
        Tokenization::new(alphabet, k, stride, has_cls).map_err(|e| e.to_string())
    };
    let tokenization = u32::try_from(k).map_err(|e| e.to_string()).and_then(of)?;
    let ids: HashMap<&str, u32> = tokens.iter().map(|(id, token)| (token.as_str(), *id)).collect();
    let ours = FIRST_KMER..tokenization.vocabulary_size() as u32;
    let rows = ours.map(|id| {
        let kmer = tokenization.letters(id).unwrap_or_default();
        ids.get(kmer.as_str()).copied().ok_or_else(|| format!("no token {kmer}"))
    });
    let rows: Vec<u32> = rows.collect::<std::result::Result<_, _>>()?;
    if ids.len() != rows.len() || tokens.len() != rows.len() {
        return Err(format!("{} tokens where there are {} {k}-mers", tokens.len(), rows.len()));
    }
    Ok((tokenization, rows))
}
