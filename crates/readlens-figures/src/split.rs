/// Split that a figure was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// Windows that networks learn from.
    Train,
    /// Windows that choose between them.
    Valid,
    /// Windows that judge them.
    Test,
    /// The table names none.
    Unassigned,
    /// All splits together.
    All,
}

impl Split {
    /// The split that a table names; `None` for a name that is none.
    pub fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Unassigned),
            Some("train") => Some(Self::Train),
            Some("valid") => Some(Self::Valid),
            Some("test") => Some(Self::Test),
            Some(_) => None,
        }
    }

    /// Its name in the metrics table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
            Self::Unassigned => "unassigned",
            Self::All => "all",
        }
    }
}
