use readlens_fault::{Fault, Result};

use crate::config::Inputs;
use crate::join::Window;
use crate::window::is_comparable;

/// How many windows of an other table were there to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Windows with a mask of the same method and rank in both tables.
    compared: u64,
    /// Windows that only the reference has.
    missing: u64,
    /// Windows that only the other table has.
    surplus: u64,
    /// Windows that both have, but no mask of the same method and rank.
    unmatched: u64,
}

/// Counts per other table, in their order.
#[derive(Debug)]
pub(crate) struct Counts(Vec<Count>);

impl Counts {
    pub(crate) fn new(tables: usize) -> Self {
        Self(vec![Count::default(); tables])
    }

    pub(crate) fn add(&mut self, window: &Window) {
        for (count, other) in self.0.iter_mut().zip(&window.others) {
            let has_same = window
                .reference
                .iter()
                .any(|reference| other.iter().any(|row| is_comparable(row, reference)));
            match (window.reference.is_empty(), other.is_empty()) {
                (true, true) => {}
                (false, true) => count.missing += 1,
                (true, false) => count.surplus += 1,
                (false, false) if has_same => count.compared += 1,
                (false, false) => count.unmatched += 1,
            }
        }
    }

    /// Logs what was not compared.
    ///
    /// # Errors
    /// Nothing of a table could be compared.
    pub(crate) fn report(&self, inputs: &Inputs) -> Result<()> {
        for (count, other) in self.0.iter().zip(&inputs.others) {
            let (label, path) = (other.label(), other.path.display());
            if count.compared == 0 {
                return Err(Fault::input(&other.path)
                    .expected(format!(
                        "masks of windows, methods and ranks that {} has",
                        inputs.reference.display()
                    ))
                    .found(format!(
                        "{} windows, none with one of these",
                        count.surplus + count.unmatched
                    ))
                    .remedy("compare masks of the same method, such as explainer with explainer")
                    .into());
            }
            tracing::info!("{label}: compared {} windows of {path}", count.compared);
            if count.missing + count.surplus + count.unmatched > 0 {
                tracing::warn!(
                    "{label}: {} windows are missing in {path}, {} are there only, {} have no mask of \
                     the same method and rank",
                    count.missing,
                    count.surplus,
                    count.unmatched
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use readlens_tables::bases::BaseRow;
    use readlens_tables::vocabulary::{MethodKind, Name, Over, Ranks, Split};

    use super::*;

    fn rows(methods: &[&str]) -> Vec<BaseRow> {
        let row = |method: &&str| BaseRow {
            id: "r".to_owned(),
            window: 0,
            start: 0,
            end: 1,
            strand: "+".to_owned(),
            method: Name::new(method).unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            mask: vec![0.5],
        };
        methods.iter().map(row).collect()
    }

    #[test]
    fn every_window_is_counted_once_per_table() {
        let mut counts = Counts::new(2);
        for (reference, others) in [
            (&["a", "b"][..], [&["b"][..], &["c"]]),
            (&["a"], [&[], &["a"]]),
            (&[], [&["a"], &[]]),
            (&["a"], [&["a"], &["a"]]),
        ] {
            counts.add(&Window {
                id: "r".to_owned(),
                over: Over::Split(Split::Test),
                covered: 0..1,
                reference: rows(reference),
                others: others.iter().map(|methods| rows(methods)).collect(),
            });
        }
        let first = Count { compared: 2, missing: 1, surplus: 1, unmatched: 0 };
        let second = Count { compared: 2, missing: 0, surplus: 0, unmatched: 1 };
        assert_eq!(counts.0, [first, second]);
    }
}
