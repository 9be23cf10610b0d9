use rand::{Rng, RngExt};
use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

/// Other readings of the same window, drawn afresh each epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Drop 0 to stride − 1 leading bases, so that k-mers fall in every frame; none before tokens
    /// of a list.
    pub frame_offset: bool,
    /// Read half of the windows as their reverse complement.
    pub reverse_complement: bool,
}

impl Augmentation {
    /// Refuses what the tokenization does not allow.
    ///
    /// # Errors
    /// The bases cannot be told from the tokens, the windows are in their reading frame, or the
    /// alphabet has no complement.
    pub fn validate(self, tokenization: &Tokenization) -> Result<()> {
        if (self.frame_offset || self.reverse_complement) && tokenization.leaves_gaps() {
            return Err(Fault::usage(
                "augmentation needs every base in a token: tokenize with stride <= k, or switch \
                 frame offsets and reverse complement off",
            ));
        }
        if (self.frame_offset || self.reverse_complement) && tokenization.orientation.is_some() {
            return Err(Fault::usage(
                "the windows were put into their reading frame, which augmentation would undo: \
                 switch frame offsets and reverse complement off",
            ));
        }
        if self.reverse_complement && !tokenization.alphabet.has_complement() {
            return Err(Fault::usage(
                "this alphabet has no complement: switch reverse complement off",
            ));
        }
        Ok(())
    }

    /// `tokens` read in another frame or on the other strand, as `rng` decides.
    ///
    /// # Errors
    /// The tokens are not of this tokenization.
    pub fn apply(
        self,
        tokens: &[u32],
        tokenization: &Tokenization,
        rng: &mut impl Rng,
    ) -> Result<Vec<u32>> {
        let offset =
            if self.frame_offset { rng.random_range(0..tokenization.frames()) as usize } else { 0 };
        let reverse = self.reverse_complement && rng.random_bool(0.5);
        if offset == 0 && !reverse {
            return Ok(tokens.to_vec());
        }
        let mut bases = tokenization.decode(tokens)?;
        if reverse {
            bases = tokenization.alphabet.reverse_complement(&bases);
        }
        // A window must keep at least one token.
        let offset = offset.min(bases.len().saturating_sub(tokenization.least_bases(1)));
        let mut out = Vec::with_capacity(tokens.len());
        tokenization.encode(&bases[offset..], &mut out);
        Ok(out)
    }
}
