//! A vocabulary with a token on each line.

use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::MAX_LISTED;

use super::{Rule, Settings, SpecialTokens, Words};
use crate::family::Family;

/// Largest file.
const MAX_BYTES: u64 = 64 << 20;

/// Reads `file`.
///
/// # Errors
/// It is no text of tokens, or its tokenizer is neither BERT's nor ESM's.
pub(super) fn read(file: &Path, settings: &Settings, family: Family) -> Result<Words> {
    let wrong = |place: Place, expected: &str, found: String, remedy: &str| -> Fault {
        Fault::input(file).at(place).expected(expected).found(found).remedy(remedy).into()
    };
    let io = |e| Fault::io("read", file, e);
    let bytes = std::fs::metadata(file).map_err(io)?.len();
    if bytes > MAX_BYTES {
        let expected = format!("at most {MAX_BYTES} bytes");
        return Err(wrong(Place::File, &expected, bytes.to_string(), "save the tokenizer again"));
    }
    let text = std::fs::read_to_string(file).map_err(io)?;
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if lines.len() > MAX_LISTED {
        let (expected, found) = (format!("at most {MAX_LISTED} tokens"), lines.len().to_string());
        return Err(wrong(Place::File, &expected, found, "save the tokenizer again"));
    }
    let is_esm = lines.contains(&"<cls>");
    match settings.tokenizer_class.as_deref() {
        None | Some("PreTrainedTokenizerFast") => {}
        Some("EsmTokenizer") if is_esm => {}
        Some("BertTokenizer" | "BertTokenizerFast" | "DNATokenizer") if !is_esm => {}
        Some(other) => {
            let expected = "the vocabulary of a BERT or an ESM tokenizer";
            let remedy = "readlens reads BERT, ESM and byte-pair tokenizers of letters; for any \
                          other use --predictor";
            return Err(wrong(Place::File, expected, format!("that of {other}"), remedy));
        }
    }
    let mut special = SpecialTokens::default();
    let mut tokens = Vec::new();
    for (id, line) in lines.into_iter().enumerate() {
        let number = id as u32;
        match line {
            "[PAD]" | "<pad>" => special.pad = Some(number),
            "[UNK]" | "<unk>" => special.unknown = Some(number),
            "[CLS]" | "<cls>" => special.cls = Some(number),
            "[SEP]" | "<eos>" => special.end = Some(number),
            "[MASK]" | "<mask>" => special.mask = Some(number),
            "" => {
                let remedy = "save the tokenizer again";
                return Err(wrong(Place::Line(id as u64 + 1), "a token", "nothing".into(), remedy));
            }
            // Reserved: no sequence has them.
            other if is_bracketed(other) => {}
            other => tokens.push((number, other.to_owned())),
        }
    }
    let has_end = if is_esm { !settings.eos_token.is_null() } else { family != Family::Bertax };
    let rule = if is_esm { Rule::LongestFirst } else { Rule::Words };
    Ok(Words { tokens, special, rule, has_cls: true, has_end })
}

fn is_bracketed(token: &str) -> bool {
    (token.starts_with('<') && token.ends_with('>'))
        || (token.starts_with('[') && token.ends_with(']'))
}
