//! Byte-pair encoding, as a `tokenizer.json` of the library `tokenizers` has it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::read_json;
use serde::Deserialize;
use serde_json::Value;

use super::{Rule, SpecialTokens, Words};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: Option<String>,
    #[serde(default)]
    dropout: Value,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    vocab: BTreeMap<String, u32>,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// A pair of tokens: in one text with a blank between them, or as two.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

impl Merge {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Text(text) => text.split_once(' '),
            Self::Pair(left, right) => Some((left, right)),
        }
    }
}

/// Reads `file`.
///
/// # Errors
/// It is no JSON of a tokenizer, or cuts sequences otherwise than by merging pairs of letters.
pub(super) fn read(file: &Path) -> Result<Words> {
    let wrong = |place: &str, expected: &str, found: String| -> Fault {
        Fault::input(file)
            .at(Place::Part(place.to_owned()))
            .expected(expected)
            .found(found)
            .remedy(
                "readlens reads byte-pair encoding of letters; for any other tokenizer use \
                     --predictor",
            )
            .into()
    };
    let File { normalizer, pre_tokenizer, post_processor, added_tokens, model } = read_json(file)?;
    if model.kind.as_deref() != Some("BPE") {
        let found = model.kind.unwrap_or_else(|| "none".to_owned());
        return Err(wrong("model.type", "BPE", found));
    }
    let has = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let changes = [
        ("dropout", model.dropout.as_f64().is_some_and(|rate| rate > 0.0)),
        ("continuing_subword_prefix", has(&model.continuing_subword_prefix)),
        ("end_of_word_suffix", has(&model.end_of_word_suffix)),
        ("fuse_unk", model.fuse_unk),
        ("byte_fallback", model.byte_fallback),
        ("ignore_merges", model.ignore_merges),
    ];
    if let Some((name, _)) = changes.iter().find(|(_, is_on)| *is_on) {
        return Err(wrong(&format!("model.{name}"), "none", "one".to_owned()));
    }
    let kind = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    // Sequences are in upper case and without white space.
    for (name, value, known) in [
        ("normalizer", &normalizer, &["Strip", "NFC", "NFKC"][..]),
        ("pre_tokenizer", &pre_tokenizer, &["Whitespace", "WhitespaceSplit"][..]),
    ] {
        let found = kind(value);
        if !value.is_null() && !found.as_deref().is_some_and(|found| known.contains(&found)) {
            let expected = format!("none, {}", known.join(" or "));
            return Err(wrong(name, &expected, found.unwrap_or_else(|| "another".to_owned())));
        }
    }
    let id = |token: &str| {
        let added = added_tokens.iter().find(|added| added.content == token);
        added.map(|added| added.id).or_else(|| model.vocab.get(token).copied())
    };
    let around = around(&post_processor).ok_or_else(|| {
        wrong("post_processor", "a token before and one behind", "another".into())
    })?;
    let special = SpecialTokens {
        pad: id("[PAD]").or_else(|| id("<pad>")),
        unknown: model.unk_token.as_deref().and_then(id),
        cls: around.0.as_deref().and_then(id),
        end: around.1.as_deref().and_then(id),
        mask: id("[MASK]").or_else(|| id("<mask>")),
    };
    let is_added = |id: u32| added_tokens.iter().any(|added| added.id == id);
    let mut tokens: Vec<(u32, String)> = model
        .vocab
        .iter()
        .filter(|(_, id)| !is_added(**id))
        .map(|(t, id)| (*id, t.clone()))
        .collect();
    tokens.sort_unstable();
    let places: HashMap<&str, u32> = tokens
        .iter()
        .enumerate()
        .map(|(place, (_, token))| (token.as_str(), place as u32))
        .collect();
    let merges = model.merges.iter().enumerate().map(|(i, merge)| {
        let pair = merge.pair();
        let places = pair.and_then(|(left, right)| Some((*places.get(left)?, *places.get(right)?)));
        places.ok_or_else(|| {
            let found = pair.map_or("another text".to_owned(), |pair| format!("{pair:?}"));
            wrong(&format!("model.merges, {i}"), "two tokens of the vocabulary", found)
        })
    });
    let merges = merges.collect::<Result<_>>()?;
    let (has_cls, has_end) = (around.0.is_some(), around.1.is_some());
    Ok(Words { tokens, special, rule: Rule::Merges(merges), has_cls, has_end })
}

/// The tokens that are put before and behind a sequence; nothing where it is made otherwise.
fn around(processor: &Value) -> Option<(Option<String>, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match processor.get("type").and_then(Value::as_str) {
        None if processor.is_null() => Some((None, None)),
        Some("BertProcessing" | "RobertaProcessing") => {
            let name = |key: &str| processor.get(key)?.get(0).and_then(text);
            Some((Some(name("cls")?), Some(name("sep")?)))
        }
        Some("TemplateProcessing") => {
            let single = processor.get("single")?.as_array()?;
            let special = |piece: &Value| piece.get("SpecialToken")?.get("id").and_then(text);
            let is_sequence = |piece: &Value| piece.get("Sequence").is_some();
            match single.as_slice() {
                [only] if is_sequence(only) => Some((None, None)),
                [before, only] if is_sequence(only) => Some((Some(special(before)?), None)),
                [only, behind] if is_sequence(only) => Some((None, Some(special(behind)?))),
                [before, only, behind] if is_sequence(only) => {
                    Some((Some(special(before)?), Some(special(behind)?)))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
