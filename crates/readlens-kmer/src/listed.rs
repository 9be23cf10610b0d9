//! Tokens of a list, such as those of an imported model.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::alphabet::Alphabet;
use crate::{FIRST_KMER, UNK};

/// Most tokens of a list.
pub const MAX_LISTED: usize = 1 << 20;
/// Most letters of a listed token.
pub const MAX_LISTED_LETTERS: usize = 1 << 10;

/// Tokens of one or more letters each, side by side.
///
/// Every letter of a window is in exactly one token; a letter that no token begins with is an UNK
/// of its own. The token at place `i` of the list has the id [`FIRST_KMER`]` + i`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct ListedTokens {
    tokens: Vec<String>,
    /// Pairs of places in the list that are joined, the most urgent first; none where the longest
    /// token that fits is taken from left to right.
    merges: Option<Vec<(u32, u32)>>,
    places: HashMap<String, u32>,
    /// Urgency of a pair, and the place of what it is joined to.
    joins: HashMap<(u32, u32), (u32, u32)>,
    longest: usize,
}

/// As it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    list: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merges: Option<Vec<(u32, u32)>>,
}

impl PartialEq for ListedTokens {
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens && self.merges == other.merges
    }
}

impl Eq for ListedTokens {}

impl Hash for ListedTokens {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.tokens, &self.merges).hash(state);
    }
}

impl TryFrom<Fields> for ListedTokens {
    type Error = Fault;

    fn try_from(Fields { list, merges }: Fields) -> Result<Self> {
        Self::new(list, merges)
    }
}

impl From<ListedTokens> for Fields {
    fn from(listed: ListedTokens) -> Self {
        Self { list: listed.tokens, merges: listed.merges }
    }
}

impl ListedTokens {
    /// A list of `tokens`. Without `merges` a window is cut from left to right, and the longest
    /// token that fits is taken each time. With them its letters are joined by byte-pair encoding
    /// (Sennrich et al. 2016): of all pairs of neighbours the one that comes first in `merges` is
    /// joined, again and again, the leftmost first; a pair names places in the list.
    ///
    /// # Errors
    /// [`Fault::Usage`]: there is no token or more than [`MAX_LISTED`], one is empty, longer than
    /// [`MAX_LISTED_LETTERS`], not of capital ASCII letters, `*`, `-` and `.`, or twice in the
    /// list; or a merge does not make a token of the list.
    pub fn new(tokens: Vec<String>, merges: Option<Vec<(u32, u32)>>) -> Result<Self> {
        if tokens.is_empty() || tokens.len() > MAX_LISTED {
            return Err(Fault::usage(format!(
                "a list of tokens has 1 to {MAX_LISTED}, not {}",
                tokens.len()
            )));
        }
        let mut places = HashMap::with_capacity(tokens.len());
        let mut longest = 0;
        for (place, token) in tokens.iter().enumerate() {
            let is_word =
                token.bytes().all(|byte| byte.is_ascii_uppercase() || b"*-.".contains(&byte));
            if token.is_empty() || token.len() > MAX_LISTED_LETTERS || !is_word {
                let shown: String = token.chars().take(20).collect();
                return Err(Fault::usage(format!(
                    "a token has 1 to {MAX_LISTED_LETTERS} capital letters, and token {place} is \
                     {shown:?}"
                )));
            }
            if places.insert(token.clone(), place as u32).is_some() {
                return Err(Fault::usage(format!("the token {token} is twice in the list")));
            }
            longest = longest.max(token.len());
        }
        let mut joins = HashMap::new();
        for (urgency, &(left, right)) in merges.iter().flatten().enumerate() {
            let both = tokens.get(left as usize).zip(tokens.get(right as usize));
            let joined = both.and_then(|(left, right)| places.get(&format!("{left}{right}")));
            let Some(&joined) = joined else {
                return Err(Fault::usage(format!(
                    "merge {urgency} joins {left} and {right}, which makes no token of the list"
                )));
            };
            joins.entry((left, right)).or_insert((urgency as u32, joined));
        }
        Ok(Self { tokens, merges, places, joins, longest })
    }

    /// The tokens, in the order of their ids.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Letters of the longest token.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The letters of token `id`; none for special tokens, UNK among them, and unknown ids.
    pub(crate) fn letters(&self, id: u32) -> Option<&str> {
        let place = id.checked_sub(FIRST_KMER)?;
        self.tokens.get(place as usize).map(String::as_str)
    }

    /// Letters of token `id`; UNK is one.
    pub(crate) fn length(&self, id: u32) -> usize {
        self.letters(id).map_or(1, str::len)
    }

    /// Puts the tokens of `bases` behind `out`; returns how many are UNK.
    pub(crate) fn encode(&self, alphabet: Alphabet, bases: &[u8], out: &mut Vec<u32>) -> usize {
        let folded: String = bases.iter().map(|&base| char::from(alphabet.folded(base))).collect();
        let first = out.len();
        match &self.merges {
            None => self.longest_first(&folded, out),
            Some(_) => self.joined(&folded, out),
        }
        out[first..].iter().filter(|&&id| id == UNK).count()
    }

    fn longest_first(&self, mut rest: &str, out: &mut Vec<u32>) {
        while !rest.is_empty() {
            let most = self.longest.min(rest.len());
            // Bytes that are no ASCII were folded to one that is.
            let fitting = (1..=most)
                .rev()
                .find_map(|length| Some((length, *self.places.get(rest.get(..length)?)?)));
            let (length, id) = fitting.map_or((1, UNK), |(length, at)| (length, FIRST_KMER + at));
            out.push(id);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Letters without a token divide the window; what lies between them is joined for itself.
    fn joined(&self, letters: &str, out: &mut Vec<u32>) {
        let mut run: Vec<u32> = Vec::new();
        let mut buffer = [0; 4];
        for letter in letters.chars() {
            match self.places.get(&*letter.encode_utf8(&mut buffer)) {
                Some(&place) => run.push(place),
                None => {
                    self.join_run(&mut run, out);
                    out.push(UNK);
                }
            }
        }
        self.join_run(&mut run, out);
    }

    /// Joins `run` and moves it behind `out`. A heap of pairs by urgency and place: n log n.
    fn join_run(&self, run: &mut Vec<u32>, out: &mut Vec<u32>) {
        use std::cmp::Reverse;
        use std::collections::BinaryHeap;

        // A token that was joined to its left neighbour.
        const GONE: u32 = u32::MAX;
        let count = run.len();
        let mut next: Vec<usize> = (1..=count).collect();
        let mut before: Vec<Option<usize>> = (0..count).map(|i| i.checked_sub(1)).collect();
        let mut heap = BinaryHeap::new();
        let join = |left: u32, right: u32| self.joins.get(&(left, right)).copied();
        for i in 1..count {
            if let Some((urgency, _)) = join(run[i - 1], run[i]) {
                heap.push(Reverse((urgency, i - 1, run[i - 1], run[i])));
            }
        }
        while let Some(Reverse((_, at, left, right))) = heap.pop() {
            let other = next[at];
            // The pair may be of tokens that have been joined otherwise since.
            if run[at] != left || other >= count || run[other] != right {
                continue;
            }
            let Some((_, joined)) = join(left, right) else { continue };
            run[at] = joined;
            run[other] = GONE;
            next[at] = next[other];
            if let Some(after) = before.get_mut(next[at]) {
                *after = Some(at);
            }
            let neighbours = [before[at].map(|left| (left, at)), Some((at, next[at]))];
            for (left, right) in neighbours.into_iter().flatten().filter(|(_, r)| *r < count) {
                if let Some((urgency, _)) = join(run[left], run[right]) {
                    heap.push(Reverse((urgency, left, run[left], run[right])));
                }
            }
        }
        out.extend(run.drain(..).filter(|&place| place != GONE).map(|place| FIRST_KMER + place));
    }
}
