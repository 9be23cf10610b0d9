//! What all vocabularies share: a word is known, or it is refused with the words that are.

use std::borrow::Borrow;
use std::fmt;

/// A closed set of words, such as the operators: each has a name in the tables and a meaning.
pub trait Vocabulary: Copy + Eq + Sized + 'static {
    /// What a word of this vocabulary is, as an error says it: `an operator`.
    const WHAT: &'static str;
    /// Every word, in the order in which tables and documents list them.
    const ALL: &'static [Self];

    /// The word as it stands in files and on command lines.
    fn name(self) -> &'static str;

    /// What the word means, in one or two sentences.
    fn meaning(self) -> &'static str;

    /// The word called `name`.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name() == name)
    }
}

/// A text that is no word of a vocabulary; the message lists the words that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    what: &'static str,
    known: Vec<&'static str>,
    found: String,
}

impl UnknownWord {
    pub(crate) fn of<T: Vocabulary>(found: &str) -> Self {
        let known = T::ALL.iter().map(|word| word.name()).collect();
        Self { what: T::WHAT, known, found: found.to_owned() }
    }

    /// What would have been understood: `a split: train, valid or test`.
    pub fn expected(&self) -> String {
        format!("{}: {}", self.what, alternatives(&self.known))
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; found {:?}", self.expected(), self.found)
    }
}

impl std::error::Error for UnknownWord {}

/// `a, b or c`.
pub(crate) fn alternatives<T: Borrow<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [only] => only.borrow().to_owned(),
        [first @ .., last] => format!("{} or {}", first.join(", "), last.borrow()),
    }
}

/// A word of a vocabulary, or a name of the user's own that stands in the same column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word<T> {
    /// A word that this project knows.
    Known(T),
    /// Any other name; nothing is concluded from it.
    Foreign(String),
}

impl<T: Vocabulary> Word<T> {
    /// The word called `name`, known or not.
    pub fn of(name: &str) -> Self {
        T::named(name).map_or_else(|| Self::Foreign(name.to_owned()), Self::Known)
    }

    /// The name as it stands in files.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(word) => word.name(),
            Self::Foreign(name) => name,
        }
    }

    /// The word, where it is a known one.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Foreign(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: Vocabulary> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<T: Vocabulary> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        self.known() == Some(*other)
    }
}

impl<T: Vocabulary> serde::Serialize for Word<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Declares a vocabulary: an enum whose variants have a name and a meaning, which is also their doc
/// comment. `FromStr` refuses an unknown word and lists the known ones.
macro_rules! vocabulary {
    (
        $(#[$about:meta])*
        $name:ident, $what:literal: { $( $variant:ident = $word:literal, $meaning:literal; )+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( #[doc = $meaning] $variant, )+
        }

        impl $name {
            /// Every word, in the order in which tables and documents list them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The word as it stands in files and on command lines.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }

            /// What the word means.
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$variant => $meaning, )+ }
            }
        }

        impl $crate::vocabulary::Vocabulary for $name {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.name()
            }

            fn meaning(self) -> &'static str {
                self.meaning()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as $crate::vocabulary::Vocabulary>::named(text)
                    .ok_or_else(|| $crate::vocabulary::UnknownWord::of::<Self>(text))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use vocabulary;
