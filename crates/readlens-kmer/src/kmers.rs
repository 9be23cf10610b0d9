//! Tokens that are k-mers, numbered by their letters.

use std::fmt;
use std::ops::Range;

use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::alphabet::{Alphabet, NO_LETTER};
use crate::{FIRST_KMER, UNK};

/// Largest stride, in bases: far more than the longest k-mer, and few enough that the bases of a
/// window follow from its tokens within memory.
pub const MAX_STRIDE: u32 = 1 << 10;

/// Every k-mer of an alphabet is a token.
///
/// Real token `i` covers the bases `[i·stride, i·stride + k)` of its window in reading direction.
/// Bases behind the last whole k-mer are dropped, and with `stride > k` the bases between two
/// k-mers are too. Ids follow the order of the letters: that of `A…A` is [`FIRST_KMER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kmers {
    /// Letters in a token, 1 to [`Alphabet::longest_k`].
    pub k: u32,
    /// Bases from the first base of one k-mer to that of the next, at least 1.
    pub stride: u32,
}

impl fmt::Display for Kmers {
    /// As in `6-mers at stride 6`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-mers at stride {}", self.k, self.stride)
    }
}

impl Kmers {
    /// Of `alphabet`.
    ///
    /// # Errors
    /// [`Fault::Usage`] if `k` is 0 or longer than [`Alphabet::longest_k`], or `stride` is 0 or
    /// more than [`MAX_STRIDE`].
    pub fn new(alphabet: Alphabet, k: u32, stride: u32) -> Result<Self> {
        let longest = alphabet.longest_k();
        if k == 0 || k > longest {
            return Err(Fault::usage(format!(
                "k must be 1 to {longest}, but is {k}; a longer k-mer needs a vocabulary that no \
                 classifier could learn"
            )));
        }
        if stride == 0 {
            return Err(Fault::usage(format!(
                "stride must be at least 1 base, but is 0; use {k} for k-mers side by side"
            )));
        }
        if stride > MAX_STRIDE {
            return Err(Fault::usage(format!(
                "stride must be at most {MAX_STRIDE} bases, but is {stride}: the bases between two \
                 k-mers are in no token; use {k} for k-mers side by side"
            )));
        }
        Ok(Self { k, stride })
    }

    /// Number of k-mers in a window of `bases` bases.
    pub fn count(&self, bases: usize) -> usize {
        match bases.checked_sub(self.k as usize) {
            Some(room) => room / self.stride as usize + 1,
            None => 0,
        }
    }

    /// Bases of the window that real token `i` covers, in reading direction; 0-based, half-open.
    pub fn interval(&self, i: usize) -> Range<usize> {
        let start = i * self.stride as usize;
        start..start + self.k as usize
    }

    /// Whether bases between two k-mers are in no token.
    pub fn leave_gaps(&self) -> bool {
        self.stride > self.k
    }

    /// How many k-mers there are.
    pub(crate) fn number(&self, alphabet: Alphabet) -> usize {
        alphabet.letters().len().pow(self.k)
    }

    /// The letters of the k-mer that is at `place` among all of them, from the last to the first.
    pub(crate) fn letters_backward(
        &self,
        alphabet: Alphabet,
        mut place: usize,
    ) -> impl Iterator<Item = u8> {
        let letters = alphabet.letters();
        (0..self.k).map(move |_| {
            let letter = letters[place % letters.len()];
            place /= letters.len();
            letter
        })
    }

    /// Puts the tokens of `bases` behind `out`; returns how many are UNK.
    pub(crate) fn encode(&self, alphabet: Alphabet, bases: &[u8], out: &mut Vec<u32>) -> usize {
        let count = self.count(bases.len());
        out.reserve(count);
        if self.stride < self.k {
            self.encode_overlapping(alphabet, bases, out)
        } else {
            self.encode_apart(alphabet, bases, count, out)
        }
    }

    /// Every base belongs to at most one k-mer: each is read for itself, without a branch.
    fn encode_apart(
        &self,
        alphabet: Alphabet,
        bases: &[u8],
        count: usize,
        out: &mut Vec<u32>,
    ) -> usize {
        let first = out.len();
        out.resize(first + count, UNK);
        let kmers = out[first..].iter_mut().zip(bases.chunks(self.stride as usize));
        // A length that the compiler knows is unrolled: the usual ones are.
        match self.k {
            3 => encode_each(alphabet, kmers.map(|(out, bases)| (out, bases.first_chunk::<3>()))),
            4 => encode_each(alphabet, kmers.map(|(out, bases)| (out, bases.first_chunk::<4>()))),
            5 => encode_each(alphabet, kmers.map(|(out, bases)| (out, bases.first_chunk::<5>()))),
            6 => encode_each(alphabet, kmers.map(|(out, bases)| (out, bases.first_chunk::<6>()))),
            k => encode_each(alphabet, kmers.map(|(out, bases)| (out, bases.get(..k as usize)))),
        }
    }

    /// K-mers share bases: the next one is the last one without its first letter and with one
    /// more, so the cost does not grow with k.
    fn encode_overlapping(&self, alphabet: Alphabet, bases: &[u8], out: &mut Vec<u32>) -> usize {
        let codes = alphabet.codes();
        let letters = alphabet.letters().len() as u32;
        let first_letter_worth = letters.pow(self.k - 1);
        let (k, stride) = (self.k as usize, self.stride as usize);
        let mut kmer = 0_u32;
        let mut letters_in_a_row = 0_usize;
        let mut unknown = 0;
        let mut next_end = k - 1;
        for (end, &base) in bases.iter().enumerate() {
            let code = codes[usize::from(base)];
            if code == NO_LETTER {
                letters_in_a_row = 0;
                kmer = 0;
            } else {
                letters_in_a_row += 1;
                kmer = kmer % first_letter_worth * letters + u32::from(code);
            }
            if end == next_end {
                next_end += stride;
                let is_known = letters_in_a_row >= k;
                unknown += usize::from(!is_known);
                out.push(if is_known { FIRST_KMER + kmer } else { UNK });
            }
        }
        unknown
    }
}

/// Puts the token of each whole k-mer in its place.
#[inline(always)]
fn encode_each<'a, K: AsRef<[u8]> + ?Sized + 'a>(
    alphabet: Alphabet,
    kmers: impl Iterator<Item = (&'a mut u32, Option<&'a K>)>,
) -> usize {
    let codes = alphabet.codes();
    let letters = alphabet.letters().len() as u32;
    let mut unknown = 0;
    for (token, bases) in kmers {
        let (mut kmer, mut seen) = (0_u32, 0_u8);
        // There are as many chunks as whole k-mers, so every one has its bases.
        let Some(bases) = bases else { break };
        for &base in bases.as_ref() {
            let code = codes[usize::from(base)];
            seen |= code;
            kmer = kmer.wrapping_mul(letters).wrapping_add(u32::from(code));
        }
        // Codes of letters never set the top bit, NO_LETTER does.
        let is_unknown = seen > NO_LETTER / 2;
        unknown += usize::from(is_unknown);
        *token = if is_unknown { UNK } else { FIRST_KMER + kmer };
    }
    unknown
}
