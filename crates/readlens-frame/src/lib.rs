//! The reading frame of coding sequences: which strand carries the codons, and where they begin.
//!
//! Pure: no files, no tables. A [`FrameModel`] is learned from the sequences themselves, without
//! labels, and then reads any sequence: [`FrameModel::read`] gives a [`Reading`] with strand, phase
//! and certainty, and [`Reading::orient`] the part of the sequence whose codons can be read.
//!
//! # The model
//!
//! A sequence x has one of six *states* s = (strand, phase), all equally likely at first. On the
//! coding strand the base i is at codon position c = (i − phase) mod 3. Each base depends on the
//! five before it and on the codon position, so every *hexamer* h that starts at codon position c
//! brings one factor P_c(last base of h | first five bases of h): an inhomogeneous Markov chain of
//! order five and period three (Borodovsky & McIninch 1993, *Computers & Chemistry* 17, 123). A
//! stop codon in frame costs λ nats besides:
//!
//! ln w_s(x) = Σ_h ln P_c(h) − λ · (stop codons in frame)
//!
//! - The sum is over the hexamers of the coding strand. A hexamer with a letter other than A, C, G,
//!   T, U (either case) is left out. So is the constant factor of the first five bases.
//! - Stop codons are TAA and TAG, which stop in nearly all genetic codes. TGA, which codes for
//!   tryptophan in mitochondria and mycoplasmas, is not one of them. Only a stop codon that another
//!   whole codon follows costs something, so a gene may end with its own.
//! - The share of G and C (over A, C, G, T) puts x into a bin. Each bin has chains of its own. The
//!   outermost bins are open: a sequence whose GC share was never seen is read by the nearest bin.
//!
//! Two *frameless* alternatives, one for each strand, have the chain P_0 that the three positions
//! give when their counts are added up, and no stop costs. By the concavity of the logarithm, a
//! sequence without a period of three is likelier under P_0 than under the mean phase.
//!
//! # Learning
//!
//! Expectation–maximisation (Dempster, Laird & Rubin 1977) in each bin. It begins with chains of
//! equally likely bases, under which only stop codons tell the states apart. Then, in turns,
//!
//! - E: r_s = w_s(x) / Σ_s' w_s'(x), over the six states;
//! - M: N_c(h) = Σ_x Σ_s r_s · (number of h at codon position c under s), and
//!   P_c(b | p) = (N_c(pb) + α/4) / (Σ_b' N_c(pb') + α) for each base b behind five bases p.
//!
//! The objective Σ_x ln(⅙ Σ_s w_s(x)) + α/4 Σ ln P_c(b | p), the log posterior of the chains under
//! a Dirichlet prior, never falls ([`Fitted::objectives`]). No step is random. Counts are summed in
//! blocks that follow from the sequences alone and added in order, so the number of threads changes
//! no bit.
//!
//! # Reading
//!
//! The *gap* of a reading is ln w of the best state less ln w of the best of the seven others: five
//! states and two frameless alternatives. A sequence fits a model that was learned from it better
//! than it should, so 6144 h / H nats are taken off, h the hexamers of the sequence and H those of
//! its bin ([`FrameModel::optimism`]). It is in nats, and negative where a frameless alternative is
//! likeliest. What is read from a sequence and from its reverse complement differs
//! only in the strand, up to rounding.
//!
//! A sequence is left as it is if its gap is below [`FrameOptions::least_gap`], if it has fewer
//! than [`LEAST_HEXAMERS`] hexamers, or if the chains of its bin are not those of codons
//! ([`FrameModel::stop_ratios`]). By the last rule a model that was learned from ribosomal RNA
//! finds no frames in it. The rule is for a bin as a whole: learn from coding sequences where you
//! can, and not from a mixture in which one family without codons prevails.
//!
//! ```
//! use readlens_frame::{FrameModel, FrameOptions, Strand, Verdict};
//!
//! // 200 genes of random codons, each cut somewhere.
//! let codons = [b"ATG", b"CTA", b"ACG", b"GTT", b"AAC", b"GAT", b"TAC", b"GCA"];
//! let mut draw = 1_u32;
//! let mut codon = || {
//!     draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
//!     codons[draw as usize >> 29]
//! };
//! let genes: Vec<Vec<u8>> = (0..200)
//!     .map(|gene| (0..250).flat_map(|_| *codon()).skip(gene % 3).collect())
//!     .collect();
//!
//! let model = FrameModel::fit(&genes, &FrameOptions::default())?.model;
//! let reading = model.read(&genes[1])?;
//! assert_eq!((reading.verdict, reading.strand), (Verdict::InFrame, Strand::Forward));
//!
//! // One base was cut off, so the first whole codon begins at the third.
//! assert_eq!(reading.phase, 2);
//! let oriented = reading.orient(genes[1].len(), true);
//! assert_eq!((oriented.start, oriented.end), (2, genes[1].len()));
//! assert!(codons.iter().any(|codon| oriented.bases(&genes[1]).starts_with(*codon)));
//! # Ok::<(), readlens_fault::Fault>(())
//! ```

mod bins;
mod fit;
mod hexamers;
mod model;
mod oriented;
mod reading;
mod saved;
mod scores;

pub use fit::{Fitted, FrameOptions, LEAST_BASES};
pub use model::{FrameModel, LARGEST_STOP_RATIO};
pub use oriented::Oriented;
pub use reading::{LEAST_HEXAMERS, Reading, Strand, Verdict};
pub use saved::VERSION;
