use std::cmp::Ordering;
use std::collections::HashMap;

use crate::kind::Kind;

/// Name where no mask or method applies.
pub(crate) const NONE: &str = "none";
/// Operator of the figures of the most frequent taxon.
pub(crate) const MAJORITY: &str = "majority_class";
/// Operator of the figures of the mask itself.
pub(crate) const MASK: &str = "mask";
/// Rank of figures that belong to no single rank.
pub(crate) const ALL: &str = "all";

/// The order in which operators are listed; others follow by name.
const OPERATORS: [&str; 29] = [
    "unmasked",
    MAJORITY,
    MASK,
    "masked",
    "inverse",
    "hard_masked",
    "hard_inverse",
    "random_block",
    "random_block_inverse",
    "random_segments",
    "random_segments_inverse",
    "shifted",
    "shuffled",
    "foreign",
    "all_zero",
    "all_mean",
    "constant",
    "aopc",
    "aopc_block",
    "keep_top",
    "remove_top",
    "keep_block",
    "remove_block",
    "soft_keep",
    "soft_remove",
    "random_subset",
    "judge_unmasked",
    "judge_hard_masked",
    "judge_random_block",
];

/// Split of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Split {
    Train,
    Valid,
    Test,
    /// The table names none.
    Unassigned,
    /// All splits together.
    All,
}

impl Split {
    /// The split that a table names; `None` for a name that is none.
    pub(crate) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Unassigned),
            Some("train") => Some(Self::Train),
            Some("valid") => Some(Self::Valid),
            Some("test") => Some(Self::Test),
            Some(_) => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
            Self::Unassigned => "unassigned",
            Self::All => ALL,
        }
    }
}

/// A share of the real tokens, or the level of a constant mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Share(u32);

impl Share {
    /// `share`: from 0 to 1; bits of such numbers are in the order of the numbers.
    pub(crate) fn new(share: f32) -> Self {
        // Zero has two signs and must have one place.
        Self((share + 0.0).to_bits())
    }

    pub(crate) fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

/// What a figure is about; the numbers are places in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) method: u32,
    pub(crate) mask_rank: u32,
    pub(crate) operator: u32,
    /// Share or level of a graded operator.
    pub(crate) share: Option<Share>,
    pub(crate) rank: u32,
    pub(crate) split: Split,
    pub(crate) kind: Kind,
}

/// Names of methods, operators and ranks, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    /// The place of `name`, which is kept if it is new.
    pub(crate) fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    pub(crate) fn name(&self, place: u32) -> &str {
        &self.names[place as usize]
    }

    /// Number of names.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The order of the output: it depends on the names alone. `ranks` are the tokens table's.
    pub(crate) fn compare(&self, ranks: &[String], a: &Key, b: &Key) -> Ordering {
        let place = |known: &[&str], name: &str| {
            known.iter().position(|k| *k == name).unwrap_or(known.len())
        };
        let ranks: Vec<&str> = ranks.iter().map(String::as_str).collect();
        let order = |key: &Key| {
            let name = |place| self.name(place);
            let rank = |place| (name(place) == ALL, self.rank_place(&ranks, place), name(place));
            let method = (name(key.method) != NONE, name(key.method));
            let operator = (place(&OPERATORS, name(key.operator)), name(key.operator));
            (method, rank(key.mask_rank), operator, key.share, key.split, rank(key.rank), key.kind)
        };
        order(a).cmp(&order(b))
    }

    fn rank_place(&self, ranks: &[&str], place: u32) -> usize {
        ranks.iter().position(|rank| *rank == self.name(place)).unwrap_or(ranks.len())
    }
}
