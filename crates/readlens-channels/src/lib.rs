//! Hashed features of a window: what a bag of channels counts, and the tokens that each covers.
//!
//! Pure: no files, no tables, no tensors. A [`Channel`] is a kind of feature, such as canonical
//! 8-mers or triples of amino acids in the reading frame. It has a table of rows, and each feature
//! is a row of it: the feature's own number where all fit, else the number's hash.
//!
//! | as it is written | a feature is | rows without hashing |
//! |---|---|---|
//! | `kmer:8` | a k-mer or its reverse complement, whichever is less | 4^k |
//! | `seed:11011011011` | the bases at the ones, of either strand | 4^ones |
//! | `phased:6` | a k-mer and the codon position of its first base | 3 · 4^k |
//! | `codons:2` | so many codons in frame, one after the other | 64^n |
//! | `amino:3` | the same, translated by the standard code | 21^n |
//! | `grouped:5` | the same, similar amino acids being one letter of eleven | 11^n |
//!
//! The last four need the phase of the window, and count nothing where it is not known. A feature
//! with a base other than A, C, G, T or U is none.
//!
//! # Masks
//!
//! A feature covers the tokens that share a base with it. Its mask is the least of theirs, so a
//! hard mask shows exactly the features of which no base is in a hidden token: nothing of a hidden
//! token comes through.
//!
//! ```
//! use readlens_channels::{Channel, Window};
//! use readlens_kmer::{Alphabet, Tokenization};
//!
//! let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true)?;
//! let mut tokens = Vec::new();
//! tokenization.encode(b"ACGTTC", &mut tokens);
//! let window = Window::of(&tokens, &tokenization, None)?;
//! let channel: Channel = "kmer:4".parse()?;
//! let mut rows = Vec::new();
//! channel.each(&window, |feature| rows.push((feature.row, feature.first, feature.last)));
//! // ACGT is its own reverse complement: 0, 1, 2, 3 to base four. All three cover both tokens.
//! assert_eq!(rows[0], (0b00_01_10_11, 0, 1));
//! assert_eq!(rows.len(), 3);
//! # Ok::<(), readlens_fault::Fault>(())
//! ```

mod channel;
mod hashing;
mod kind;
mod window;

pub use channel::{Channel, Feature, LARGEST_TABLE};
pub use kind::Kind;
pub use window::Window;
