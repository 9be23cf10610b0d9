//! What a trained classifier says of how sequences are to be read.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::Tokenization;
use readlens_provenance::read_json;
use serde::Deserialize;

use crate::config::Orient;

/// Description of a classifier, in its folder.
const CONFIG_FILE: &str = "config.json";
/// Model of the reading frame, in the folder of a classifier of oriented windows.
const FRAME_FILE: &str = "frame.json";

/// How a classifier's windows were made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Like {
    pub(crate) tokenization: Tokenization,
    /// Bases of the longest window that it reads; none where it reads any.
    pub(crate) longest_window: Option<u32>,
    /// Its ranks.
    pub(crate) ranks: Vec<String>,
    /// How its windows were put into their reading frame, and the model that did so.
    pub(crate) frame: Option<(Orient, PathBuf)>,
}

/// The part of a classifier's description that is about its input.
#[derive(Deserialize)]
struct Description {
    tokenization: Tokenization,
    ranks: Option<Vec<RankDescription>>,
    encoder: Option<EncoderDescription>,
    #[serde(default)]
    branches: Vec<BranchDescription>,
}

#[derive(Deserialize)]
struct RankDescription {
    rank: String,
}

#[derive(Deserialize)]
struct EncoderDescription {
    /// Tokens of the longest window, CLS included.
    max_tokens: u32,
}

#[derive(Deserialize)]
struct BranchDescription {
    network: NetworkDescription,
}

/// A network of a combination; those without an encoder read windows of any length.
#[derive(Deserialize)]
struct NetworkDescription {
    transformer: Option<TransformerDescription>,
}

#[derive(Deserialize)]
struct TransformerDescription {
    encoder: EncoderDescription,
}

impl Like {
    /// What the classifier in `directory` says.
    ///
    /// # Errors
    /// There is no classifier of this version.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(CONFIG_FILE);
        let description: Description = read_json(&path)?;
        let wrong = |found: &str| {
            Fault::input(directory)
                .at(Place::Part(CONFIG_FILE.to_owned()))
                .expected("the folder of a classifier")
                .found(found.to_owned())
                .remedy("pass the classifier that is to read the sequences")
        };
        let Some(ranks) = description.ranks else {
            return Err(wrong("a model without ranks, such as an Explainer").into());
        };
        let Tokenization { orientation, .. } = description.tokenization;
        let of_branches = description.branches.into_iter().filter_map(|b| b.network.transformer);
        let encoders =
            of_branches.map(|transformer| transformer.encoder).chain(description.encoder);
        let most_tokens = encoders.map(|encoder| encoder.max_tokens).min();
        let longest_window = most_tokens.map(|tokens| bases(tokens, &description.tokenization));
        if longest_window == Some(0) {
            return Err(wrong("one whose windows hold no token").into());
        }
        let frame = orientation.map(|orientation| {
            let orient = if orientation.trim { Orient::Frame } else { Orient::Strand };
            (orient, directory.join(FRAME_FILE))
        });
        Ok(Self {
            tokenization: description.tokenization,
            longest_window,
            ranks: ranks.into_iter().map(|rank| rank.rank).collect(),
            frame,
        })
    }
}

/// Bases of a window of `tokens` tokens, CLS included, whatever its letters; 0 where no real one is
/// among them.
fn bases(tokens: u32, tokenization: &Tokenization) -> u32 {
    let real = tokens.saturating_sub(u32::from(tokenization.cls)) as usize;
    u32::try_from(tokenization.least_bases(real)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use readlens_kmer::Alphabet;

    #[test]
    fn a_window_has_as_many_bases_as_its_tokens_cover() {
        let of = |k, stride, cls| Tokenization::new(Alphabet::Dna, k, stride, cls).unwrap();
        assert_eq!(bases(101, &of(6, 6, true)), 600);
        assert_eq!(bases(100, &of(6, 6, false)), 600);
        assert_eq!(bases(101, &of(6, 1, true)), 105);
        assert_eq!(bases(2, &of(3, 3, true)), 3);
        assert_eq!(bases(1, &of(3, 3, true)), 0);
        assert_eq!(bases(u32::MAX, &of(8, 1024, false)), u32::MAX);
    }
}
