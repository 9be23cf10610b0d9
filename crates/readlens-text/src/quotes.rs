use std::cell::Cell;

/// How a line of a table is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quotes {
    /// No cell begins with a quote.
    None,
    /// Those that do also end with one.
    Closed,
    /// The last cell begins with a quote that is not closed.
    Open,
    /// Text follows a closing quote.
    Odd,
}

impl Quotes {
    /// How `line` is quoted, which begins outside of quotes.
    ///
    /// `quoted` is told the place of each cell in quotes that says something, and whether it would
    /// be the same without them.
    pub(crate) fn of(line: &str, separator: u8, quoted: impl FnMut(usize, bool)) -> Self {
        if line.contains('"') {
            Self::at_cell(line.as_bytes(), separator, quoted)
        } else {
            Self::None
        }
    }

    /// How a line goes on that begins within a quoted cell.
    pub(crate) fn within(line: &str, separator: u8) -> Self {
        match behind_closing_quote(line.as_bytes()) {
            None => Self::Open,
            Some([byte, ..]) if *byte != separator => Self::Odd,
            Some([_, rest @ ..]) => Self::at_cell(rest, separator, |_, _| ()).max(Self::Closed),
            Some([]) => Self::Closed,
        }
    }

    fn at_cell(mut rest: &[u8], separator: u8, mut told: impl FnMut(usize, bool)) -> Self {
        let mut found = Self::None;
        for cell in 0.. {
            if let [b'"', quoted @ ..] = rest {
                let Some(closed) = behind_closing_quote(quoted) else { return Self::Open };
                found = Self::Closed;
                if closed.first().is_some_and(|byte| *byte != separator) {
                    return Self::Odd;
                }
                let content = &quoted[..quoted.len() - closed.len() - 1];
                let needs_quotes = |byte: &u8| [separator, b'"'].contains(byte);
                if !content.is_empty() {
                    told(cell, !content.iter().any(needs_quotes));
                }
                rest = closed;
            }
            match rest.iter().position(|byte| *byte == separator) {
                Some(place) => rest = &rest[place + 1..],
                None => break,
            }
        }
        found
    }
}

/// Cells of a column.
#[derive(Debug, Default)]
pub(crate) struct Quoted {
    /// Whether anybody reads the column.
    pub is_read: Cell<bool>,
    /// Cells that say something.
    pub filled: u64,
    /// Those of them in quotes.
    quoted: u64,
    /// Those of these that could do without, and the line of the first.
    pub needless: u64,
    pub first: u64,
}

impl Quoted {
    /// Counts a cell in quotes, which begins in `line`.
    pub(crate) fn add_quoted(&mut self, line: u64, is_needless: bool) {
        self.quoted += 1;
        if is_needless {
            self.first = if self.needless == 0 { line } else { self.first };
            self.needless += 1;
        }
    }

    /// Whether some cells have quotes that they could do without, and most cells have none.
    pub(crate) fn are_few(&self) -> bool {
        self.needless > 0 && self.quoted * 2 <= self.filled.saturating_sub(self.quoted)
    }
}

/// What follows the quote that closes a cell; none where it is not closed.
fn behind_closing_quote(mut quoted: &[u8]) -> Option<&[u8]> {
    loop {
        let place = quoted.iter().position(|byte| *byte == b'"')?;
        quoted = &quoted[place + 1..];
        match quoted.first() {
            Some(b'"') => quoted = &quoted[1..],
            _ => return Some(quoted),
        }
    }
}

/// The separator of a table with `header`: tab where one stands outside of quotes, else comma, else
/// semicolon.
pub(crate) fn separator_of(header: &str) -> u8 {
    let mut is_quoted = false;
    let outside = header.bytes().filter(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted
    });
    let outside: Vec<u8> = outside.collect();
    [b'\t', b',', b';'].into_iter().find(|byte| outside.contains(byte)).unwrap_or(b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_within_quotes_are_none() {
        assert_eq!(separator_of("id\t\"a,b\""), b'\t');
        assert_eq!(separator_of("\"id;of\tit\",genus"), b',');
        assert_eq!(separator_of("\"a,b\";c"), b';');
        assert_eq!(separator_of("id"), b'\t');
    }

    #[test]
    fn cells_in_quotes_are_told_and_whether_they_need_them() {
        let told = |line: &str| {
            let mut cells = Vec::new();
            let quotes =
                Quotes::of(line, b',', |cell, is_needless| cells.push((cell, is_needless)));
            (quotes, cells)
        };
        assert_eq!(told("a,b"), (Quotes::None, vec![]));
        assert_eq!(told("a,\"b\",\"c\""), (Quotes::Closed, vec![(1, true), (2, true)]));
        let needed = vec![(0, false), (2, false)];
        assert_eq!(told("\"a,b\",\"\",\"say \"\"c\"\"\""), (Quotes::Closed, needed));
        assert_eq!(told("a,\"b"), (Quotes::Open, vec![]));
        assert_eq!(told("a,\"b\" c"), (Quotes::Odd, vec![]));
    }
}
