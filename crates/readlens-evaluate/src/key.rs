use std::cmp::Ordering;

use readlens_figures::{Names, Split};

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

/// The order of the output: it depends on the names alone. `ranks` are the tokens table's.
pub(crate) fn compare(names: &Names, ranks: &[String], a: &Key, b: &Key) -> Ordering {
    let place =
        |known: &[&str], name: &str| known.iter().position(|k| *k == name).unwrap_or(known.len());
    let ranks: Vec<&str> = ranks.iter().map(String::as_str).collect();
    let order = |key: &Key| {
        let name = |place| names.name(place);
        let rank = |place| (name(place) == ALL, rank_place(names, &ranks, place), name(place));
        let method = (name(key.method) != NONE, name(key.method));
        let operator = (place(&OPERATORS, name(key.operator)), name(key.operator));
        (method, rank(key.mask_rank), operator, key.share, key.split, rank(key.rank), key.kind)
    };
    order(a).cmp(&order(b))
}

fn rank_place(names: &Names, ranks: &[&str], place: u32) -> usize {
    ranks.iter().position(|rank| *rank == names.name(place)).unwrap_or(ranks.len())
}
