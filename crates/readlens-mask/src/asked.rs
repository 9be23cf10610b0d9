//! What windows are asked for instead of their own predictions.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use readlens_batch::{WrongClasses, most_likely_classes, predict};
use readlens_fault::{Fault, Result};
use readlens_nn::{Classifier, WindowTokens};
use readlens_tables::tokens::TokenRow;
use serde::{Serialize, Serializer};

use crate::config::Config;
use crate::ensemble::Ensemble;
use crate::run::Paths;

/// A taxon that every window is to be explained for, typed as `genus=Treponema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of its rank.
    pub rank: String,
    /// Its name.
    pub taxon: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((rank, taxon)) if !rank.is_empty() && !taxon.is_empty() => {
                Ok(Self { rank: rank.to_owned(), taxon: taxon.to_owned() })
            }
            _ => Err("expected RANK=TAXON, such as genus=Treponema".to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.rank, self.taxon)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is asked of windows that are not explained for their own predictions.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The taxa that another window is taken for.
    WrongClasses(WrongClasses),
    /// One taxon, with those above it.
    Target {
        /// Place of its rank among the classifier's.
        rank: usize,
        /// The taxon and, where the tree is known, those above it: by rank, from the highest.
        lineage: Vec<Option<u32>>,
    },
}

impl Asked {
    /// What `config` asks for, if anything.
    ///
    /// # Errors
    /// The Explainer is told of no taxon, the classifier knows no such taxon, or no other window is
    /// there.
    pub(crate) fn of(
        config: &Config,
        explainer: &Ensemble,
        classifier: Option<&Classifier>,
        paths: &Paths,
    ) -> Result<Option<Self>> {
        let option = match (config.wrong_class, &config.target) {
            (None, None) => return Ok(None),
            (Some(_), _) => "--wrong-class",
            (None, Some(_)) => "--target",
        };
        let Some(classifier) = classifier.filter(|_| explainer.needs_classifier()) else {
            return Err(Fault::usage(format!(
                "{option} asks for another taxon, and this Explainer is told of none: leave it \
                 out, or pass one that queries the classifier or reads its gradient"
            )));
        };
        if let Some(target) = &config.target {
            let directory = paths.classifier.as_deref().unwrap_or(Path::new("classifier"));
            return Self::target(target, classifier, directory).map(Some);
        }
        let seed = config.wrong_class.unwrap_or_default();
        let wrong = WrongClasses::of(classifier, &paths.tokens, config.split, seed)?;
        Ok(Some(Self::WrongClasses(wrong)))
    }

    fn target(target: &Target, classifier: &Classifier, directory: &Path) -> Result<Self> {
        let ranks = &classifier.config().ranks;
        let unknown = |expected: String, known: &mut dyn Iterator<Item = &String>| {
            let known: Vec<&str> = known.map(String::as_str).collect();
            Fault::input(directory)
                .expected(expected)
                .found(listed(&known, &target.taxon))
                .remedy("name one of these with --target RANK=TAXON")
        };
        let Some(rank) = ranks.iter().position(|known| known.rank == target.rank) else {
            let mut names = ranks.iter().map(|rank| &rank.rank);
            return Err(unknown(format!("a rank {}", target.rank), &mut names).into());
        };
        let taxa = &ranks[rank].taxa;
        let Some(class) = taxa.iter().position(|known| *known == target.taxon) else {
            let expected = format!("a {} called {}", target.rank, target.taxon);
            return Err(unknown(expected, &mut taxa.iter()).into());
        };
        let mut lineage = vec![None; rank + 1];
        let mut taxon = Some(class as u32);
        for place in (0..=rank).rev() {
            lineage[place] = taxon;
            let tree = classifier.config().decoding.as_ref();
            taxon = taxon.and_then(|taxon| {
                tree?.parents.get(place.checked_sub(1)?)?.get(taxon as usize).copied()?
            });
        }
        Ok(Self::Target { rank, lineage })
    }

    /// The classes that each window is asked for, one per rank of the classifier.
    ///
    /// Below the rank of a target it is the most probable taxon that descends from it, or the most
    /// probable one where none is known to.
    ///
    /// # Errors
    /// The computation fails.
    pub(crate) fn classes(
        &self,
        classifier: &Classifier,
        rows: &[TokenRow],
        tokens: &[WindowTokens<'_>],
    ) -> Result<Vec<Vec<u32>>> {
        let predictions = predict(classifier, tokens, None)?;
        let of_window = |(row, p): (&TokenRow, Vec<Vec<f32>>)| match self {
            Self::WrongClasses(wrong) => wrong.of_window(row, &most_likely_classes(&p)),
            Self::Target { rank, lineage } => along(classifier, *rank, lineage, &p),
        };
        Ok(rows.iter().zip(predictions).map(of_window).collect())
    }
}

/// The lineage of a target, and below it the most probable taxa that go on from it.
fn along(
    classifier: &Classifier,
    rank: usize,
    lineage: &[Option<u32>],
    p: &[Vec<f32>],
) -> Vec<u32> {
    let mut classes = most_likely_classes(p);
    for (class, known) in classes.iter_mut().zip(lineage) {
        *class = known.unwrap_or(*class);
    }
    let tree = classifier.config().decoding.as_ref();
    for below in rank + 1..classes.len() {
        let Some(parents) = tree.and_then(|tree| tree.parents.get(below - 1)) else { continue };
        let above = classes[below - 1];
        let children = parents.iter().zip(&p[below]).zip(0u32..);
        let children = children.filter(|((parent, _), _)| **parent == Some(above));
        let best = children.max_by(|((_, a), _), ((_, b), _)| a.total_cmp(b));
        if let Some((_, child)) = best {
            classes[below] = child;
        }
    }
    classes
}

/// The names that are known: all of a few, or those that are most like `wanted`.
fn listed(known: &[&str], wanted: &str) -> String {
    const SHOWN: usize = 12;
    if known.len() <= SHOWN {
        return known.join(", ");
    }
    let start: String = wanted.chars().take(3).collect::<String>().to_lowercase();
    let is_alike = |name: &&&str| name.to_lowercase().starts_with(&start);
    let (alike, others): (Vec<&str>, Vec<&str>) = known.iter().partition(is_alike);
    let shown: Vec<&str> = alike.into_iter().chain(others).take(SHOWN).collect();
    format!("{} names, such as {}", known.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_rank_and_a_taxon() {
        let target: Result<Target, String> = "genus=Candidatus A=B".parse();
        let expected = Target { rank: "genus".into(), taxon: "Candidatus A=B".into() };
        assert_eq!(target, Ok(expected));
        for wrong in ["Treponema", "genus=", "=Treponema", ""] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_names_are_not_all_listed() {
        let names: Vec<String> =
            (0..100).map(|n| format!("Genus{n}")).chain(["Treponema".into()]).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = listed(&names, "treponoma");
        assert!(text.starts_with("101 names, such as Treponema, Genus0"), "{text}");
        assert!(listed(&names, "genux").matches("Genus0,").count() == 1);
        assert_eq!(listed(&["a", "b"], "c"), "a, b");
    }
}
