use std::fmt;
use std::sync::Arc;

use readlens_fault::{Fault, InputFault, Place, Result};
use serde::{Deserialize, Serialize};

use crate::alphabet::Alphabet;
use crate::coverage::Coverage;
use crate::kmers::Kmers;
use crate::listed::ListedTokens;
use crate::orientation::Orientation;
use crate::{CLS, FIRST_KMER, UNK};

/// How a window of letters becomes token ids.
///
/// The fields are public to be read; [`Tokenization::new`], [`Tokenization::listed`] and
/// deserialisation check them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
#[non_exhaustive]
pub struct Tokenization {
    /// Letters of the sequences.
    pub alphabet: Alphabet,
    /// Which tokens there are.
    pub vocabulary: Vocabulary,
    /// Whether a CLS token precedes the first real one.
    pub cls: bool,
    /// How windows were put into their reading frame; none where they were not.
    pub orientation: Option<Orientation>,
}

/// Which tokens there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// Every k-mer of the alphabet.
    Kmers(Kmers),
    /// Those of a list.
    Listed(Arc<ListedTokens>),
}

/// Most bases of a window whose values are laid on bases.
pub const MAX_WINDOW_BASES: usize = 1 << 25;

/// The fields as they are written: either `k` and `stride`, or `tokens`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    alphabet: Alphabet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<ListedTokens>,
    cls: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orientation: Option<Orientation>,
}

impl fmt::Display for Tokenization {
    /// As in `Dna 6-mers at stride 6 with CLS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alphabet, vocabulary, cls, orientation } = self;
        let cls = if *cls { "with" } else { "without" };
        match vocabulary {
            Vocabulary::Kmers(kmers) => write!(f, "{alphabet:?} {kmers} {cls} CLS")?,
            Vocabulary::Listed(listed) => {
                let count = listed.tokens().len();
                write!(f, "{alphabet:?} tokens of a list of {count} {cls} CLS")?;
            }
        }
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
        let Fields { alphabet, k, stride, tokens, cls, orientation } = fields;
        let plain = match (k, stride, tokens) {
            (Some(k), Some(stride), None) => Self::new(alphabet, k, stride, cls)?,
            (None, None, Some(tokens)) => Self::listed(alphabet, Arc::new(tokens), cls),
            _ => return Err(Fault::usage("a tokenization has k and stride, or tokens")),
        };
        Ok(Self { orientation, ..plain })
    }
}

impl From<Tokenization> for Fields {
    fn from(tokenization: Tokenization) -> Self {
        let Tokenization { alphabet, vocabulary, cls, orientation } = tokenization;
        let (k, stride, tokens) = match vocabulary {
            Vocabulary::Kmers(Kmers { k, stride }) => (Some(k), Some(stride), None),
            Vocabulary::Listed(tokens) => (None, None, Some(Arc::unwrap_or_clone(tokens))),
        };
        Self { alphabet, k, stride, tokens, cls, orientation }
    }
}

impl Tokenization {
    /// K-mers of an alphabet, as [`Kmers::new`] checks them.
    ///
    /// # Errors
    /// As there.
    pub fn new(alphabet: Alphabet, k: u32, stride: u32, cls: bool) -> Result<Self> {
        let vocabulary = Vocabulary::Kmers(Kmers::new(alphabet, k, stride)?);
        Ok(Self { alphabet, vocabulary, cls, orientation: None })
    }

    /// Tokens of a list.
    pub fn listed(alphabet: Alphabet, tokens: Arc<ListedTokens>, cls: bool) -> Self {
        Self { alphabet, vocabulary: Vocabulary::Listed(tokens), cls, orientation: None }
    }

    /// The same, of windows that were put into their reading frame.
    #[must_use]
    pub fn oriented(self, orientation: Orientation) -> Self {
        Self { orientation: Some(orientation), ..self }
    }

    /// Its k-mers, if its tokens are all of them.
    pub fn kmers(&self) -> Option<Kmers> {
        match &self.vocabulary {
            Vocabulary::Kmers(kmers) => Some(*kmers),
            Vocabulary::Listed(_) => None,
        }
    }

    /// Its k-mers, for `what` reads nothing else.
    ///
    /// # Errors
    /// [`Fault::Usage`]: its tokens are those of a list.
    pub fn kmers_for(&self, what: &str) -> Result<Kmers> {
        self.kmers().ok_or_else(|| {
            Fault::usage(format!(
                "{what} read k-mers, and these windows have the tokens of an imported model; \
                 tokenize the sequences with --k"
            ))
        })
    }

    /// Whether bases between two tokens are in none, so that a window cannot be read back.
    pub fn leaves_gaps(&self) -> bool {
        self.kmers().is_some_and(|kmers| kmers.leave_gaps())
    }

    /// In how many frames a window can be read: bases that may be dropped at its start before its
    /// tokens repeat. Tokens of a list have no frame.
    pub fn frames(&self) -> u32 {
        self.kmers().map_or(1, |kmers| kmers.stride)
    }

    /// Fewest bases of a window that holds `tokens` real tokens; 0 for none.
    pub fn least_bases(&self, tokens: usize) -> usize {
        match (&self.vocabulary, tokens.checked_sub(1)) {
            (_, None) => 0,
            (Vocabulary::Kmers(kmers), Some(last)) => kmers.interval(last).end,
            (Vocabulary::Listed(_), Some(_)) => tokens,
        }
    }

    /// Most real tokens of a window of `bases` bases: all of its k-mers, or one of a list for each
    /// letter.
    pub fn most_tokens(&self, bases: usize) -> usize {
        match &self.vocabulary {
            Vocabulary::Kmers(kmers) => kmers.count(bases),
            Vocabulary::Listed(_) => bases,
        }
    }

    /// The real ones of a window's `tokens`: CLS is left out.
    pub fn real<'a>(&self, tokens: &'a [u32]) -> &'a [u32] {
        tokens.get(usize::from(self.cls)..).unwrap_or_default()
    }

    /// Which bases of the window each of its `tokens` covers; CLS among them is not counted.
    pub fn coverage(&self, tokens: &[u32]) -> Coverage {
        let real = self.real(tokens);
        match &self.vocabulary {
            Vocabulary::Kmers(kmers) => Coverage::of_kmers(*kmers, real.len()),
            Vocabulary::Listed(listed) => {
                Coverage::of_lengths(real.iter().map(|&id| listed.length(id)))
            }
        }
    }

    /// Bases of a window from `start` to `end` (0-based, half-open) that is read as `tokens`, CLS
    /// included; `fault` is about its place in the table.
    ///
    /// Every stage that joins a window with its bases asks here before it takes memory for them:
    /// the coordinates are two numbers in a file, and only the tokens prove how long a window is.
    ///
    /// # Errors
    /// `end` is before `start`, CLS is missing, or the bases have other tokens.
    pub fn window_bases(
        &self,
        start: u32,
        end: u32,
        tokens: &[u32],
        fault: impl FnOnce() -> InputFault,
    ) -> Result<usize> {
        let real = tokens.len().checked_sub(usize::from(self.cls));
        let bases = end.checked_sub(start).map(|bases| bases as usize);
        let (expected, found) = match &self.vocabulary {
            Vocabulary::Kmers(kmers) => {
                let count = kmers.count(bases.unwrap_or(0));
                match (bases, real) {
                    (Some(bases), Some(real)) if real == count => return Ok(bases),
                    _ => (format!("{count} tokens"), real.map(|real| real.to_string())),
                }
            }
            Vocabulary::Listed(_) => {
                let read = self.coverage(tokens).end();
                match (bases, real) {
                    (Some(bases), Some(_)) if bases == read => return Ok(bases),
                    (_, real) => (
                        "tokens of as many letters".to_owned(),
                        real.map(|_| format!("{read} letters")),
                    ),
                }
            }
        };
        Err(fault()
            .expected(format!("{expected} for bases {start} to {end}"))
            .found(found.unwrap_or_else(|| "not even CLS".to_owned()))
            .remedy("tokenize again")
            .into())
    }

    /// As [`Tokenization::window_bases`], for a window on whose bases values are laid.
    ///
    /// # Errors
    /// As there, or they are more than [`MAX_WINDOW_BASES`].
    pub fn laid_bases(
        &self,
        start: u32,
        end: u32,
        tokens: &[u32],
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

    /// Number of token ids: the five special tokens and all others.
    pub fn vocabulary_size(&self) -> usize {
        let real = match &self.vocabulary {
            Vocabulary::Kmers(kmers) => kmers.number(self.alphabet),
            Vocabulary::Listed(listed) => listed.tokens().len(),
        };
        FIRST_KMER as usize + real
    }

    /// Replaces `out` by the tokens of the window `bases`: CLS where the tokenization has one,
    /// then every whole k-mer or every token of the list. Case and U are folded; a k-mer with any
    /// byte that is no letter is UNK, and so is a letter that no token of a list begins with.
    /// Returns how many are UNK.
    pub fn encode(&self, bases: &[u8], out: &mut Vec<u32>) -> usize {
        out.clear();
        if self.cls {
            out.push(CLS);
        }
        match &self.vocabulary {
            Vocabulary::Kmers(kmers) => kmers.encode(self.alphabet, bases, out),
            Vocabulary::Listed(listed) => listed.encode(self.alphabet, bases, out),
        }
    }

    /// The bases of a window from its tokens: from the first base of the first one to the last
    /// base of the last one, upper case, [`Alphabet::unknown_letter`] where only UNK covers.
    ///
    /// # Errors
    /// [`Fault::Usage`] if `stride > k`, as the bases between k-mers are in no token.
    /// [`Fault::Input`] if a CLS is missing or is where none belongs, another special token or an
    /// id beyond the vocabulary occurs, or two overlapping k-mers disagree; the fault names the
    /// token, and the caller, who knows the file, the row.
    pub fn decode(&self, tokens: &[u32]) -> Result<Vec<u8>> {
        if let Some(kmers) = self.kmers().filter(Kmers::leave_gaps) {
            return Err(Fault::usage(format!(
                "bases cannot be read back from tokens with stride {} above k {}: the bases \
                 between k-mers are in no token; tokenize with a stride of at most k",
                kmers.stride, kmers.k
            )));
        }
        if self.cls && tokens.first() != Some(&CLS) {
            let found = tokens.first().map_or("no token".to_owned(), |id| format!("token {id}"));
            return Err(token_fault(0, format!("CLS ({CLS})"), found));
        }
        let coverage = self.coverage(tokens);
        let unknown = self.alphabet.unknown_letter();
        let mut bases = vec![unknown; coverage.end()];
        for (i, &id) in self.real(tokens).iter().enumerate() {
            let place = i + usize::from(self.cls);
            if id == UNK {
                continue;
            }
            if !(FIRST_KMER as usize..self.vocabulary_size()).contains(&(id as usize)) {
                let last = self.vocabulary_size() - 1;
                let expected = format!("UNK ({UNK}) or a token of {FIRST_KMER} to {last}");
                return Err(token_fault(place, expected, format!("token {id}")));
            }
            let covered = &mut bases[coverage.of(i)];
            let kmers = match &self.vocabulary {
                Vocabulary::Kmers(kmers) => kmers,
                Vocabulary::Listed(listed) => {
                    covered.copy_from_slice(listed.letters(id).unwrap_or_default().as_bytes());
                    continue;
                }
            };
            let letters = kmers.letters_backward(self.alphabet, (id - FIRST_KMER) as usize);
            for (base, letter) in covered.iter_mut().rev().zip(letters) {
                if *base != unknown && *base != letter {
                    let kmer = self.letters(id).unwrap_or_default();
                    let expected = "a k-mer that agrees with the ones before it".to_owned();
                    return Err(token_fault(place, expected, kmer));
                }
                *base = letter;
            }
        }
        Ok(bases)
    }

    /// The letters of token `id`; none if it is a special token or beyond the vocabulary.
    pub fn letters(&self, id: u32) -> Option<String> {
        match &self.vocabulary {
            Vocabulary::Listed(listed) => listed.letters(id).map(str::to_owned),
            Vocabulary::Kmers(kmers) => {
                let place = id.checked_sub(FIRST_KMER)? as usize;
                if place >= kmers.number(self.alphabet) {
                    return None;
                }
                let backward: Vec<u8> = kmers.letters_backward(self.alphabet, place).collect();
                Some(backward.into_iter().rev().map(char::from).collect())
            }
        }
    }

    /// For each token id the number of its k-mer among those that count as one with their reverse
    /// complement, none for special tokens; and how many such k-mers there are. A token of a list
    /// has a number of its own.
    ///
    /// Of a k-mer and its reverse complement the first in the order of ids gives the number; in an
    /// alphabet without complement each k-mer has its own.
    pub fn strandless_kmers(&self) -> (Vec<Option<u32>>, usize) {
        let mut numbers: Vec<Option<u32>> = vec![None; self.vocabulary_size()];
        let mut count = 0;
        let twins = self.kmers().filter(|_| self.alphabet.has_complement());
        let mut twin = Vec::with_capacity(1);
        for id in FIRST_KMER as usize..numbers.len() {
            if numbers[id].is_some() {
                continue;
            }
            numbers[id] = Some(count);
            if let Some(kmers) = twins {
                let bases = self.letters(id as u32).unwrap_or_default();
                let whole = Kmers { stride: kmers.k, ..kmers };
                twin.clear();
                let reverse = self.alphabet.reverse_complement(bases.as_bytes());
                whole.encode(self.alphabet, &reverse, &mut twin);
                twin.iter().for_each(|&twin| numbers[twin as usize] = Some(count));
            }
            count += 1;
        }
        (numbers, count as usize)
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
