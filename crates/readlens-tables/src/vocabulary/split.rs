use std::fmt;
use std::str::FromStr;

use super::words::{UnknownWord, Vocabulary, vocabulary};

vocabulary! {
    /// The part of the data that a record belongs to.
    Split, "a split": {
        Train = "train", "The records that networks learn from.";
        Valid = "valid", "The records by which one of several trained states is chosen.";
        Test = "test", "The records that judge the result.";
    }
}

/// The windows that a figure is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Over {
    /// Those of one split.
    Split(Split),
    /// Those that belong to no split.
    Unassigned,
    /// All of them.
    All,
}

impl Over {
    /// Every choice: the splits, `unassigned`, `all`.
    pub const ALL: [Self; 5] = [
        Self::Split(Split::Train),
        Self::Split(Split::Valid),
        Self::Split(Split::Test),
        Self::Unassigned,
        Self::All,
    ];

    /// The windows of a split, or those without one.
    pub fn of(split: Option<Split>) -> Self {
        split.map_or(Self::Unassigned, Self::Split)
    }

    /// Whether a training on the table of these windows learned from them; none if from some. It
    /// learns from the split train, and from all windows of a table without splits.
    ///
    /// `measured`: over what the figures beside this one are taken, which tells what `All` stands
    /// for.
    pub fn are_training_windows(self, table_has_splits: bool, measured: &[Self]) -> Option<bool> {
        let train = Self::Split(Split::Train);
        match self {
            _ if !table_has_splits => Some(true),
            Self::Split(_) | Self::Unassigned => Some(self == train),
            Self::All if !measured.contains(&train) => Some(false),
            Self::All if measured.iter().all(|over| [Self::All, train].contains(over)) => {
                Some(true)
            }
            Self::All => None,
        }
    }

    /// The name in the column `split` of the metrics table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Split(split) => split.name(),
            Self::Unassigned => "unassigned",
            Self::All => "all",
        }
    }
}

impl Vocabulary for Over {
    const WHAT: &'static str = "a split or what stands for several";
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Split(split) => split.meaning(),
            Self::Unassigned => "The records that belong to no split.",
            Self::All => "All records, whatever their split.",
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Over {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text).ok_or_else(|| UnknownWord::of::<Self>(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_has_windows_of_its_own() {
        for split in Split::ALL {
            assert!(Over::ALL.contains(&Over::of(Some(*split))), "{split}");
        }
    }
}
