//! The card of a model: what it was made of, and how far it can be trusted.

use std::collections::BTreeMap;

use readlens_provenance::InputDigest;
use readlens_tokenize::SplitSummary;
use serde::{Deserialize, Serialize};

/// Number of the form that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// `card.json` of a model directory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// Number of the form of this file.
    pub(crate) format: u32,
    /// Version of readlens that wrote it.
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) data: Data,
    /// How sequences are read: the stage tokenize's configuration of k-mers and of windows.
    pub(crate) tokenization: Tokens,
    /// What was chosen for the data, and why.
    pub(crate) choices: Vec<Choice>,
    pub(crate) classifier: InputDigest,
    pub(crate) explainer: InputDigest,
    /// Of the split test, by rank; none of sequences without taxa.
    pub(crate) accuracy: Vec<Accuracy>,
    pub(crate) shown: Shown,
    pub(crate) verdicts: Vec<Verdict>,
}

/// How sequences are cut into tokens and windows, as the manifest of the stage tokenize has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    /// Alphabet, k, stride, CLS and, where windows are read in their frame, the model of frames.
    pub(crate) tokens: serde_json::Value,
    /// Length of windows, overlap, strands.
    pub(crate) windows: serde_json::Value,
}

/// What was learned from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Sequences and taxonomy, by content.
    pub(crate) files: Vec<InputDigest>,
    pub(crate) records: u64,
    /// Nucleotides.
    pub(crate) bases: u64,
    pub(crate) windows: u64,
    pub(crate) ranks: Vec<Rank>,
    pub(crate) splits: BTreeMap<String, SplitSummary>,
    /// How the splits were made, as a sentence.
    pub(crate) divided: String,
}

/// Taxa of one rank.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rank {
    pub(crate) rank: String,
    pub(crate) taxa: u64,
    /// Records with a taxon.
    pub(crate) records: u64,
    /// Taxa that count as unknown as they are in too few rows.
    pub(crate) rare_taxa: u64,
}

/// One thing that `learn` chose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// What it is about, such as `tokens`.
    pub(crate) of: String,
    pub(crate) chosen: String,
    pub(crate) because: String,
}

/// How often the classifier is right at one rank, 0 to 1.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accuracy {
    pub(crate) rank: String,
    /// Windows of the split test with a taxon that is a class.
    pub(crate) windows: u32,
    pub(crate) accuracy: f64,
    /// Ends of the 95 % interval over records, where there are two records or more.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// Accuracy of always saying the most frequent taxon.
    pub(crate) majority: Option<f64>,
    /// Accuracy of the best of the classifiers that count k-mers.
    pub(crate) kmers: Option<f64>,
    /// Expected calibration error of the confidence in records, on the split valid, where each half
    /// of the records has the temperature of the other half.
    pub(crate) calibration_error: Option<f64>,
}

/// How much of the accuracy the masks keep.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// Mean fraction of the tokens that is marked, 0 to 1.
    pub(crate) area: Option<f64>,
    pub(crate) ranks: Vec<ShownRank>,
    /// Whether the figures are how often the classifier says what it says of the whole window, as
    /// windows without labels have them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_agreement: bool,
}

/// Accuracy at one rank under masks and controls, 0 to 1, or agreement with the prediction for the
/// whole window; null where it was not measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownRank {
    pub(crate) rank: String,
    pub(crate) windows: u32,
    pub(crate) unmasked: Option<f64>,
    /// Only what is marked.
    pub(crate) hard_masked: Option<f64>,
    /// Only a random block of that length.
    pub(crate) random_block: Option<f64>,
    /// All but what is marked.
    pub(crate) hard_inverse: Option<f64>,
    /// All but a random block of that length.
    pub(crate) random_block_inverse: Option<f64>,
}

/// What a check found.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    pub(crate) check: String,
    /// `passed`, `failed`, `noted` or `not_measured`.
    pub(crate) verdict: String,
    pub(crate) sentence: String,
}
