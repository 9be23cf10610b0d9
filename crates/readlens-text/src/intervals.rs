use std::collections::HashMap;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};

use crate::table::Table;

const COLUMNS: &str = "name the columns id, start, end and optionally name";
const POSITIONS: &str = "give 0-based, half-open positions";

/// A named stretch of a sequence record: truth to compare masks with, or an annotation to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First base, 0-based.
    pub start: u32,
    /// One past the last base.
    pub end: u32,
    /// Name, such as `V3`; empty where the list has none.
    pub name: String,
}

/// An interval list, and which of its records the table of tokens has.
#[derive(Debug)]
pub struct Intervals {
    path: PathBuf,
    records: HashMap<String, Of>,
}

/// What is known of one record.
#[derive(Debug, Default)]
struct Of {
    intervals: Vec<Interval>,
    /// End of its last window; none where no window was seen.
    end: Option<u32>,
}

impl Intervals {
    /// Reads an interval list: a table with the columns `id`, `start` (or `start0`), `end` (or
    /// `end0`) and optionally `name` (or `region`); other columns are ignored. Coordinates are
    /// 0-based and half-open. The intervals of a record keep their order in the file.
    ///
    /// # Errors
    /// The file cannot be read, lacks a column, or a row is ragged, not a number or empty
    /// (`start >= end`).
    pub fn read(path: &Path) -> Result<Self> {
        let mut table = Table::open(path, "interval list")?;
        let id = table.column("id", COLUMNS, |_| false)?;
        let start = table.column("start", COLUMNS, |column| column == "start0")?;
        let end = table.column("end", COLUMNS, |column| column == "end0")?;
        let named = |wanted: &str| table.columns().iter().position(|column| column == wanted);
        let name = named("name").or_else(|| named("region"));
        let mut records: HashMap<String, Of> = HashMap::new();
        while table.next_row()? {
            let number = |column: usize| {
                table.cell(column).parse::<u32>().map_err(|_| {
                    let fault = table
                        .fault()
                        .expected(format!("a whole number in column {}", table.columns()[column]))
                        .found(format!("{:?}", table.cell(column)))
                        .remedy(POSITIONS);
                    Fault::from(fault)
                })
            };
            let (start, end) = (number(start)?, number(end)?);
            if start >= end {
                return Err(table
                    .fault()
                    .expected("start below end")
                    .found(format!("{start} to {end}"))
                    .remedy(POSITIONS)
                    .into());
            }
            let name = name.map_or(Ok(""), |column| table.name(column))?.to_owned();
            let id = table.identifier(id)?;
            let interval = Interval { start, end, name };
            match records.get_mut(id) {
                Some(record) => record.intervals.push(interval),
                None => records.entry(id.to_owned()).or_default().intervals.push(interval),
            }
        }
        Ok(Self { path: path.to_path_buf(), records })
    }

    /// The intervals of record `id`; none where the list does not name it.
    pub fn of(&self, id: &str) -> Option<&[Interval]> {
        Some(&self.records.get(id)?.intervals)
    }

    /// Notes that record `id` has a window up to base `end`.
    pub fn see_window(&mut self, id: &str, end: u32) {
        if let Some(record) = self.records.get_mut(id) {
            record.end = record.end.max(Some(end));
        }
    }

    /// Checks, after the last window, that the intervals belong to the records whose windows were
    /// seen. Records without a window are counted in the log.
    ///
    /// # Errors
    /// An interval lies past the last window of its record, or no record has a window.
    pub fn check(&self) -> Result<()> {
        let outside = self.records.iter().filter_map(|(id, record)| {
            let end = record.end?;
            let outside = record.intervals.iter().find(|interval| interval.end > end)?;
            Some((id, end, outside))
        });
        // The first by name: the message must not depend on the order of a hash table.
        if let Some((id, end, outside)) = outside.min_by_key(|(id, ..)| *id) {
            return Err(Fault::input(&self.path)
                .at(Place::Part(format!("intervals of {id}")))
                .expected(format!("positions up to {end}, the end of its last window"))
                .found(format!("{} to {}", outside.start, outside.end))
                .remedy(
                    "pass the 0-based, half-open intervals of the sequences that were tokenized",
                )
                .into());
        }
        let missing = self.records.values().filter(|record| record.end.is_none()).count();
        if missing > 0 && missing == self.records.len() {
            let example = self.records.keys().min().map_or("", String::as_str);
            return Err(Fault::input(&self.path)
                .expected("intervals of records in the tokens table")
                .found(format!("none of {missing}, such as {example}, there"))
                .remedy("pass the intervals of the sequences that were tokenized")
                .into());
        }
        if missing > 0 {
            tracing::warn!("{missing} records of {} are not among the tokens", self.path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use readlens_fault::ExitCode;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Intervals> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Intervals::read(file.path())
    }

    #[test]
    fn lists_are_read_like_every_table() {
        let interval = |start, end, name: &str| Interval { start, end, name: name.to_owned() };
        let expected = [interval(1, 5, "V1"), interval(7, 9, "")];
        for text in [
            "id\tstart\tend\tname\nr\t1\t5\tV1\nr\t7\t9\t\n",
            "\u{feff}name,id,end,start\r\nV1,\"r\",5,1\r\n\r\n,r ,9, 7\r\n",
            "id;start0;end0;region\nr;1;5;V1\nr;7;9;\n",
            "name\tid\tend\tnotes\tstart\r\nV1\tr\t5\tx\t1\r\n\r\n\tr\t9\t\t7",
        ] {
            let intervals = read(text).unwrap();
            assert_eq!(intervals.of("r"), Some(&expected[..]), "{text:?}");
            assert_eq!(intervals.of("s"), None);
        }
    }

    #[test]
    fn what_is_wrong_is_placed() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "an empty file"),
            (b"id\tstart\n", "column \"end\""),
            (b"a\t1\t2\n", "line 1"),
            (b"id\tstart\tend\na\t1\n", "line 2: expected 3 columns as in the header, found 2"),
            (
                b"id\tstart\tend\na\t1\t2\t3\n",
                "line 2: expected 3 columns as in the header, found 4",
            ),
            (b"id\tstart\tend\n\na\t1\tx\n", "line 3: expected a whole number in column end"),
            (b"id\tstart\tend\na\t-1\t2\n", "whole number in column start"),
            (b"id\tstart\tend\na\t5\t5\n", "start below end"),
            (b"id\tstart\tend\n\xff\t5\t6\n", "UTF-8"),
        ];
        for (text, part) in cases {
            let fault = read(text).unwrap_err();
            assert_eq!(fault.exit_code(), ExitCode::BadInput);
            assert!(fault.to_string().contains(part), "{fault} lacks {part}");
        }
        let endless = vec![b'a'; 3 << 20];
        assert!(read(endless).unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn intervals_belong_to_the_windows() {
        let mut intervals = read("id\tstart\tend\nr\t0\t6\nr\t20\t25\ns\t0\t1\n").unwrap();
        let fault = intervals.check().unwrap_err().to_string();
        assert!(fault.contains("found none of 2, such as r, there"), "{fault}");
        intervals.see_window("r", 24);
        intervals.see_window("r", 10);
        intervals.see_window("another", 1);
        let fault = intervals.check().unwrap_err().to_string();
        assert!(fault.contains("intervals of r: expected positions up to 24"), "{fault}");
        intervals.see_window("r", 25);
        assert!(intervals.check().is_ok());
        assert!(read("id\tstart\tend\n").unwrap().check().is_ok());
    }
}
