use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How windows were put into their reading frame before they were cut into tokens.
///
/// A window whose frame is found is read on the strand of its codons; any other stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orientation {
    /// The model that found the frames.
    pub model: ModelDigest,
    /// Whether a window in frame begins with its first whole codon, so that tokens at a stride of
    /// three bases are codons.
    pub trim: bool,
}

/// SHA-256 of a reading-frame model as it is written; in hexadecimal outside of programs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelDigest([u8; 32]);

impl ModelDigest {
    /// The digest that 64 hexadecimal digits in lower case say; none for any other text.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        if text.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelDigest({self})")
    }
}

impl Serialize for ModelDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom("expected a SHA-256 in hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::{Alphabet, Tokenization};

    #[test]
    fn a_digest_is_what_its_digits_say() {
        let text = "00ff".repeat(16);
        let digest = ModelDigest::from_hex(&text).unwrap();
        assert_eq!(digest.to_string(), text);
        for wrong in ["", "00", &"00FF".repeat(16), &"00f ".repeat(16), &"é".repeat(32)] {
            assert_eq!(ModelDigest::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_tokenization_says_its_orientation_only_where_it_has_one() {
        let plain = Tokenization::new(Alphabet::Dna, 6, 3, true).unwrap();
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(text, r#"{"alphabet":"dna","k":6,"stride":3,"cls":true}"#);
        let model = ModelDigest::from_hex(&"a1".repeat(32)).unwrap();
        let oriented = plain.clone().oriented(Orientation { model, trim: true });
        assert_ne!(oriented, plain);
        let text = serde_json::to_string(&oriented).unwrap();
        assert_eq!(serde_json::from_str::<Tokenization>(&text).unwrap(), oriented);
        let shown = "Dna 6-mers at stride 3 with CLS, from the first codon of model a1a1a1a1";
        assert_eq!(oriented.to_string(), shown);
        let bad = text.replace("a1a1", "a1a");
        assert!(serde_json::from_str::<Tokenization>(&bad).is_err());
    }
}
