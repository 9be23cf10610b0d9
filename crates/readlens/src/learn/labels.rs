//! Which columns of the taxonomy are read: the options of the stage tokenize.

use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use readlens_text::Table;

use super::options::Learn;

/// Ranks that a table is searched for, highest first.
const KNOWN: [&str; 9] =
    ["superkingdom", "domain", "kingdom", "phylum", "class", "order", "family", "genus", "species"];
/// Those that are learned where a table has all three.
const USUAL: [&str; 3] = ["superkingdom", "phylum", "genus"];
/// A column of this name says which records are held out.
const SPLIT: &str = "split";

/// What is read of the taxonomy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Options of the stage tokenize.
    pub(crate) options: Vec<String>,
    /// How records are divided, as a sentence.
    pub(crate) divided: String,
}

/// The options that `learn` leaves to the table.
///
/// # Errors
/// The table cannot be read, or no column of it is a known rank.
pub(crate) fn of(learn: &Learn) -> Result<Labels> {
    match &learn.taxonomy {
        Some(taxonomy) => {
            let table = Table::open(taxonomy, "taxonomy table")?;
            with_columns(learn, taxonomy, table.columns())
        }
        None => Ok(without_table(learn)),
    }
}

/// Records without labels, divided at random.
fn without_table(learn: &Learn) -> Labels {
    let (fractions, seed) = at_random(learn);
    let divided = format!("at random ({fractions})");
    Labels { options: vec![format!("--split-fractions={fractions}"), seed], divided }
}

/// Fractions of the splits, and the option of the seed.
fn at_random(learn: &Learn) -> (&str, String) {
    let fractions = learn.splits.split_fractions.as_deref().unwrap_or("0.8,0.1,0.1");
    (fractions, format!("--seed={}", learn.seed))
}

fn with_columns(learn: &Learn, taxonomy: &Path, columns: &[String]) -> Result<Labels> {
    let taxa = &learn.taxa;
    let mut options = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        options.extend(value.map(|value| format!("--{name}={value}")));
    };
    let joined = |names: &Option<Vec<String>>| names.as_ref().map(|names| names.join(","));
    add("id-column", taxa.id_column.clone());
    add("lineage-column", taxa.lineage_column.clone());
    add("lineage-ranks", joined(&taxa.lineage_ranks));
    add("taxid-column", taxa.taxid_column.clone());
    add("min-count", Some(taxa.min_count.to_string()));
    // Lineages and taxids have ranks of their own, which the stage knows.
    let is_elsewhere = taxa.lineage_column.is_some() || taxa.taxid_column.is_some();
    let ranks = match &taxa.ranks {
        Some(ranks) => Some(ranks.clone()),
        // A classifier that is given has ranks of its own, too.
        None if is_elsewhere || learn.classifier.is_some() => None,
        None => Some(ranks_among(columns, taxonomy)?),
    };
    add("ranks", joined(&ranks));
    let splits = &learn.splits;
    let asked = splits.split_fractions.is_some() || splits.group_column.is_some();
    let own = columns.iter().find(|column| column.as_str() == SPLIT).filter(|_| !asked);
    let divided = match splits.split_column.as_ref().or(own) {
        Some(column) => {
            add("split-column", Some(column.clone()));
            format!("by the column {column} of the taxonomy")
        }
        None => {
            let (fractions, seed) = at_random(learn);
            add("split-fractions", Some(fractions.to_owned()));
            add("group-column", splits.group_column.clone());
            options.push(seed);
            let together = splits
                .group_column
                .as_ref()
                .map(|column| format!(", records with one value in the column {column} together"));
            format!("at random ({fractions}){}", together.unwrap_or_default())
        }
    };
    Ok(Labels { options, divided })
}

/// The ranks to learn among the columns of a table.
fn ranks_among(columns: &[String], taxonomy: &Path) -> Result<Vec<String>> {
    let has = |rank: &str| columns.iter().any(|column| column == rank);
    if USUAL.iter().all(|rank| has(rank)) {
        return Ok(USUAL.map(str::to_owned).into());
    }
    let found: Vec<String> =
        KNOWN.into_iter().filter(|rank| has(rank)).map(str::to_owned).collect();
    if found.is_empty() {
        return Err(Fault::input(taxonomy)
            .at(Place::Line(1))
            .expected(format!("a column named after a rank: {}", KNOWN.join(", ")))
            .found(columns.join(", "))
            .remedy(
                "name the columns to learn with --ranks, or that of lineages with --lineage-column",
            )
            .into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        learn: Learn,
    }

    fn labels(columns: &str, options: &[&str]) -> Result<Labels> {
        let line = ["learn", "a.fasta", "--taxonomy", "t.tsv", "--out", "m"];
        let line = Line::parse_from(line.iter().chain(options));
        let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
        with_columns(&line.learn, Path::new("t.tsv"), &columns)
    }

    #[test]
    fn the_columns_of_the_table_decide_what_is_not_asked_for() {
        let options = |columns: &str, asked: &[&str]| labels(columns, asked).unwrap().options;
        assert_eq!(
            options("id superkingdom phylum class genus split", &[]),
            ["--min-count=10", "--ranks=superkingdom,phylum,genus", "--split-column=split"]
        );
        assert_eq!(
            options("id kingdom family", &["--seed", "3"]),
            [
                "--min-count=10",
                "--ranks=kingdom,family",
                "--split-fractions=0.8,0.1,0.1",
                "--seed=3"
            ]
        );
        assert_eq!(
            options("id host split", &["--ranks", "host", "--group-column", "project"]),
            [
                "--min-count=10",
                "--ranks=host",
                "--split-fractions=0.8,0.1,0.1",
                "--group-column=project",
                "--seed=1"
            ]
        );
        assert_eq!(
            options("id Taxon part", &["--lineage-column", "Taxon", "--split-column", "part"]),
            ["--lineage-column=Taxon", "--min-count=10", "--split-column=part"]
        );
    }

    #[test]
    fn a_table_without_ranks_is_refused_with_its_columns() {
        let fault = labels("id host", &[]).unwrap_err().to_string();
        assert!(fault.contains("found id, host") && fault.contains("--ranks"), "{fault}");
    }
}
