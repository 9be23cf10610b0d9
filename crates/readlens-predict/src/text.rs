//! Text files: the table of the records' lineages, and counts for Krona.

use readlens_fault::Result;
use readlens_nn::RankClasses;
use readlens_provenance::NewFile;

use crate::escaped::{cell, line};
use crate::tally::{Tally, names};

/// Writes a line; cells hold neither tabs nor line breaks.
pub(crate) fn put_cells(file: &mut NewFile, cells: &[impl AsRef<str>]) -> Result<()> {
    for (place, cell) in cells.iter().enumerate() {
        let before = if place == 0 { "" } else { "\t" };
        file.put(before.as_bytes())?;
        file.put(cell.as_ref().as_bytes())?;
    }
    file.put(b"\n")
}

/// Head of the table of lineages: `id`, `lineage`, and `confidence` of each rank.
pub(crate) fn head(ranks: &[RankClasses]) -> Vec<String> {
    let confidences = ranks.iter().map(|rank| cell(&format!("{}_confidence", rank.rank)));
    ["id", "lineage"].into_iter().map(str::to_owned).chain(confidences).collect()
}

/// A row of the table of lineages, whose taxa have semicolons between them.
pub(crate) fn row(
    id: &str,
    lineage: &[usize],
    confidences: impl Iterator<Item = f32>,
    ranks: &[RankClasses],
) -> Vec<String> {
    let taxa: Vec<String> = names(lineage, ranks).map(|name| name.replace(';', ",")).collect();
    let confidences = confidences.map(|confidence| format!("{confidence:.4}"));
    [cell(id), cell(&taxa.join(";"))].into_iter().chain(confidences).collect()
}

/// Counts of lineages as ktImportText reads them: a number and the taxa from the highest rank down.
/// A number alone is of the records without a named taxon.
pub(crate) fn krona(tally: &Tally, ranks: &[RankClasses]) -> String {
    let mut text = String::new();
    for (lineage, records) in tally.lineages() {
        text.push_str(&records.to_string());
        for name in names(lineage, ranks) {
            text.push('\t');
            text.push_str(&line(name));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks() -> Vec<RankClasses> {
        let rank = |rank: &str, taxa: [&str; 2]| RankClasses {
            rank: rank.to_owned(),
            taxa: taxa.map(str::to_owned).to_vec(),
        };
        vec![rank("phylum", ["=Cmd", "Bacillota"]), rank("genus", ["a;b", "c\td"])]
    }

    #[test]
    fn a_lineage_ends_above_the_first_rank_without_a_name() {
        assert_eq!(head(&ranks()), ["id", "lineage", "phylum_confidence", "genus_confidence"]);
        let of = |lineage: &[usize]| row("@r\t1", lineage, [1.0, 0.5].into_iter(), &ranks());
        assert_eq!(of(&[1, 0]), ["'@r 1", "Bacillota;a,b", "1.0000", "0.5000"]);
        assert_eq!(of(&[0]), ["'@r 1", "'=Cmd", "1.0000", "0.5000"]);
        assert_eq!(of(&[])[1], "");
    }

    #[test]
    fn krona_gets_a_line_per_lineage() {
        let mut tally = Tally::default();
        for lineage in [vec![1, 1], vec![], vec![1], vec![1, 1], vec![0, 0]] {
            tally.add(lineage);
        }
        let text = krona(&tally, &ranks());
        assert_eq!(text, "1\n1\t=Cmd\ta;b\n1\tBacillota\n2\tBacillota\tc d\n");
    }
}
