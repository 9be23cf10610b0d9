//! How a lineage falls into parts.

use super::unknown::Unknown;

/// A part of a lineage: from where to where in its text, without blanks around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub start: usize,
    pub end: usize,
}

/// Separator of the parts, and what stands behind a prefix.
pub(super) fn dialect(text: &str) -> (char, &'static str) {
    // The separator that stands before most prefixes: the others may be part of a name.
    let prefixed = |(separator, mark): (char, &str)| {
        text.split(separator).skip(1).filter(|part| prefix(part.trim(), mark).is_some()).count()
    };
    let dialects = [(';', "__"), ('|', "__"), (',', "__"), (',', ":"), (';', ":")];
    let mut best = (';', "__");
    for dialect in dialects {
        if prefixed(dialect) > prefixed(best) {
            best = dialect;
        }
    }
    let is_sintax = prefix(text, "__").is_none() && prefix(text, ":").is_some();
    if prefixed(best) == 0 && is_sintax { (',', ":") } else { best }
}

/// The prefix of a part and the name behind it.
pub(super) fn prefix<'a>(part: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (prefix, name) = part.split_once(mark)?;
    let number = prefix.strip_prefix("D_").unwrap_or("none");
    let is_prefix = match mark {
        ":" => prefix.len() == 1 && prefix.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => {
            (1..=4).contains(&prefix.len())
                && (prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        }
    };
    is_prefix.then_some((prefix, name))
}

/// The parts between separators, without blanks around them.
pub(super) fn parts_of(text: &str, separator: char) -> Vec<Part> {
    let mut start = 0;
    let part = |piece: &str| {
        let from = start + (piece.len() - piece.trim_start().len());
        let part = Part { start: from, end: from + piece.trim().len() };
        start += piece.len() + separator.len_utf8();
        part
    };
    text.split(separator).map(part).collect()
}

/// Takes the confidences, such as `(100)`, from the parts where all that name a taxon have one.
pub(super) fn strip_confidences(text: &str, parts: &mut [Part], unknown: &Unknown) {
    let name_of = |part: &Part| {
        let name = text[part.start..part.end].strip_suffix(')')?;
        let (name, number) = name.rsplit_once('(')?;
        let is_number = number.starts_with(|c: char| c.is_ascii_digit());
        (is_number && number.parse::<f64>().is_ok()).then(|| name.trim_end().len())
    };
    // Tools give no confidence to what they do not know, such as `unclassified` or `g__`.
    let names_a_taxon = |part: &&Part| {
        let piece = &text[part.start..part.end];
        let name = prefix(piece, "__").or_else(|| prefix(piece, ":")).map_or(piece, |(_, n)| n);
        !unknown.is_unknown(name)
    };
    if parts.iter().filter(names_a_taxon).all(|part| name_of(part).is_some()) {
        for part in parts {
            if let Some(length) = name_of(part) {
                part.end = part.start + length;
            }
        }
    }
}

/// A name without the quotes around it, which RDP has for names that are not yet valid.
pub(super) fn unquoted(name: &str) -> &str {
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)
}
