use std::collections::{HashMap, HashSet};

/// Number of a taxon that is not known.
const UNKNOWN: u32 = u32::MAX;

/// The lineages of the labelled windows: which taxa occur together.
#[derive(Debug, Default)]
pub(crate) struct Lineages {
    names: HashMap<String, u32>,
    /// One number per rank column, [`UNKNOWN`] where a window has no label.
    tuples: HashSet<Vec<u32>>,
}

impl Lineages {
    /// Adds a window's labels, one per rank column; how many lineages are known then.
    pub(crate) fn add(&mut self, taxa: &[Option<String>]) -> usize {
        let mut number = |taxon: &Option<String>| match taxon {
            None => UNKNOWN,
            Some(taxon) => match self.names.get(taxon) {
                Some(&number) => number,
                None => {
                    let number = self.names.len() as u32;
                    self.names.insert(taxon.clone(), number);
                    number
                }
            },
        };
        let tuple: Vec<u32> = taxa.iter().map(&mut number).collect();
        self.tuples.insert(tuple);
        self.tuples.len()
    }

    /// The lineages over some of the rank `columns`, those with all labels; none where fewer than
    /// two ranks are asked for, as a single taxon is no lineage, or one has no column.
    pub(crate) fn over(self, columns: &[String], ranks: &[String]) -> Option<KnownLineages> {
        let places: Option<Vec<usize>> =
            ranks.iter().map(|rank| columns.iter().position(|column| column == rank)).collect();
        let places = places.filter(|places| places.len() > 1)?;
        let project = |tuple: &Vec<u32>| places.iter().map(|&place| tuple[place]).collect();
        let tuples: HashSet<Vec<u32>> = self.tuples.iter().map(project).collect();
        let tuples = tuples.into_iter().filter(|tuple| !tuple.contains(&UNKNOWN)).collect();
        Some(KnownLineages { names: self.names, tuples, ranks: ranks.to_vec() })
    }
}

/// Lineages over the ranks that are predicted.
#[derive(Debug)]
pub(crate) struct KnownLineages {
    names: HashMap<String, u32>,
    tuples: HashSet<Vec<u32>>,
    ranks: Vec<String>,
}

impl KnownLineages {
    /// Whether the predictions, each a rank and a taxon, are the lineage of some labelled window;
    /// none where a rank was not predicted.
    pub(crate) fn has(&self, predicted: &[(&str, &str)]) -> Option<bool> {
        let of_rank = |rank: &String| predicted.iter().find(|(r, _)| r == rank).map(|(_, t)| *t);
        let taxa: Vec<&str> = self.ranks.iter().map(of_rank).collect::<Option<_>>()?;
        let numbers: Option<Vec<u32>> = taxa.iter().map(|t| self.names.get(*t).copied()).collect();
        Some(numbers.is_some_and(|numbers| self.tuples.contains(&numbers)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_lineage_is_one_that_some_window_has() {
        let mut lineages = Lineages::default();
        let text = |name: &str| Some(name.to_owned());
        lineages.add(&[text("P"), text("F"), text("G")]);
        lineages.add(&[text("Q"), None, text("H")]);
        assert_eq!(lineages.add(&[text("Q"), None, text("H")]), 2);
        lineages.add(&[text("Q"), text("E"), None]);
        let columns = ["phylum", "family", "genus"].map(str::to_owned);
        let known = lineages.over(&columns, &["genus".to_owned(), "phylum".to_owned()]).unwrap();
        let has = |phylum, genus| known.has(&[("phylum", phylum), ("genus", genus)]);
        assert_eq!(has("P", "G"), Some(true));
        assert_eq!(has("Q", "H"), Some(true));
        assert_eq!(has("P", "H"), Some(false));
        assert_eq!(has("P", "unheard of"), Some(false));
        assert_eq!(known.has(&[("phylum", "P")]), None);
        assert!(Lineages::default().over(&columns, &["genus".to_owned()]).is_none());
        let other = ["genus", "order"].map(str::to_owned);
        assert!(Lineages::default().over(&columns, &other).is_none());
    }
}
