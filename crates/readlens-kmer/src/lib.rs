//! Alphabets, vocabularies and the mapping between sequences, k-mer tokens and coordinates.
//!
//! Pure: no files, no tables, no tensors. An [`Alphabet`] knows its letters; a [`Tokenization`]
//! knows how a window becomes token ids, which bases each token covers, and the way back.
//!
//! ```
//! use readlens_kmer::{Alphabet, CLS, Tokenization, UNK};
//!
//! let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true)?;
//! let mut tokens = Vec::new();
//! let unknown = tokenization.encode(b"ACGNNNttu", &mut tokens);
//! assert_eq!(tokens, [CLS, 5 + 0 * 16 + 1 * 4 + 2, UNK, 5 + 3 * 16 + 3 * 4 + 3]);
//! assert_eq!(unknown, 1);
//! assert_eq!(tokenization.decode(&tokens)?, b"ACGNNNTTT");
//! # Ok::<(), readlens_fault::Fault>(())
//! ```

mod alphabet;
mod coverage;
mod kmers;
mod listed;
mod orientation;
mod tokenization;

pub use alphabet::Alphabet;
pub use coverage::Coverage;
pub use kmers::{Kmers, MAX_STRIDE};
pub use listed::{ListedTokens, MAX_LISTED, MAX_LISTED_LETTERS};
pub use orientation::{ModelDigest, Orientation};
pub use tokenization::{MAX_WINDOW_BASES, Tokenization, Vocabulary};

/// Token that fills a batch behind the end of a window.
pub const PAD: u32 = 0;
/// Token of a k-mer that holds anything but the letters of its alphabet.
pub const UNK: u32 = 1;
/// Token before the first k-mer, whose vector may stand for the whole window.
pub const CLS: u32 = 2;
/// Token between two parts of a window; reserved.
pub const SEP: u32 = 3;
/// Token in the place of a k-mer that is hidden; reserved.
pub const MASK: u32 = 4;
/// Token of the first k-mer (`A…A` for DNA), or the first token of a list; k-mers follow in the
/// order of their letters.
pub const FIRST_KMER: u32 = 5;
