use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use readlens_fault::{Fault, Place, Result};

/// Longest line of an interval list.
const MAX_LINE_BYTES: u64 = 1 << 20;

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

/// Reads a tab-separated interval list with a header: `id`, `start` (or `start0`), `end` (or
/// `end0`) and optionally `name` (or `region`); other columns are ignored. Coordinates are
/// 0-based and half-open. The intervals of a record keep their order in the file.
///
/// # Errors
/// The file cannot be read, lacks a column, or a line is ragged, not a number or empty
/// (`start >= end`).
pub fn read_intervals(path: &Path) -> Result<HashMap<String, Vec<Interval>>> {
    let file = File::open(path).map_err(|e| Fault::io("open", path, e))?;
    let mut lines = Lines { reader: BufReader::new(file), path, number: 0 };
    let header = lines.next_line()?.unwrap_or_default();
    let names: Vec<&str> = header.split('\t').collect();
    let column = |wanted: &[&str]| names.iter().position(|name| wanted.contains(name));
    let required = |wanted: &[&str]| {
        column(wanted).ok_or_else(|| {
            let fault = Fault::input(path)
                .at(Place::Line(1))
                .expected(format!("a header with the column {}", wanted.join(" or ")))
                .found(format!("{header:?}"))
                .remedy("name the columns id, start, end and optionally name");
            Fault::from(fault)
        })
    };
    let (id, start, end) =
        (required(&["id"])?, required(&["start", "start0"])?, required(&["end", "end0"])?);
    let name = column(&["name", "region"]);
    let mut intervals: HashMap<String, Vec<Interval>> = HashMap::new();
    while let Some(line) = lines.next_line()? {
        let fields: Vec<&str> = line.split('\t').collect();
        let fault = || Fault::input(path).at(Place::Line(lines.number));
        if fields.len() != names.len() {
            return Err(fault()
                .expected(format!("{} columns", names.len()))
                .found(fields.len())
                .remedy("separate the columns by single tabs")
                .into());
        }
        let number = |field: usize| {
            fields[field].parse::<u32>().map_err(|_| {
                let fault = fault()
                    .expected(format!("a whole number in column {}", names[field]))
                    .found(format!("{:?}", fields[field]))
                    .remedy("give 0-based, half-open positions");
                Fault::from(fault)
            })
        };
        let (start, end) = (number(start)?, number(end)?);
        if start >= end {
            return Err(fault()
                .expected("start below end")
                .found(format!("{start} to {end}"))
                .remedy("give 0-based, half-open positions")
                .into());
        }
        let name = name.map_or_else(String::new, |n| fields[n].to_owned());
        intervals.entry(fields[id].to_owned()).or_default().push(Interval { start, end, name });
    }
    Ok(intervals)
}

struct Lines<'a> {
    reader: BufReader<File>,
    path: &'a Path,
    number: u64,
}

impl Lines<'_> {
    /// The next line that is not blank, without its line ending.
    fn next_line(&mut self) -> Result<Option<String>> {
        loop {
            let mut bytes = Vec::new();
            let count = std::io::Read::take(&mut self.reader, MAX_LINE_BYTES)
                .read_until(b'\n', &mut bytes)
                .map_err(|e| Fault::io("read", self.path, e))?;
            if count == 0 {
                return Ok(None);
            }
            self.number += 1;
            let fault = || Fault::input(self.path).at(Place::Line(self.number));
            if count as u64 == MAX_LINE_BYTES {
                return Err(fault()
                    .expected(format!("lines below {MAX_LINE_BYTES} bytes"))
                    .found("a longer one")
                    .remedy("pass a tab-separated interval list")
                    .into());
            }
            let line = String::from_utf8(bytes).map_err(|e| {
                fault().expected("UTF-8 text").found(e).remedy("pass a tab-separated interval list")
            })?;
            let line = line.trim_end_matches(['\n', '\r']);
            if !line.is_empty() {
                return Ok(Some(line.to_owned()));
            }
        }
    }
}
