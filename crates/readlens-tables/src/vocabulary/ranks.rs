use std::fmt;
use std::str::FromStr;

use super::name::{ALL, BadName, Name};

/// All ranks, or one: what a mask explains, or what a figure is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ranks {
    /// All ranks at once; `all` in files.
    All,
    /// One rank.
    One(Name),
}

impl Ranks {
    /// The name in files: `all`, or that of the rank.
    pub fn name(&self) -> &str {
        match self {
            Self::All => ALL,
            Self::One(rank) => rank,
        }
    }

    /// The rank, where it is one.
    pub fn one(&self) -> Option<&Name> {
        match self {
            Self::All => None,
            Self::One(rank) => Some(rank),
        }
    }

    /// Whether `rank` is among them.
    pub fn contains(&self, rank: &str) -> bool {
        self.one().is_none_or(|one| one == rank)
    }
}

impl FromStr for Ranks {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ALL { Ok(Self::All) } else { Name::new(text).map(Self::One) }
    }
}

impl fmt::Display for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Ranks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Ranks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
