//! A learned model and how it reads.

use readlens_fault::Result;

use crate::bins::Bins;
use crate::fit::FrameOptions;
use crate::hexamers::{HEXAMERS, begins_with_stop, check, gc};
use crate::reading::{LEAST_HEXAMERS, Reading, Verdict};
use crate::scores::{Counts, STATES, Scores, strand_and_phase};

/// Most bins that a model may have.
pub(crate) const MAX_BINS: usize = 16;

/// Largest [stop ratio](FrameModel::stop_ratios) of a bin whose chains count as those of codons.
pub const LARGEST_STOP_RATIO: f64 = 0.5;

/// The chains of coding sequences, for each bin of GC share.
///
/// Learned by [`FrameModel::fit`]. It is serialised with a version, and another version is refused
/// with a message that says so.
#[derive(Clone, Debug)]
pub struct FrameModel {
    pub(crate) options: FrameOptions,
    pub(crate) bins: Bins,
    /// Whole hexamers of each bin.
    pub(crate) counts: Vec<Counts>,
    /// What follows from the counts and is read with.
    scores: Vec<Scores>,
    stop_ratios: Vec<f64>,
    /// See [`FrameModel::optimism`].
    optimism: Vec<f64>,
}

/// Free numbers of the chains of a bin beyond those of a frameless one: three bases of four behind
/// every five, at two codon positions more.
const FREE_NUMBERS: f64 = (2 * 3 * HEXAMERS / 4) as f64;

impl PartialEq for FrameModel {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options && self.bins == other.bins && self.counts == other.counts
    }
}

impl FrameModel {
    pub(crate) fn of(options: FrameOptions, bins: Bins, counts: Vec<Counts>) -> Self {
        let scores = |counts| Scores::new(counts, options.prior, options.stop_cost).0;
        Self {
            scores: counts.iter().map(scores).collect(),
            stop_ratios: counts.iter().map(stop_ratio).collect(),
            optimism: counts.iter().map(optimism).collect(),
            options,
            bins,
            counts,
        }
    }

    /// The options that it was learned with, among them the least gap.
    pub fn options(&self) -> &FrameOptions {
        &self.options
    }

    /// Inner edges of the bins of GC share, ascending within 0 to 1.
    pub fn bin_edges(&self) -> &[f64] {
        self.bins.edges()
    }

    /// For each bin, the share of TAA and TAG at codon position 0 over the mean of their shares at
    /// the other two positions.
    ///
    /// Genes avoid stop codons in frame: marker genes have ratios below 0.01, mitochondrial genomes
    /// cut into windows about 0.35. Homologous sequences without codons, such as ribosomal RNA,
    /// have periods of three too, because each of their bases has its place; their ratios are about
    /// 0.9. So no frame is found in a bin whose ratio is above [`LARGEST_STOP_RATIO`].
    pub fn stop_ratios(&self) -> &[f64] {
        &self.stop_ratios
    }

    /// For each bin, what a sequence gains on average by having been learned from, in nats per
    /// hexamer: the 6144 free numbers that chains have beyond a frameless one, over the hexamers of
    /// the bin (Akaike 1974, *IEEE Transactions on Automatic Control* 19, 716).
    ///
    /// Without it a model of little data would find a frame in whatever it was learned from.
    pub fn optimism(&self) -> &[f64] {
        &self.optimism
    }

    /// Reads a sequence; see the formulas of the [crate](crate).
    ///
    /// The time is linear in the length, some nanoseconds a base, and nothing is allocated.
    ///
    /// # Errors
    /// [`readlens_fault::Fault::Input`] if it holds a byte that is no nucleotide symbol.
    pub fn read(&self, bases: &[u8]) -> Result<Reading> {
        check(bases, || "the sequence to read".to_owned())?;
        let bin = self.bins.of(gc(bases));
        let (sums, hexamers) = self.scores[bin].of(bases);
        let best =
            (1..STATES).fold(0, |best, state| if sums[state] > sums[best] { state } else { best });
        let others = sums.iter().enumerate().filter(|(hypothesis, _)| *hypothesis != best);
        let next = others.map(|(_, sum)| *sum).fold(f64::NEG_INFINITY, f64::max);
        let gap = sums[best] - next - self.optimism[bin] * hexamers as f64;
        let verdict = match hexamers {
            0..LEAST_HEXAMERS => Verdict::TooShort,
            _ if self.stop_ratios[bin] > LARGEST_STOP_RATIO => Verdict::Unclear,
            _ if gap < self.options.least_gap => Verdict::Unclear,
            _ => Verdict::InFrame,
        };
        let (strand, phase) = strand_and_phase(best);
        Ok(Reading { strand, phase, gap, verdict })
    }
}

/// See [`FrameModel::optimism`].
fn optimism(counts: &Counts) -> f64 {
    FREE_NUMBERS / counts.as_flattened().iter().sum::<f64>().max(1.0)
}

/// See [`FrameModel::stop_ratios`]; infinite where no stop codon is seen at all.
fn stop_ratio(counts: &Counts) -> f64 {
    let shares: [f64; 3] = std::array::from_fn(|position| {
        let all: f64 = counts.iter().map(|row| row[position]).sum();
        let rows = counts.iter().enumerate().filter(|(hexamer, _)| begins_with_stop(*hexamer));
        rows.map(|(_, row)| row[position]).sum::<f64>() / all.max(1.0)
    });
    let elsewhere = f64::midpoint(shares[1], shares[2]);
    if elsewhere > 0.0 { shares[0] / elsewhere } else { f64::INFINITY }
}
