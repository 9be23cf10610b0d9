//! Text tracks: stretches as BED and GFF3, merged masks as bedGraph.

use std::path::Path;

use readlens_fault::Result;
use readlens_provenance::NewFile;
use readlens_tables::stretches::StretchRow;

use crate::escaped::{sequence, value};
use crate::stretch::Run;

/// Begins GFF3.
pub(crate) fn create_gff3(path: &Path) -> Result<NewFile> {
    let mut file = NewFile::create(path)?;
    put_line(&mut file, "##gff-version 3")?;
    Ok(file)
}

/// Writes a line.
pub(crate) fn put_line(file: &mut NewFile, line: &str) -> Result<()> {
    file.put(line.as_bytes())?;
    file.put(b"\n")
}

/// What a stretch is called: its taxon, or its rank where no taxon is known.
fn name(stretch: &StretchRow) -> String {
    value(stretch.taxon.as_deref().unwrap_or(stretch.rank.name()))
}

/// A line of BED with six fields.
pub(crate) fn bed(stretch: &StretchRow) -> String {
    let StretchRow { id, start, end, strand, mean, .. } = stretch;
    let score = (f64::from(*mean) * 1000.0).round();
    let (id, name) = (sequence(id), name(stretch));
    format!("{id}\t{start}\t{end}\t{name}\t{score}\t{strand}")
}

/// The line of GFF3 that says how long a record is.
pub(crate) fn region(id: &str, length: u32) -> String {
    format!("##sequence-region {} 1 {length}", sequence(id))
}

/// A line of GFF3, whose bases count from 1; `ordinal` is that of the stretch in the file.
pub(crate) fn gff3(stretch: &StretchRow, ordinal: u64) -> String {
    let StretchRow { id, start, end, strand, method, replicate, rank, mean, peak, .. } = stretch;
    let (id, name, first) = (sequence(id), name(stretch), u64::from(*start) + 1);
    let (method, rank) = (value(method), value(rank.name()));
    format!(
        "{id}\treadlens\tsequence_feature\t{first}\t{end}\t{mean}\t{strand}\t.\tID=stretch{ordinal};\
         Name={name};method={method};replicate={replicate};rank={rank};peak={peak}"
    )
}

/// A line of bedGraph; `id` is written as tracks write it.
pub(crate) fn bedgraph(id: &str, Run { start, end, value }: Run) -> String {
    format!("{id}\t{start}\t{end}\t{value}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use readlens_tables::vocabulary::{MethodKind, Name, Ranks};

    use super::*;

    fn stretch() -> StretchRow {
        StretchRow {
            id: "a b".to_owned(),
            start: 9,
            end: 12,
            strand: ".".to_owned(),
            method: Name::new("explainer").unwrap(),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::One(Name::new("genus").unwrap()),
            taxon: Some("Bacillus; \"A\"".to_owned()),
            length: 3,
            mean: 0.75,
            peak: 1.0,
        }
    }

    #[test]
    fn lines_count_as_their_formats_do() {
        let named = stretch();
        assert_eq!(bed(&named), "a%20b\t9\t12\tBacillus%3B%20\"A\"\t750\t.");
        let line = "a%20b\treadlens\tsequence_feature\t10\t12\t0.75\t.\t.\tID=stretch7;\
                    Name=Bacillus%3B%20\"A\";method=explainer;replicate=1;rank=genus;peak=1";
        assert_eq!(gff3(&named, 7), line);
        assert_eq!(bed(&StretchRow { taxon: None, ..named }), "a%20b\t9\t12\tgenus\t750\t.");
        assert_eq!(region("#", 5), "##sequence-region %23 1 5");
        assert_eq!(bedgraph("a", Run { start: 0, end: 2, value: 0.5 }), "a\t0\t2\t0.5");
    }
}
