use std::fmt;
use std::ops::Range;

use readlens_fault::{Fault, InputFault, Place, Result};
use serde::{Deserialize, Serialize};

use crate::alphabet::{Alphabet, NO_LETTER};
use crate::orientation::Orientation;
use crate::{CLS, FIRST_KMER, UNK};

/// How a window of bases becomes token ids.
///
/// Real token `i` (counted from 0, the leading CLS left out) covers the bases
/// `[i·stride, i·stride + k)` of its window in reading direction. Bases behind the last whole
/// k-mer are dropped, and with `stride > k` the bases between two k-mers are too.
///
/// The fields are public to be read; [`Tokenization::new`] and deserialisation check them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Tokenization {
    /// Letters of the sequences.
    pub alphabet: Alphabet,
    /// Letters in a token, 1 to [`Alphabet::longest_k`].
    pub k: u32,
    /// Bases from the first base of one k-mer to that of the next, at least 1.
    pub stride: u32,
    /// Whether a CLS token precedes the first k-mer.
    pub cls: bool,
    /// How windows were put into their reading frame; none where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
}

/// Largest stride, in bases: far more than the longest k-mer, and few enough that the bases of a
/// window follow from its tokens within memory.
pub const MAX_STRIDE: u32 = 1 << 10;

/// Most bases of a window whose values are laid on bases.
pub const MAX_WINDOW_BASES: usize = 1 << 25;

/// The fields as they are written, before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    alphabet: Alphabet,
    k: u32,
    stride: u32,
    cls: bool,
    #[serde(default)]
    orientation: Option<Orientation>,
}

impl fmt::Display for Tokenization {
    /// As in `Dna 6-mers at stride 6 with CLS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alphabet, k, stride, cls, orientation } = self;
        let cls = if *cls { "with" } else { "without" };
        write!(f, "{alphabet:?} {k}-mers at stride {stride} {cls} CLS")?;
        match orientation {
            None => Ok(()),
            Some(Orientation { model, trim }) => {
                let from = if *trim { "from the first codon" } else { "on the coding strand" };
                // Two models are told apart by a few digits.
                write!(f, ", {from} of model {:.8}", model.to_string())
            }
        }
    }
}

impl TryFrom<Fields> for Tokenization {
    type Error = Fault;

    fn try_from(fields: Fields) -> Result<Self> {
        let Fields { alphabet, k, stride, cls, orientation } = fields;
        Ok(Self { orientation, ..Self::new(alphabet, k, stride, cls)? })
    }
}

impl Tokenization {
    /// Checks and joins the four choices.
    ///
    /// # Errors
    /// [`Fault::Usage`] if `k` is 0 or longer than [`Alphabet::longest_k`], or `stride` is 0 or
    /// more than [`MAX_STRIDE`].
    pub fn new(alphabet: Alphabet, k: u32, stride: u32, cls: bool) -> Result<Self> {
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
        Ok(Self { alphabet, k, stride, cls, orientation: None })
    }

    /// The same, of windows that were put into their reading frame.
    #[must_use]
    pub fn oriented(self, orientation: Orientation) -> Self {
        Self { orientation: Some(orientation), ..self }
    }

    /// Bases of a window from `start` to `end` (0-based, half-open) that is read as `tokens`
    /// tokens, CLS included; `fault` is about its place in the table.
    ///
    /// Every stage that joins a window with its bases asks here before it takes memory for them:
    /// the coordinates are two numbers in a file, and only the tokens prove how long a window is.
    ///
    /// # Errors
    /// `end` is before `start`, CLS is missing, or the bases have another number of tokens.
    pub fn window_bases(
        &self,
        start: u32,
        end: u32,
        tokens: usize,
        fault: impl FnOnce() -> InputFault,
    ) -> Result<usize> {
        let kmers = tokens.checked_sub(usize::from(self.cls));
        let bases = end.checked_sub(start).map(|bases| bases as usize);
        let count = self.token_count(bases.unwrap_or(0));
        match (bases, kmers) {
            (Some(bases), Some(kmers)) if kmers == count => Ok(bases),
            (_, kmers) => Err(fault()
                .expected(format!("{count} tokens for bases {start} to {end}"))
                .found(kmers.map_or("not even CLS".to_owned(), |kmers| kmers.to_string()))
                .remedy("tokenize again")
                .into()),
        }
    }

    /// As [`Tokenization::window_bases`], for a window on whose bases values are laid.
    ///
    /// # Errors
    /// As there, or they are more than [`MAX_WINDOW_BASES`].
    pub fn laid_bases(
        &self,
        start: u32,
        end: u32,
        tokens: usize,
        fault: impl Fn() -> InputFault,
    ) -> Result<usize> {
        let bases = self.window_bases(start, end, tokens, &fault)?;
        if bases <= MAX_WINDOW_BASES {
            return Ok(bases);
        }
        Err(fault()
            .expected(format!("windows of at most {MAX_WINDOW_BASES} bases"))
            .found(bases)
            .remedy("tokenize with a smaller --window")
            .into())
    }

    /// Number of token ids: the five special tokens and every k-mer.
    pub fn vocabulary_size(&self) -> usize {
        FIRST_KMER as usize + self.alphabet.letters().len().pow(self.k)
    }

    /// Number of k-mers in a window of `bases` bases, CLS not counted.
    pub fn token_count(&self, bases: usize) -> usize {
        match bases.checked_sub(self.k as usize) {
            Some(room) => room / self.stride as usize + 1,
            None => 0,
        }
    }

    /// Bases of the window that real token `i` (CLS not counted) covers, in reading direction;
    /// 0-based, half-open.
    pub fn token_interval(&self, i: usize) -> Range<usize> {
        let start = i * self.stride as usize;
        start..start + self.k as usize
    }

    /// Replaces `out` by the tokens of the window `bases`: CLS where the tokenization has one,
    /// then every whole k-mer. Case and U are folded; a k-mer with any other byte is UNK.
    /// Returns how many k-mers are UNK.
    pub fn encode(&self, bases: &[u8], out: &mut Vec<u32>) -> usize {
        out.clear();
        let count = self.token_count(bases.len());
        out.reserve(count + usize::from(self.cls));
        if self.cls {
            out.push(CLS);
        }
        if self.stride < self.k {
            self.encode_overlapping(bases, out)
        } else {
            self.encode_apart(bases, count, out)
        }
    }

    /// Every base belongs to at most one k-mer: each is read for itself, without a branch.
    fn encode_apart(&self, bases: &[u8], count: usize, out: &mut Vec<u32>) -> usize {
        let first = out.len();
        out.resize(first + count, UNK);
        let kmers = out[first..].iter_mut().zip(bases.chunks(self.stride as usize));
        // A length that the compiler knows is unrolled: the usual ones are.
        match self.k {
            3 => self.encode_each(kmers.map(|(out, bases)| (out, bases.first_chunk::<3>()))),
            4 => self.encode_each(kmers.map(|(out, bases)| (out, bases.first_chunk::<4>()))),
            5 => self.encode_each(kmers.map(|(out, bases)| (out, bases.first_chunk::<5>()))),
            6 => self.encode_each(kmers.map(|(out, bases)| (out, bases.first_chunk::<6>()))),
            k => self.encode_each(kmers.map(|(out, bases)| (out, bases.get(..k as usize)))),
        }
    }

    /// Puts the token of each whole k-mer in its place.
    #[inline(always)]
    fn encode_each<'a, K: AsRef<[u8]> + ?Sized + 'a>(
        &self,
        kmers: impl Iterator<Item = (&'a mut u32, Option<&'a K>)>,
    ) -> usize {
        let codes = self.alphabet.codes();
        let letters = self.alphabet.letters().len() as u32;
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

    /// K-mers share bases: the next one is the last one without its first letter and with one
    /// more, so the cost does not grow with k.
    fn encode_overlapping(&self, bases: &[u8], out: &mut Vec<u32>) -> usize {
        let codes = self.alphabet.codes();
        let letters = self.alphabet.letters().len() as u32;
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

    /// The bases of a window from its tokens: from the first base of the first k-mer to the last
    /// base of the last one, upper case, N where only UNK covers.
    ///
    /// # Errors
    /// [`Fault::Usage`] if `stride > k`, as the bases between k-mers are in no token.
    /// [`Fault::Input`] if a CLS is missing or is where none belongs, another special token or an
    /// id beyond the vocabulary occurs, or two overlapping k-mers disagree; the fault names the
    /// token, and the caller, who knows the file, the row.
    pub fn decode(&self, tokens: &[u32]) -> Result<Vec<u8>> {
        if self.stride > self.k {
            return Err(Fault::usage(format!(
                "bases cannot be read back from tokens with stride {} above k {}: the bases \
                 between k-mers are in no token; tokenize with a stride of at most k",
                self.stride, self.k
            )));
        }
        let kmers = match (self.cls, tokens.split_first()) {
            (true, Some((&CLS, kmers))) => kmers,
            (true, first) => {
                let found = first.map_or("no token".to_owned(), |(id, _)| format!("token {id}"));
                return Err(token_fault(0, format!("CLS ({CLS})"), found));
            }
            (false, _) => tokens,
        };
        let length = match kmers.len() {
            0 => 0,
            count => self.token_interval(count - 1).end,
        };
        let unknown = self.alphabet.unknown_letter();
        let mut bases = vec![unknown; length];
        for (i, &id) in kmers.iter().enumerate() {
            if id == UNK {
                continue;
            }
            let place = i + usize::from(self.cls);
            let Some(mut rest) = self.kmer_number(id) else {
                let expected = format!("UNK ({UNK}) or a k-mer of {FIRST_KMER} to {}", self.last());
                return Err(token_fault(place, expected, format!("token {id}")));
            };
            let letters = self.alphabet.letters();
            for base in bases[self.token_interval(i)].iter_mut().rev() {
                let letter = letters[rest % letters.len()];
                rest /= letters.len();
                if *base != unknown && *base != letter {
                    let kmer = self.kmer(id).unwrap_or_default();
                    let expected = "a k-mer that agrees with the ones before it".to_owned();
                    return Err(token_fault(place, expected, kmer));
                }
                *base = letter;
            }
        }
        Ok(bases)
    }

    /// The letters of token `id`; none if it is a special token or beyond the vocabulary.
    pub fn kmer(&self, id: u32) -> Option<String> {
        let mut rest = self.kmer_number(id)?;
        let letters = self.alphabet.letters();
        let mut kmer = vec!['\0'; self.k as usize];
        for letter in kmer.iter_mut().rev() {
            *letter = char::from(letters[rest % letters.len()]);
            rest /= letters.len();
        }
        Some(kmer.into_iter().collect())
    }

    /// For each token id the number of its k-mer among those that count as one with their reverse
    /// complement, none for special tokens; and how many such k-mers there are.
    ///
    /// Of a k-mer and its reverse complement the first in the order of ids gives the number; in an
    /// alphabet without complement each k-mer has its own.
    pub fn strandless_kmers(&self) -> (Vec<Option<u32>>, usize) {
        let mut numbers: Vec<Option<u32>> = vec![None; self.vocabulary_size()];
        let mut count = 0;
        let mut bases = Vec::with_capacity(self.k as usize);
        let whole = Self { stride: self.k, cls: false, ..*self };
        let mut twin = Vec::with_capacity(1);
        for id in FIRST_KMER as usize..numbers.len() {
            if numbers[id].is_some() {
                continue;
            }
            numbers[id] = Some(count);
            if self.alphabet.has_complement() {
                bases.clear();
                bases.extend(self.kmer(id as u32).unwrap_or_default().bytes());
                whole.encode(&self.alphabet.reverse_complement(&bases), &mut twin);
                twin.iter().for_each(|&twin| numbers[twin as usize] = Some(count));
            }
            count += 1;
        }
        (numbers, count as usize)
    }

    /// Place of `id` among the k-mers, from 0.
    fn kmer_number(&self, id: u32) -> Option<usize> {
        (FIRST_KMER as usize..self.vocabulary_size())
            .contains(&(id as usize))
            .then(|| (id - FIRST_KMER) as usize)
    }

    /// The last id of the vocabulary.
    fn last(&self) -> usize {
        self.vocabulary_size() - 1
    }
}

fn token_fault(place: usize, expected: String, found: String) -> Fault {
    Fault::input("tokens")
        .at(Place::Part(format!("token {place}")))
        .expected(expected)
        .found(found)
        .remedy("read them with the tokenization that they were written with")
        .into()
}
