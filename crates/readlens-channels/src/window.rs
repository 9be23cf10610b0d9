use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;

/// Code of a base that is not A, C, G, T or U.
pub(crate) const UNKNOWN: u8 = 4;

/// The bases of a window as its tokens tell them, and which tokens cover which bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Codes of the bases: 0 to 3 for A, C, G, T, else [`UNKNOWN`].
    pub(crate) codes: Vec<u8>,
    pub(crate) phase: Option<u8>,
    k: usize,
    stride: usize,
    tokens: usize,
}

impl Window {
    /// The window that `tokens` were made from; `phase` is the number of bases before its first
    /// whole codon, 0 to 2, where its reading frame is known.
    ///
    /// # Errors
    /// [`Fault::Usage`] if the tokens are no k-mers, if there are bases between two of them, which
    /// no token tells, or a phase is above 2. [`Fault::Input`] if the tokens are not those of a
    /// window.
    pub fn of(tokens: &[u32], tokenization: &Tokenization, phase: Option<u8>) -> Result<Self> {
        let kmers = tokenization.kmers_for("channels")?;
        if kmers.leave_gaps() {
            return Err(Fault::usage(
                "channels need every base in a token: tokenize with stride <= k",
            ));
        }
        if phase.is_some_and(|phase| phase > 2) {
            return Err(Fault::usage("the phase of a window is 0, 1 or 2"));
        }
        let alphabet = tokenization.alphabet;
        let bases = tokenization.decode(tokens)?;
        let codes = bases.into_iter().map(|base| alphabet.code(base).unwrap_or(UNKNOWN)).collect();
        Ok(Self {
            codes,
            phase,
            k: kmers.k as usize,
            stride: kmers.stride as usize,
            tokens: tokens.len() - usize::from(tokenization.cls),
        })
    }

    /// Number of real tokens; CLS is none.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Number of bases that the tokens cover.
    pub fn bases(&self) -> usize {
        self.codes.len()
    }

    /// The first and the last token that share a base with the bases `start..end`, which lie in the
    /// window.
    pub(crate) fn tokens_of(&self, start: usize, end: usize) -> (u32, u32) {
        let first = (start + 1).saturating_sub(self.k).div_ceil(self.stride);
        let last = ((end - 1) / self.stride).min(self.tokens - 1);
        (first as u32, last as u32)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;
    use readlens_kmer::Alphabet;

    use super::*;

    proptest! {
        #[test]
        fn tokens_of_bases_are_those_that_share_one(
            k in 1_u32..9, by in 1_u32..9, tokens in 1_usize..30, start in 0_usize..60, length in 1_usize..20,
        ) {
            let stride = by.min(k);
            let tokenization = Tokenization::new(Alphabet::Dna, k, stride, true).unwrap();
            let bases = (tokens - 1) * stride as usize + k as usize;
            prop_assume!(start + length <= bases);
            let mut ids = Vec::new();
            tokenization.encode(&b"ACGT".repeat(bases)[..bases], &mut ids);
            let window = Window::of(&ids, &tokenization, None).unwrap();
            prop_assert_eq!((window.tokens(), window.bases()), (tokens, bases));
            let shares = |token: &usize| {
                let covered = tokenization.coverage(&ids).of(*token);
                covered.start < start + length && start < covered.end
            };
            let expected: Vec<usize> = (0..tokens).filter(shares).collect();
            let (first, last) = window.tokens_of(start, start + length);
            prop_assert_eq!((first as usize, last as usize), (expected[0], expected[expected.len() - 1]));
        }
    }

    #[test]
    fn windows_that_tell_too_little_are_refused() {
        let gaps = Tokenization::new(Alphabet::Dna, 3, 6, true).unwrap();
        assert!(Window::of(&[2, 5], &gaps, None).is_err());
        let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap();
        assert!(Window::of(&[2, 5], &tokenization, Some(3)).is_err());
        assert_eq!(Window::of(&[2], &tokenization, None).unwrap().tokens(), 0);
    }
}
