//! Learning a model: expectation–maximisation in each bin of GC share.

use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::bins::Bins;
use crate::hexamers::{HEXAMERS, LENGTH, check, gc};
use crate::model::{FrameModel, MAX_BINS};
use crate::reading::LEAST_HEXAMERS;
use crate::scores::{Counts, STATES, Scores, Tally};

/// Fewest bases that a model is learned from.
pub const LEAST_BASES: usize = 100_000;

/// Blocks of each bin whose counts are summed on their own, then added in order.
const BLOCKS: usize = 16;

/// How a model is learned and when a frame counts as found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameOptions {
    /// Maximum number of bins of GC share, 1 to 16.
    pub bins: usize,
    /// Fewest bases of a bin on average; with less data there are fewer bins.
    pub bases_per_bin: usize,
    /// Maximum number of turns of expectation and maximisation, at least 1.
    pub turns: usize,
    /// Learning ends when a turn raises the objective by less, in nats per hexamer.
    pub least_gain: f64,
    /// Cost λ of a stop codon in frame, in nats.
    pub stop_cost: f64,
    /// Weight α of the prior of equally likely bases, in hexamers for each codon position and five
    /// bases.
    pub prior: f64,
    /// Gap from which a frame counts as found, in nats. At 3 the posterior odds against every other
    /// hypothesis are at least 20 to 1; a negative one also takes frames that are less likely than
    /// not.
    pub least_gap: f64,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self {
            bins: 6,
            bases_per_bin: 2_000_000,
            turns: 20,
            least_gain: 1e-4,
            stop_cost: 1.0,
            prior: 20.0,
            least_gap: 3.0,
        }
    }
}

impl FrameOptions {
    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// [`Fault::Usage`] that names the number.
    pub(crate) fn validate(&self) -> Result<()> {
        let is_wrong = |name: &str, range: &str| {
            Err(Fault::usage(format!("{name} of a reading frame must be {range}")))
        };
        if !(1..=MAX_BINS).contains(&self.bins) {
            return is_wrong("the number of bins", &format!("1 to {MAX_BINS}"));
        }
        if self.bases_per_bin == 0 || self.turns == 0 {
            return is_wrong("the bases of a bin and the number of turns", "at least 1");
        }
        if !(0.0..=1.0).contains(&self.least_gain) {
            return is_wrong("the least gain", "0 to 1 nats per hexamer");
        }
        if !(0.0..=1000.0).contains(&self.stop_cost) {
            return is_wrong("the cost of a stop codon", "0 to 1000 nats");
        }
        if !(1e-6..=1e9).contains(&self.prior) {
            return is_wrong("the weight of the prior", "1e-6 to 1e9 hexamers");
        }
        if !(-1e9..=1e9).contains(&self.least_gap) {
            return is_wrong("the least gap", "-1e9 to 1e9 nats");
        }
        Ok(())
    }
}

/// A model and how it was learned.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The model.
    pub model: FrameModel,
    /// Objective before each turn, in nats per hexamer; never falls. The first is that of equally
    /// likely bases.
    pub objectives: Vec<f64>,
    /// Sequences it was learned from.
    pub used: usize,
    /// Sequences left out: they have fewer than [`LEAST_HEXAMERS`] hexamers.
    pub too_short: usize,
}

impl FrameModel {
    /// Learns the chains of coding sequences from `sequences` in any mixture of states, in the
    /// memory of the sequences and at most 80 MB.
    ///
    /// # Errors
    /// [`Fault::Usage`] if an option is out of its range. [`Fault::Input`] if a sequence holds a
    /// byte that is no nucleotide symbol, if none is long enough for a frame, or if there are fewer
    /// than [`LEAST_BASES`] bases.
    pub fn fit<S: AsRef<[u8]> + Sync>(sequences: &[S], options: &FrameOptions) -> Result<Fitted> {
        options.validate()?;
        let shares = shares(sequences)?;
        let used: Vec<usize> = (0..shares.len()).filter(|&i| shares[i].is_some()).collect();
        let bases: usize = used.iter().map(|&i| sequences[i].as_ref().len()).sum();
        check_amount(sequences.len(), used.len(), bases)?;

        let count = options.bins.min(bases / options.bases_per_bin).max(1);
        let bins = Bins::of_equal_size(shares.iter().flatten().copied().collect(), count);
        let mut members = vec![Vec::new(); bins.count()];
        for &sequence in &used {
            members[bins.of(shares[sequence].unwrap_or_default())]
                .push(sequences[sequence].as_ref());
        }
        let blocks: Vec<(usize, &[&[u8]])> = members
            .iter()
            .enumerate()
            .flat_map(|(bin, members)| {
                members.chunks(members.len().div_ceil(BLOCKS)).map(move |block| (bin, block))
            })
            .collect();

        let nothing = vec![[0.0; 3]; HEXAMERS];
        let mut counts = vec![nothing; bins.count()];
        let mut objectives = Vec::new();
        for _ in 0..options.turns {
            let (turned, objective) = turn(&blocks, &counts, options);
            counts = turned;
            objectives.push(objective);
            if let [.., before, now] = objectives[..]
                && now - before < options.least_gain
            {
                break;
            }
        }
        // Whole hexamers, so that a saved model is short and the same to the bit.
        counts.as_mut_slice().iter_mut().flatten().flatten().for_each(|n| *n = n.round());
        Ok(Fitted {
            model: FrameModel::of(*options, bins, counts),
            objectives,
            used: used.len(),
            too_short: sequences.len() - used.len(),
        })
    }
}

/// GC share of each sequence; none where it is too short for a frame.
fn shares<S: AsRef<[u8]> + Sync>(sequences: &[S]) -> Result<Vec<Option<f64>>> {
    let share = |(ordinal, sequence): (usize, &S)| {
        let bases = sequence.as_ref();
        check(bases, || format!("sequence {} (from 1)", ordinal + 1))?;
        let mut hexamers = 0;
        crate::hexamers::each(bases, |_, _| hexamers += 1);
        Ok((hexamers >= LEAST_HEXAMERS).then(|| gc(bases)))
    };
    // Collected before a fault is looked for, so that it is that of the first sequence at fault.
    let shares: Vec<Result<_>> = sequences.par_iter().enumerate().map(share).collect();
    shares.into_iter().collect()
}

fn check_amount(sequences: usize, used: usize, bases: usize) -> Result<()> {
    let least = LEAST_HEXAMERS + LENGTH - 1;
    let fault = |expected: String, found: String| {
        let remedy = "give a model that was learned from more sequences, or leave the sequences as \
                      they are";
        Err(Fault::input("sequences").expected(expected).found(found).remedy(remedy).into())
    };
    if used == 0 {
        return fault(
            format!("a sequence long enough to find its reading frame, {least} nt"),
            format!("{sequences} sequences, all of them shorter"),
        );
    }
    if bases < LEAST_BASES {
        return fault(
            format!("at least {LEAST_BASES} nt to learn reading frames from"),
            format!("{bases} nt in {used} sequences of at least {least} nt"),
        );
    }
    Ok(())
}

/// One turn: the counts that the states give under the chains of `counts`, and the objective of
/// these chains in nats per hexamer.
fn turn(
    blocks: &[(usize, &[&[u8]])],
    counts: &[Counts],
    options: &FrameOptions,
) -> (Vec<Counts>, f64) {
    let of_bin = |counts: &Counts| Scores::new(counts, options.prior, options.stop_cost);
    let (scores, log_priors): (Vec<Scores>, Vec<f64>) = counts.iter().map(of_bin).unzip();
    let expected: Vec<(Tally, f64, usize)> = blocks
        .par_iter()
        .map(|&(bin, members)| {
            let (mut tally, mut objective, mut hexamers) = (Tally::new(), 0.0, 0);
            for bases in members {
                let (sums, count) = scores[bin].of(bases);
                let (probabilities, log_mean) = posterior(&sums[..STATES]);
                tally.add(bases, &probabilities);
                objective += log_mean;
                hexamers += count;
            }
            (tally, objective, hexamers)
        })
        .collect();
    let mut tallies = vec![Tally::new(); counts.len()];
    let mut objective = log_priors.iter().sum::<f64>() * options.prior / 4.0;
    let mut hexamers = 0;
    for (&(bin, _), (tally, of_block, count)) in blocks.iter().zip(&expected) {
        tallies[bin].merge(tally);
        objective += of_block;
        hexamers += count;
    }
    (tallies.iter().map(Tally::counts).collect(), objective / hexamers as f64)
}

/// Probabilities of states with these ln w, and ln of the mean w.
fn posterior(logs: &[f64]) -> ([f64; STATES], f64) {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: [f64; STATES] = std::array::from_fn(|state| (logs[state] - largest).exp());
    let total: f64 = weights.iter().sum();
    (weights.map(|weight| weight / total), largest + (total / STATES as f64).ln())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::hexamers::each;

    fn hexamer(bases: &[u8; 6]) -> usize {
        let mut found = 0;
        each(bases, |_, hexamer| found = hexamer);
        found
    }

    #[test]
    fn a_first_turn_is_its_closed_form() {
        // TAA stands at base 2 and a whole codon follows it: the forward state of phase 2 pays.
        // The other strand, GGGGGGGTTAGG, has its TAG at base 8, behind which no codon has room.
        let bases: &[u8] = b"CCTAACCCCCCC";
        let options = FrameOptions { prior: 8.0, ..FrameOptions::default() };
        let counts = [vec![[0.0; 3]; HEXAMERS]];
        let (turned, objective) = turn(&[(0, &[bases])], &counts, &options);

        let paid = (-options.stop_cost).exp();
        let (paying, free) = (paid / (5.0 + paid), 1.0 / (5.0 + paid));
        let expected: [(&[u8; 6], [f64; 3]); 4] = [
            // At base 0, codon positions 0, 2 and 1 in the phases 0, 1 and 2.
            (b"CCTAAC", [free, paying, free]),
            (b"CTAACC", [free, free, paying]),
            (b"TAACCC", [paying, free, free]),
            // The other strand at base 6.
            (b"GTTAGG", [free, free, free]),
        ];
        for (bases, expected) in expected {
            for (found, expected) in turned[0][hexamer(bases)].iter().zip(expected) {
                assert!((found - expected).abs() < 1e-15, "{found} instead of {expected}");
            }
        }
        // Each of seven hexamers once on either strand, with the probability of the strand.
        let total: f64 = turned[0].iter().flatten().sum();
        assert!((total - 7.0).abs() < 1e-12, "{total}");

        let log_quarter = 0.25_f64.ln();
        let log_mean = 7.0 * log_quarter + ((5.0 + paid) / 6.0).ln();
        let log_prior = 8.0 / 4.0 * (3 * HEXAMERS) as f64 * log_quarter;
        let expected = (log_mean + log_prior) / 7.0;
        assert!((objective - expected).abs() < 1e-9, "{objective} instead of {expected}");
    }

    #[test]
    fn posteriors_are_shares_of_weights_however_small() {
        let logs = [-2000.0, -2000.0 + 3.0_f64.ln(), -3000.0, -4000.0, -5000.0, -6000.0];
        let (probabilities, log_mean) = posterior(&logs);
        assert!((probabilities[0] - 0.25).abs() < 1e-12 && (probabilities[1] - 0.75).abs() < 1e-12);
        assert!((log_mean - (-2000.0 + (4.0_f64 / 6.0).ln())).abs() < 1e-9);
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let default = FrameOptions::default();
        for (options, name) in [
            (FrameOptions { bins: 0, ..default }, "number of bins"),
            (FrameOptions { bins: 17, ..default }, "number of bins"),
            (FrameOptions { bases_per_bin: 0, ..default }, "bases of a bin"),
            (FrameOptions { turns: 0, ..default }, "number of turns"),
            (FrameOptions { least_gain: f64::NAN, ..default }, "least gain"),
            (FrameOptions { stop_cost: -1.0, ..default }, "cost of a stop codon"),
            (FrameOptions { prior: 0.0, ..default }, "weight of the prior"),
            (FrameOptions { least_gap: f64::INFINITY, ..default }, "least gap"),
        ] {
            let error = FrameModel::fit(&[b"ACGT"], &options).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.exit_code(), readlens_fault::ExitCode::Usage);
        }
    }
}
