//! Numbers and foreign text as the page prints them.

use std::fmt::Write;

/// Longest foreign text that is shown in full.
const SHOWN_CHARS: usize = 96;
/// Longest foreign text that a tooltip holds.
const HELD_CHARS: usize = 1_000;

/// Text from an input: what is shown and, where that was cut, what a tooltip holds.
///
/// Escaping for HTML is the templates' work; this makes characters visible that would act on the
/// text around them or that have no shape of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) shown: String,
    pub(crate) whole: String,
}

impl Label {
    pub(crate) fn new(text: &str) -> Self {
        Self { shown: visible(text, SHOWN_CHARS), whole: visible(text, HELD_CHARS) }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.shown != self.whole
    }
}

/// `text` with invisible and direction-changing characters spelled out, cut after `limit`.
pub(crate) fn visible(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            let _ = write!(out, "… ({} characters)", count_of(text.chars().count() as u64));
            break;
        }
        if c.is_control() || acts_on_neighbours(c) {
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Zero-width, bidirectional and line-separating characters (Unicode 16, general category Cf and
/// Zl/Zp as far as they can disguise a name).
fn acts_on_neighbours(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The word with a capital letter.
pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `0.9841` as `98.4`; a dash where it is not a number.
pub(crate) fn percent(fraction: f64) -> String {
    if fraction.is_finite() { format!("{:.1}", 100.0 * fraction) } else { "–".to_owned() }
}

/// Three significant digits or so, without an exponent for everyday sizes.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if size >= 1000.0 {
        count_of(value.round().abs().min(1e15) as u64)
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.01 {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

/// Three decimals, for figures that are compared with one another; a dash where it is not a number.
pub(crate) fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{:.3}", value + 0.0) } else { "–".to_owned() }
}

/// `12345` as `12,345`.
pub(crate) fn count_of(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 window`, `2 windows`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count_of(n))
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `total_variation` as `total variation`.
pub(crate) fn spaced(name: &str) -> String {
    visible(&name.replace('_', " "), SHOWN_CHARS)
}

/// A drawing coordinate with one decimal at most.
pub(crate) fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Minus zero would be printed with its sign.
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

/// JSON that can stand in a script element: nothing in it ends the element or a line of script.
pub(crate) fn script_json(json: &str) -> String {
    escaped_json(json, |c| matches!(c, '<' | '>' | '&') || acts_on_neighbours(c))
}

/// JSON for people, with invisible and direction-changing characters as escapes.
pub(crate) fn shown_json(json: &str) -> String {
    escaped_json(json, acts_on_neighbours)
}

/// The same JSON value with some characters, which JSON has in strings only, as escapes.
fn escaped_json(json: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn direction_changes_and_controls_become_visible_and_long_text_is_cut() {
        assert_eq!(visible("a\u{202e}b\u{7}", 9), "a⟨U+202E⟩b⟨U+0007⟩");
        assert_eq!(visible(&"x".repeat(1234), 3), "xxx… (1,234 characters)");
        assert_eq!(visible("Escherichia", 11), "Escherichia");
    }

    #[test]
    fn numbers_have_few_digits_and_no_minus_zero() {
        assert_eq!(percent(0.98413), "98.4");
        assert_eq!(percent(f64::NAN), "–");
        assert_eq!(px(-0.01), "0");
        assert_eq!(px(12.345), "12.3");
        assert_eq!(count_of(1_234_567), "1,234,567");
        assert_eq!(count_of(123), "123");
        assert_eq!(figure(0.4567), "0.457");
        assert_eq!(figure(12345.6), "12,346");
        assert_eq!(decimal(0.00912), "0.009");
        assert_eq!(decimal(f64::INFINITY), "–");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }

    #[test]
    fn script_json_keeps_its_value_and_cannot_leave_its_element() {
        let hostile = serde_json::to_string("</script><!-- & \u{2028}").unwrap();
        let safe = script_json(&hostile);
        assert!(!safe.contains(['<', '>', '&', '\u{2028}']));
        let read: String = serde_json::from_str(&safe).unwrap();
        assert_eq!(read, "</script><!-- & \u{2028}");
    }
}
