use std::path::Path;

use csv_core::{ReadRecordResult, ReaderBuilder};
use readlens_fault::{Fault, InputFault, Result};
use readlens_provenance::InputDigest;

use crate::lines::{Lines, MAX_LINE_BYTES};
use crate::quotes::{Quoted, Quotes, separator_of};
use crate::{MAX_IDENTIFIER_BYTES, MAX_NAME_BYTES};

/// Longest list of columns in a message, in characters.
const SHOWN_CHARS: usize = 1000;

/// A table with a header line, separated by tabs, commas or semicolons.
///
/// The header tells the separator: tabs where it has one, else commas, else semicolons. A cell in
/// quotes may hold the separator, and two quotes for one. Between commas it may also hold line
/// ends, which become blanks. A quote that does not enclose a whole cell belongs to the cell.
pub struct Table {
    lines: Lines,
    separator: u8,
    quoting: csv_core::Reader,
    literal: csv_core::Reader,
    columns: Vec<String>,
    header_line: u64,
    /// Ordinal of the line that the row given last begins with.
    line: u64,
    cells: Vec<u8>,
    ends: Vec<usize>,
    odd_quotes: u64,
    first_odd_quote: u64,
    has_quoted_header: bool,
    /// How the cells of each column are quoted.
    quoted: Vec<Quoted>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Table {
    /// Opens the table at `path` (`-` is standard input) and reads its header; `what` it is, such
    /// as `taxonomy table`, stands in messages.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or two columns have one name.
    pub fn open(path: &Path, what: &str) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let separator = loop {
            match lines.next_line()? {
                Some(header) if header.trim().is_empty() => {}
                Some(header) => break separator_of(header),
                None => {
                    return Err(Fault::input(path)
                        .expected("a table with a header")
                        .found("an empty file")
                        .remedy(format!("pass the {what}"))
                        .into());
                }
            }
        };
        let reader = |quoting| ReaderBuilder::new().delimiter(separator).quoting(quoting).build();
        let mut table = Self {
            lines,
            separator,
            quoting: reader(true),
            literal: reader(false),
            columns: Vec::new(),
            line: 1,
            header_line: 1,
            cells: Vec::new(),
            ends: Vec::new(),
            odd_quotes: 0,
            first_odd_quote: 0,
            has_quoted_header: false,
            quoted: Vec::new(),
        };
        table.has_quoted_header = table.lines.line().contains('"');
        table.cut()?;
        table.header_line = table.line;
        let columns = (0..table.ends.len()).map(|column| table.cell(column).to_owned());
        let columns: Vec<String> = columns.collect();
        for (i, name) in columns.iter().enumerate() {
            if columns[..i].contains(name) {
                return Err(table
                    .fault()
                    .expected("a header with different column names")
                    .found(format!("two columns {name:?}"))
                    .remedy("rename one of them; the first line must be a header")
                    .into());
            }
        }
        table.quoted.resize_with(columns.len(), Quoted::default);
        table.columns = columns;
        Ok(table)
    }

    /// Cuts the line given last into cells.
    fn cut(&mut self) -> Result<()> {
        self.line = self.lines.number();
        let mut text = self.lines.line().to_owned();
        let mut quotes = Quotes::of(&text, self.separator, |column, is_needless| {
            if let Some(cells) = self.quoted.get_mut(column) {
                cells.add_quoted(self.line, is_needless);
            }
        });
        // A tab-separated cell has no line ends, so its quote is no more than a quote.
        while quotes == Quotes::Open && self.separator != b'\t' {
            let next = self.lines.next_line()?.map(str::to_owned);
            let is_short = next
                .as_ref()
                .is_some_and(|next| text.len() as u64 + (next.len() as u64) < MAX_LINE_BYTES);
            let Some(next) = next.filter(|_| is_short) else {
                return Err(self
                    .fault()
                    .expected("a quote that is closed")
                    .found("a cell without the closing quote")
                    .remedy("close the quote; write a quote within quotes as two")
                    .into());
            };
            text.push(' ');
            text.push_str(&next);
            // Looked at once: a cell of a thousand lines must not be read a thousand times.
            quotes = Quotes::within(&next, self.separator);
        }
        let is_odd = matches!(quotes, Quotes::Open | Quotes::Odd);
        if is_odd {
            if self.odd_quotes == 0 {
                self.first_odd_quote = self.line;
            }
            self.odd_quotes += 1;
        }
        let parser = if is_odd { &mut self.literal } else { &mut self.quoting };
        parser.reset();
        self.cells.resize(text.len() + 1, 0);
        let separators = text.bytes().filter(|byte| *byte == self.separator).count();
        self.ends.resize(separators + 2, 0);
        // The parser leaves out blank lines; a lone empty cell is none of a table.
        text.push('\n');
        let (result, _, _, cells) =
            parser.read_record(text.as_bytes(), &mut self.cells, &mut self.ends);
        if result != ReadRecordResult::Record {
            return Err(self
                .fault()
                .expected("cells between separators")
                .found(format!("{text:?}"))
                .remedy("pass a table separated by tabs, commas or semicolons")
                .into());
        }
        self.ends.truncate(cells);
        Ok(())
    }

    /// The names of the columns, in their order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Place of the column that is called `name`, or else the first that `matches`.
    ///
    /// # Errors
    /// There is none; the message lists the columns and ends with `remedy`.
    pub fn column(
        &self,
        name: &str,
        remedy: &str,
        matches: impl Fn(&str) -> bool,
    ) -> Result<usize> {
        let found = self.find_column(name, remedy, matches)?;
        self.quoted[found].is_read.set(true);
        Ok(found)
    }

    fn find_column(
        &self,
        name: &str,
        remedy: &str,
        matches: impl Fn(&str) -> bool,
    ) -> Result<usize> {
        // The exact name goes before another name of the same.
        let exact = self.columns.iter().position(|column| column == name);
        exact.or_else(|| self.columns.iter().position(|column| matches(column))).ok_or_else(|| {
            let mut available = self.columns.join(", ");
            if available.chars().count() > SHOWN_CHARS {
                available = available.chars().take(SHOWN_CHARS).chain(['…']).collect();
            }
            self.lines
                .fault_at(self.header_line)
                .expected(format!("a header with the column {name:?}"))
                .found(format!("{} other columns", self.columns.len()))
                .remedy(format!("the columns are {available}; {remedy}"))
                .into()
        })
    }

    /// Goes to the next row that is not blank; whether there is one.
    ///
    /// # Errors
    /// The file cannot be read, or the row has not as many cells as the header.
    pub fn next_row(&mut self) -> Result<bool> {
        loop {
            match self.lines.next_line()? {
                None => {
                    self.say_odd_quotes();
                    self.say_needless_quotes();
                    return Ok(false);
                }
                Some(line) if line.trim().is_empty() => {}
                Some(_) => break,
            }
        }
        self.cut()?;
        let expected = self.columns.len();
        if self.ends.len() != expected {
            let separators = match self.separator {
                b',' => "commas",
                b';' => "semicolons",
                _ => "tabs",
            };
            return Err(self
                .fault()
                .expected(format!("{expected} columns as in the header"))
                .found(self.ends.len())
                .remedy(format!(
                    "separate the columns by single {separators}, with an empty cell for no value"
                ))
                .into());
        }
        for column in 0..expected {
            self.quoted[column].filled += u64::from(!self.cut_cell(column).is_empty());
        }
        Ok(true)
    }

    fn say_odd_quotes(&mut self) {
        if std::mem::take(&mut self.odd_quotes) > 0 {
            tracing::warn!(
                "{}, line {}: a cell begins with a quote but does not end with it; such cells are \
                 taken as they stand: if the quote is none of the name, close or remove it",
                self.lines.path().display(),
                self.first_odd_quote
            );
        }
    }

    /// Quotes at all names, or at none, are a way to write a table. Those of a few may belong to
    /// the names.
    fn say_needless_quotes(&mut self) {
        let cells = std::mem::take(&mut self.quoted);
        for (cells, name) in cells.iter().zip(&self.columns) {
            let Quoted { filled, needless, first, .. } = cells;
            if cells.is_read.get() && cells.are_few() && !self.has_quoted_header {
                tracing::warn!(
                    "{}, line {first}: in column {name:?} the quotes around {needless} of {filled} \
                     cells are taken off; if they belong to the name, write \"\"\"name\"\"\"",
                    self.lines.path().display(),
                );
            }
        }
    }

    /// The cell of the row given last at `column`, without quotes and white space around it.
    ///
    /// # Panics
    /// The table has no such column.
    pub fn cell(&self, column: usize) -> &str {
        self.cut_cell(column)
    }

    fn cut_cell(&self, column: usize) -> &str {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        // Cells are cut at separators and quotes, which are characters of their own in UTF-8.
        std::str::from_utf8(&self.cells[start..self.ends[column]]).unwrap_or_default().trim()
    }

    /// The cell at `column` as the identifier of a record.
    ///
    /// # Errors
    /// It is empty or longer than [`MAX_IDENTIFIER_BYTES`].
    pub fn identifier(&self, column: usize) -> Result<&str> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Err(self
                .fault()
                .expected("an identifier")
                .found("an empty cell")
                .remedy("give the identifier of the sequence record")
                .into());
        }
        self.bounded(cell, "an identifier", MAX_IDENTIFIER_BYTES)
    }

    /// The cell at `column` as the name of a taxon, a group or an interval.
    ///
    /// # Errors
    /// It is longer than [`MAX_NAME_BYTES`].
    pub fn name(&self, column: usize) -> Result<&str> {
        self.bounded(self.cell(column), "a name", MAX_NAME_BYTES)
    }

    fn bounded<'a>(&self, cell: &'a str, what: &str, most: usize) -> Result<&'a str> {
        if cell.len() <= most {
            return Ok(cell);
        }
        Err(self
            .fault()
            .expected(format!("{what} of at most {most} bytes"))
            .found(format!("{} bytes", cell.len()))
            .remedy("shorten it, or name the right column in the options")
            .into())
    }

    /// Ordinal of the line that the row given last begins with, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A fault about the row given last.
    pub fn fault(&self) -> InputFault {
        self.lines.fault_at(self.line)
    }

    /// A fault about line `number`.
    pub fn fault_at(&self, number: u64) -> InputFault {
        self.lines.fault_at(number)
    }

    /// Digest of the whole file as `role`.
    ///
    /// # Errors
    /// The rest of the file cannot be read.
    pub fn finish(self, role: &str) -> Result<InputDigest> {
        self.lines.finish(role)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Columns, and the rows with their lines.
    type Read = (Vec<String>, Vec<(u64, Vec<String>)>);

    fn read(bytes: impl AsRef<[u8]>) -> Result<Read> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes.as_ref()).unwrap();
        let mut table = Table::open(file.path(), "table")?;
        let mut rows = Vec::new();
        while table.next_row()? {
            let cells = (0..table.columns().len()).map(|i| table.cell(i).to_owned()).collect();
            rows.push((table.line(), cells));
        }
        Ok((table.columns().to_vec(), rows))
    }

    fn rows(text: &str) -> Vec<String> {
        let (_, rows) = read(text).unwrap();
        rows.into_iter().map(|(line, cells)| format!("{line}: {}", cells.join("|"))).collect()
    }

    fn message(text: impl AsRef<[u8]>) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn one_table_however_it_is_written() {
        let expected = ["2: a|x y|1", "4: b||2"];
        for text in [
            "id\tname\tn\na\tx y\t1\n\nb\t\t2\n",
            "\u{feff}id\tname\tn\r\na \t x y\u{a0}\t1\r\n \r\nb\t\t2",
            "id,name,n\na,x y,1\n\nb,,2\n",
            "id;name;n\na;x y;1\n\nb;;2\n",
            "\"id\",\"name\",\"n\"\n\"a\",\"x y\",1\n\n\"b\",\"\",2\n",
            "id\tname\tn\n\"a\"\t\"x y\"\t\"1\"\n\t\nb\t\"\"\t2\n",
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
        assert_eq!(rows("id\na\nb\n"), ["2: a", "3: b"]);
        assert_eq!(rows("\u{feff}\n \nid,n\na,1\n"), ["4: a|1"]);
        assert_eq!(rows("\"id\",\"n;\tm\"\na,1\n"), ["2: a|1"]);
    }

    #[test]
    fn packed_tables_are_read_like_plain_ones() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"id,n\na,1\n").unwrap();
        let zstd = zstd::encode_all(&b"id,n\na,1\n"[..], 1).unwrap();
        for packed in [gzip.finish().unwrap(), zstd] {
            assert_eq!(read(packed).unwrap().1, [(2, vec!["a".to_owned(), "1".to_owned()])]);
        }
    }

    #[test]
    fn quotes_hold_separators_quotes_and_line_ends() {
        let text = "id,name\na,\"x, \"\"y\"\"\"\nb,\"two\nlines\"\nc,3\"\n";
        assert_eq!(rows(text), ["2: a|x, \"y\"", "3: b|two lines", "5: c|3\""]);
        assert_eq!(rows("id\tname\na\t\"x\ty\"\n"), ["2: a|x\ty"]);
    }

    #[test]
    fn quotes_that_enclose_no_cell_belong_to_it() {
        let text = "id\tname\na\t\"Nostoc\" azollae\nb\t\"open\nc\t'q' \"r\"\n";
        assert_eq!(rows(text), ["2: a|\"Nostoc\" azollae", "3: b|\"open", "4: c|'q' \"r\""]);
        let fault = message("id,name\na,x\nb,\"open\nc,y\n");
        assert!(fault.contains("line 3: expected a quote that is closed"), "{fault}");
        // A row that goes on for ever, in one cell or in ever new ones, is no work without end.
        let endless = format!("id,name\na,\"{}", "x\",\"\n".repeat(1 << 19));
        assert!(message(endless).contains("line 2: expected a quote that is closed"));
        let endless = format!("id,name\na,\"{}", "x\n".repeat(1 << 20));
        assert!(message(endless).contains("line 2: expected a quote that is closed"));
    }

    #[test]
    fn tables_that_mean_nothing_are_refused() {
        assert!(message("").contains("found an empty file; pass the table"));
        assert!(message("a\ta\n").contains("found two columns \"a\""));
        assert!(
            message("id,n\na\n").contains("line 2: expected 2 columns as in the header, found 1")
        );
        assert!(message("id,n\na,1,2\n").contains("single commas"));
        assert!(message(b"id\tn\na\t\xe9\n").contains("line 2: expected UTF-8"));
        assert!(message("id\tn\na\t\0\n").contains("control characters"));
        assert!(
            message(format!("id\tn\na\t{}\n", "x".repeat(1 << 20)))
                .contains("line 2: expected lines")
        );
    }

    #[test]
    fn identifiers_and_names_have_a_longest() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for length in [MAX_NAME_BYTES, MAX_NAME_BYTES + 1, MAX_IDENTIFIER_BYTES + 1] {
            let text = format!("id\n{}\n", "x".repeat(length));
            file.as_file_mut().set_len(0).unwrap();
            std::fs::write(file.path(), text).unwrap();
            let mut table = Table::open(file.path(), "table").unwrap();
            assert!(table.next_row().unwrap());
            assert_eq!(table.name(0).is_ok(), length <= MAX_NAME_BYTES);
            assert_eq!(table.identifier(0).is_ok(), length <= MAX_IDENTIFIER_BYTES);
        }
        let mut table = Table::open(file.path(), "table").unwrap();
        table.next_row().unwrap();
        let fault = table.identifier(0).unwrap_err().to_string();
        assert!(fault.contains("line 2: expected an identifier of at most 65536 bytes"), "{fault}");
    }

    proptest! {
        /// What is written by the rules is read back, whatever the separator.
        #[test]
        fn quoted_tables_are_read_back(
            rows in prop::collection::vec(("[a-z\",;\t']{0,8}", "[ -~]{0,12}"), 1..20),
            separator in prop::sample::select(vec!['\t', ',', ';']),
        ) {
            let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let mut text = format!("first{separator}second\n");
            for (first, second) in &rows {
                text += &format!("{}{separator}{}\n", quoted(first), quoted(second));
            }
            let (_, found) = read(&text).unwrap();
            let found: Vec<_> = found.into_iter().map(|(_, cells)| cells).collect();
            let expected: Vec<_> =
                rows.iter().map(|(a, b)| vec![a.trim().to_owned(), b.trim().to_owned()]).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn nonsense_never_panics(parts in prop::collection::vec(
            prop::sample::select(vec!["\"", "\n", "\r", ",", "\t", ";", "a", "é", " ", "\"\"", "\0"]),
            0..60,
        )) {
            let _ = read(parts.concat());
        }
    }
}
