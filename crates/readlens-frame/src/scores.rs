//! Log probabilities of hexamers under all hypotheses, and their sums over a sequence.

use crate::hexamers::{self, HEXAMERS, LENGTH, begins_with_stop, reversed};
use crate::reading::Strand;

/// Six states: forward in phase 0, 1, 2, then reverse in phase 0, 1, 2.
pub(crate) const STATES: usize = 6;
/// The states, then the frameless alternatives of the forward and of the reverse strand.
pub(crate) const HYPOTHESES: usize = 8;

/// Hexamers of the coding strand by the codon position at which they start.
pub(crate) type Counts = Vec<[f64; 3]>;

/// Strand and phase of a state.
pub(crate) fn strand_and_phase(state: usize) -> (Strand, u8) {
    (if state < 3 { Strand::Forward } else { Strand::Reverse }, (state % 3) as u8)
}

/// What each hexamer, in the place where it stands, adds to each hypothesis, in nats.
///
/// Columns: on the forward strand from codon position 0, 1, 2; on the reverse strand from codon
/// position 0, 1, 2; frameless forward, frameless reverse. So one row is one line of the cache.
#[derive(Clone, Debug)]
pub(crate) struct Scores(Vec<[f64; HYPOTHESES]>);

impl Scores {
    /// Those of the chains that belong to `counts` under a Dirichlet prior of `prior` hexamers for
    /// each codon position and five bases; a stop codon in frame costs `stop_cost` nats.
    ///
    /// Also gives Σ ln P over codon positions and hexamers, which the prior asks for.
    pub(crate) fn new(counts: &Counts, prior: f64, stop_cost: f64) -> (Self, f64) {
        let mut chains = vec![[0.0; 4]; HEXAMERS];
        let mut log_sum = 0.0;
        for (bases, chain) in counts.chunks_exact(4).zip(chains.chunks_exact_mut(4)) {
            for column in 0..4 {
                let count = |row: &[f64; 3]| match column {
                    3 => row.iter().sum(),
                    position => row[position],
                };
                let total: f64 = bases.iter().map(count).sum::<f64>() + prior;
                for (row, log) in bases.iter().zip(chain.iter_mut()) {
                    log[column] = ((count(row) + prior / 4.0) / total).ln();
                }
            }
            log_sum += chain.iter().flat_map(|row| &row[..3]).sum::<f64>();
        }
        for (hexamer, chain) in chains.iter_mut().enumerate() {
            if begins_with_stop(hexamer) {
                chain[0] -= stop_cost;
            }
        }
        let rows = (0..HEXAMERS).map(|hexamer| {
            let [one, two, three, frameless] = chains[hexamer];
            let [reverse_one, reverse_two, reverse_three, frameless_reverse] =
                chains[reversed(hexamer)];
            [one, two, three, reverse_one, reverse_two, reverse_three, frameless, frameless_reverse]
        });
        (Self(rows.collect()), log_sum)
    }

    /// ln w of every hypothesis for a sequence, and its number of hexamers.
    pub(crate) fn of(&self, bases: &[u8]) -> ([f64; HYPOTHESES], usize) {
        // Hexamers whose starts have equal remainders by three have equal codon positions.
        let mut by_remainder = [[0.0; HYPOTHESES]; 3];
        let mut count = 0;
        hexamers::each(bases, |start, hexamer| {
            let row = &self.0[hexamer];
            by_remainder[start % 3].iter_mut().zip(row).for_each(|(sum, score)| *sum += score);
            count += 1;
        });
        let mut sums = [0.0; HYPOTHESES];
        for (remainder, of_remainder) in by_remainder.iter().enumerate() {
            let columns = columns(remainder, bases.len());
            let frameless = STATES..HYPOTHESES;
            let all = columns.into_iter().chain(frameless);
            sums.iter_mut().zip(all).for_each(|(sum, column)| *sum += of_remainder[column]);
        }
        (sums, count)
    }
}

/// Column of [`Scores`] and [`Tally`], under each state, of the hexamers that start at `remainder`
/// modulo three in a sequence of `length` bases.
///
/// The forward strand reads the first base of a hexamer at the codon position (start − phase) mod
/// 3. For the reverse strand, which begins at the other end, the start is length − 6 − start.
fn columns(remainder: usize, length: usize) -> [usize; STATES] {
    // Multiples of three change no remainder and keep the differences above zero.
    let start_on_reverse = length + 9 - LENGTH - remainder;
    std::array::from_fn(|state| match state {
        0..3 => (remainder + 3 - state) % 3,
        _ => 3 + (start_on_reverse + 6 - state) % 3,
    })
}

/// Hexamers weighted by the probability of each state, before the strands are brought together.
#[derive(Clone, Debug)]
pub(crate) struct Tally(Vec<[f64; STATES]>);

impl Tally {
    pub(crate) fn new() -> Self {
        Self(vec![[0.0; STATES]; HEXAMERS])
    }

    /// Counts the hexamers of a sequence whose states have these probabilities.
    pub(crate) fn add(&mut self, bases: &[u8], probabilities: &[f64; STATES]) {
        let mut weights = [[0.0; STATES]; 3];
        for (remainder, weight) in weights.iter_mut().enumerate() {
            let columns = columns(remainder, bases.len());
            columns.iter().zip(probabilities).for_each(|(&column, p)| weight[column] = *p);
        }
        hexamers::each(bases, |start, hexamer| {
            let row = &mut self.0[hexamer];
            row.iter_mut().zip(&weights[start % 3]).for_each(|(sum, weight)| *sum += weight);
        });
    }

    /// Adds what another tally counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        let all = self.0.as_flattened_mut().iter_mut();
        all.zip(other.0.as_flattened()).for_each(|(sum, more)| *sum += more);
    }

    /// The counts on the coding strand.
    pub(crate) fn counts(&self) -> Counts {
        let both = |hexamer: usize| {
            let (forward, reverse) = (&self.0[hexamer], &self.0[reversed(hexamer)]);
            std::array::from_fn(|position| forward[position] + reverse[3 + position])
        };
        (0..HEXAMERS).map(both).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexamer(bases: &[u8; LENGTH]) -> usize {
        let mut found = 0;
        hexamers::each(bases, |_, hexamer| found = hexamer);
        found
    }

    #[test]
    fn chains_are_counts_with_a_prior_and_stops_cost() {
        let mut counts: Counts = vec![[0.0; 3]; HEXAMERS];
        counts[hexamer(b"TAACCA")] = [3.0, 1.0, 0.0];
        counts[hexamer(b"TAACCC")] = [1.0, 2.0, 0.0];
        let (scores, log_sum) = Scores::new(&counts, 4.0, 10.0);
        let row = scores.0[hexamer(b"TAACCA")];
        let logs = [4.0 / 8.0, 2.0 / 7.0, 1.0 / 4.0].map(f64::ln);
        let frameless = (5.0_f64 / 11.0).ln();
        let quarter = 0.25_f64.ln();
        // TGGTTA, on the other strand, was never seen.
        let expected =
            [logs[0] - 10.0, logs[1], logs[2], quarter, quarter, quarter, frameless, quarter];
        for (found, expected) in row.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{row:?}");
        }
        let seen: f64 = [4.0_f64 / 8.0, 2.0 / 8.0, 1.0 / 8.0, 1.0 / 8.0].map(f64::ln).iter().sum();
        let seen = seen
            + [2.0_f64 / 7.0, 3.0 / 7.0, 1.0 / 7.0, 1.0 / 7.0].map(f64::ln).iter().sum::<f64>();
        let unseen = (3 * HEXAMERS - 8) as f64 * quarter;
        assert!((log_sum - seen - unseen).abs() < 1e-6, "{log_sum}");
    }

    #[test]
    fn columns_follow_the_codon_positions_of_both_strands() {
        // Eight bases: hexamers start at 0, 1, 2 on the one strand and at 2, 1, 0 on the other.
        assert_eq!(columns(0, 8), [0, 2, 1, 3 + 2, 3 + 1, 3]);
        assert_eq!(columns(1, 8), [1, 0, 2, 3 + 1, 3, 3 + 2]);
        assert_eq!(columns(2, 8), [2, 1, 0, 3, 3 + 2, 3 + 1]);
        // No hexamer fits, and nothing breaks.
        (0..3).for_each(|remainder| assert_eq!(columns(remainder, 0).len(), STATES));
    }
}
