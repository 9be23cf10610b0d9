use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use readlens_fault::Fault;

/// The word for all ranks, all splits or all windows.
pub(crate) const ALL: &str = "all";
/// The word that older tables have where no mask was used.
pub(crate) const NONE: &str = "none";
/// Longest name in bytes.
pub const MAX_NAME: usize = 4096;

/// The name of a rank or of a method: not empty, and none of the reserved words `all` and `none`.
///
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// What can be a name, as an error says it.
    pub const EXPECTED: &str = "a name of 1 to 4096 bytes that is neither of the reserved words \
                                all and none";

    /// The name `text`.
    ///
    /// # Errors
    /// The text is empty, longer than [`MAX_NAME`] bytes, or a reserved word.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if text.is_empty() || text == ALL || text == NONE || text.len() > MAX_NAME {
            return Err(BadName(text.chars().take(40).collect()));
        }
        Ok(Self(text.into()))
    }

    /// The name of an Explainer's masks where the user gives none.
    pub fn explainer() -> Self {
        Self("explainer".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it stands in files.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be the name of a rank or method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; found {:?}", Name::EXPECTED, self.0)
    }
}

impl std::error::Error for BadName {}

impl From<BadName> for Fault {
    fn from(bad: BadName) -> Self {
        Self::usage(format!("the name of a rank or method is reserved or unusable: {bad}"))
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Name {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
