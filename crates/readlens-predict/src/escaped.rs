//! Names as they may stand in a text.

/// What a spreadsheet takes a cell for a formula by, if it begins with it.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// A cell of a table that is separated by tabs: one line without tabs, and no formula.
pub(crate) fn cell(text: &str) -> String {
    let line = line(text);
    if line.starts_with(FORMULA) { format!("'{line}") } else { line }
}

/// Text without tabs, line breaks and other control characters, which become blanks, and without
/// quotation marks, which become apostrophes: to readers of tables one opens a cell of several
/// lines.
pub(crate) fn line(text: &str) -> String {
    let plain = |c: char| match c {
        '"' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula_or_leaves_its_cell() {
        assert_eq!(cell("Escherichia coli K-12"), "Escherichia coli K-12");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "'=HYPERLINK('x')");
        assert_eq!(cell("\"abc"), "'abc");
        for first in ["+1", "-1", "@SUM", "=1"] {
            assert_eq!(cell(first), format!("'{first}"));
        }
        // A tab before a formula is a blank, which keeps it a text.
        assert_eq!(cell("\t=1"), " =1");
        assert_eq!(cell("a\tb\nc\r\u{1b}d"), "a b c  d");
    }
}
