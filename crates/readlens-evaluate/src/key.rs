use std::cmp::Ordering;

use readlens_metrics::{About, Names, Subject};
use readlens_tables::vocabulary::{MaskName, MethodKind, Operator, Over, Ranks, Removal, Word};

use crate::kind::Kind;

/// A share of the real tokens, or the level of a constant mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Share(u32);

impl Share {
    /// `share`: from 0 to 1; bits of such numbers are in the order of the numbers.
    pub(crate) fn new(share: f32) -> Self {
        // Zero has two signs and must be one share.
        Self((share + 0.0).to_bits())
    }

    pub(crate) fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

/// What a figure is about; the numbers are those of [`KeyNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The masks; none for figures of the classifier alone.
    pub(crate) mask: Option<u32>,
    pub(crate) operator: u32,
    pub(crate) removal: Removal,
    /// Share or level of a graded operator.
    pub(crate) share: Option<Share>,
    pub(crate) rank: u32,
    pub(crate) over: Over,
    pub(crate) kind: Kind,
}

impl Subject for Key {
    fn sums(&self) -> usize {
        self.kind.sums()
    }

    fn is_point(&self) -> bool {
        self.share.is_some()
    }

    fn adds_up(&self) -> bool {
        // The mean over taxa is no sum over splits: it is observed for all splits directly.
        self.kind != Kind::AccuracyMacro
    }

    fn over(&self) -> Over {
        self.over
    }

    fn with_over(self, over: Over) -> Self {
        Self { over, ..self }
    }
}

/// The names behind the numbers of keys.
#[derive(Debug, Default)]
pub(crate) struct KeyNames {
    pub(crate) masks: Names<MaskName>,
    pub(crate) operators: Names<Word<Operator>>,
    pub(crate) ranks: Names<Ranks>,
}

impl KeyNames {
    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.masks.len() + self.operators.len() + self.ranks.len()
    }

    /// All that a row of the metrics table says beside the figure.
    pub(crate) fn about(&self, key: &Key) -> About {
        About {
            mask: key.mask.map(|mask| self.masks.name(mask).clone()),
            operator: self.operators.name(key.operator).clone(),
            variant: None,
            removal: key.removal,
            share: key.share.map(Share::value),
            over: key.over,
            ranks: self.ranks.name(key.rank).clone(),
        }
    }

    /// The order of the output, which depends on the names alone: figures without masks, then those
    /// of Explainers, attribution methods and controls. `ranks` are the tokens table's.
    pub(crate) fn compare(&self, ranks: &[String], a: &Key, b: &Key) -> Ordering {
        let rank = |of: &Ranks| match of {
            Ranks::All => (1, 0, String::new()),
            Ranks::One(rank) => {
                let place = ranks.iter().position(|known| rank == known).unwrap_or(ranks.len());
                (0, place, rank.to_string())
            }
        };
        let mask = |key: &Key| {
            let MaskName { method, ranks } = self.masks.name(key.mask?);
            let kind: MethodKind = method.kind;
            Some((kind, method.name.clone(), method.replicate, rank(ranks)))
        };
        let order = |key: &Key| {
            let operator = self.operators.name(key.operator);
            let of = rank(self.ranks.name(key.rank));
            (mask(key), operator.clone(), key.removal, key.share, key.over, of, key.kind)
        };
        order(a).cmp(&order(b))
    }
}
