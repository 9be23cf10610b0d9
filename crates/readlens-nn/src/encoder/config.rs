//! The shape of an encoder, as `config.json` holds it.

use readlens_fault::{Fault, Result};
use readlens_kernels::{MaskSite, NormPlace};
use readlens_kmer::{FIRST_KMER, Tokenization};
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, FeedForward};

/// Most tokens of a window that any network reads.
pub const MAX_TOKENS: usize = 1 << 20;

/// How the encoder's positions become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean over the positions that hold a token, CLS and the end included.
    #[default]
    Mean,
    /// The first position; the tokenization must have CLS.
    Cls,
}

/// Shape of a transformer encoder over token embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Maximum number of tokens of a row, CLS included and the end left out.
    pub max_tokens: usize,
    /// Width of embeddings and blocks.
    pub dim: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divides `dim`.
    pub heads: usize,
    /// Width of what leaves the unit between the two feed-forward layers.
    pub feed_forward: usize,
    /// Tokens that the stem joins into one position; 1 for no stem.
    pub patch: usize,
    /// Where layer norms stand.
    pub norm: NormPlace,
    /// Whether the embedding passes a layer norm before the first block.
    pub embedding_norm: bool,
    /// Probability of zeroing an activation in training.
    pub dropout: f64,
    /// What a mask makes of an embedding.
    pub mask_site: MaskSite,
    /// What it computes otherwise than our own encoders do.
    #[serde(default, skip_serializing_if = "Architecture::is_own")]
    pub architecture: Architecture,
}

impl EncoderConfig {
    /// Width of the first feed-forward layer.
    pub(super) fn feed_forward_in(&self) -> usize {
        match self.architecture.unit {
            FeedForward::Gelu | FeedForward::GeluTanh => self.feed_forward,
            FeedForward::GatedGelu | FeedForward::GatedSilu => 2 * self.feed_forward,
        }
    }

    /// Most positions of a row before patches are joined: its tokens and the end.
    pub(super) fn max_positions(&self) -> usize {
        self.max_tokens + usize::from(self.architecture.end)
    }

    /// Refuses an embedding that does not fit the tokens.
    pub(crate) fn check_vocabulary(&self, tokenization: &Tokenization) -> Result<()> {
        check_vocabulary(self.vocabulary, tokenization)
    }

    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let sizes = [
            ("vocabulary", self.vocabulary, 1 << 24),
            ("max_tokens", self.max_tokens, MAX_TOKENS),
            ("dim", self.dim, 1 << 14),
            ("layers", self.layers, 1 << 10),
            ("heads", self.heads, 1 << 10),
            ("feed_forward", self.feed_forward, 1 << 16),
            ("patch", self.patch, 1 << 10),
        ];
        for (name, value, limit) in sizes {
            if value == 0 || value > limit {
                return Err(Fault::usage(format!("{name} must be 1 to {limit}, not {value}")));
            }
        }
        if !self.dim.is_multiple_of(self.heads) {
            let (dim, heads) = (self.dim, self.heads);
            return Err(Fault::usage(format!(
                "heads must divide dim, but {heads} does not divide {dim}"
            )));
        }
        self.architecture.validate(self.dim / self.heads, self.patch)?;
        if self.vocabulary <= FIRST_KMER as usize {
            return Err(Fault::usage(format!(
                "a vocabulary of {} holds no k-mer",
                self.vocabulary
            )));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Fault::usage(format!("dropout must be in [0, 1), not {}", self.dropout)));
        }
        Ok(())
    }
}

/// Refuses a vocabulary that is not the tokenization's.
pub(crate) fn check_vocabulary(vocabulary: usize, tokenization: &Tokenization) -> Result<()> {
    let expected = tokenization.vocabulary_size();
    if vocabulary != expected {
        return Err(Fault::usage(format!(
            "the vocabulary must be the {expected} ids of the tokenization, not {vocabulary}"
        )));
    }
    Ok(())
}
