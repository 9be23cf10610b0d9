//! Names as they may stand in tracks: what could end a field or begin a comment is written as
//! `%` and two hexadecimal digits, as GFF3 demands. Whoever decodes them has the names back.

use std::fmt::Write;

/// What GFF3 leaves as it is in the identifier of a sequence, beside letters and digits.
const PLAIN_IN_SEQUENCES: &[u8] = b".:^*$@!+_?-|";
/// What a line of BED must not begin with: browsers and bedtools would take it for a setting or a
/// comment, and leave the line out without a word.
const SETTINGS: [&str; 4] = ["track", "browser", "visibility", "!"];
/// What the first field must not be: bedtools would take it for the names of the columns.
const HEADING: &str = "chrom";

/// The identifier of a record, in every track the same.
///
/// An empty identifier is a lone `%`, which is no code of any other.
pub(crate) fn sequence(id: &str) -> String {
    if id.is_empty() {
        return "%".to_owned();
    }
    let is_setting = id.eq_ignore_ascii_case(HEADING)
        || SETTINGS.iter().any(|setting| {
            id.as_bytes()
                .get(..setting.len())
                .is_some_and(|s| s.eq_ignore_ascii_case(setting.as_bytes()))
        });
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || PLAIN_IN_SEQUENCES.contains(&byte);
    let (first, rest) = id.as_bytes().split_at(usize::from(is_setting));
    encode(first, |_| false) + &encode(rest, is_plain)
}

/// The value of an attribute of GFF3, or the name of a feature of BED, which is one word.
pub(crate) fn value(text: &str) -> String {
    if text.is_empty() {
        return ".".to_owned();
    }
    encode(text.as_bytes(), |byte| byte.is_ascii_graphic() && !b"%;=&,".contains(&byte))
}

fn encode(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_neither_end_a_field_nor_begin_a_comment() {
        assert_eq!(sequence("gi|15|NC_000913.3"), "gi|15|NC_000913.3");
        assert_eq!(sequence("a\tb c\nd"), "a%09b%20c%0Ad");
        assert_eq!(sequence("#1"), "%231");
        assert_eq!(sequence(">x%20"), "%3Ex%2520");
        assert_eq!(sequence("é/"), "%C3%A9%2F");
        assert_eq!(sequence("track_1"), "%74rack_1");
        assert_eq!(sequence("Browser"), "%42rowser");
        assert_eq!(sequence("visibility=1"), "%76isibility%3D1");
        assert_eq!(sequence("!1!"), "%211!");
        assert_eq!(sequence("Chrom"), "%43hrom");
        assert_eq!(sequence("chrom1"), "chrom1");
        assert_eq!(sequence("trac"), "trac");
        assert_eq!(sequence(""), "%");
        assert_eq!(value("Escherichia coli; K=12"), "Escherichia%20coli%3B%20K%3D12");
        assert_eq!(value(""), ".");
    }
}
