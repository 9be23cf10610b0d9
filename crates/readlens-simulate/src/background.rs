use rand::RngExt;
use rand_chacha::ChaCha12Rng;

/// The letters, in the order of their token values.
pub(crate) const BASES: [u8; 4] = *b"ACGT";

/// Random bases around the motifs: independent with a given fraction of G and C, or a first-order
/// Markov chain in which a base copies its predecessor with a given probability. The copying
/// leaves the frequency of every base as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Background {
    /// Fraction of G and C.
    pub(crate) gc: f64,
    /// Probability of a copy.
    pub(crate) repeat: f64,
}

impl Background {
    pub(crate) fn draw(self, length: usize, random: &mut ChaCha12Rng) -> Vec<u8> {
        let mut bases: Vec<u8> = Vec::with_capacity(length);
        for _ in 0..length {
            let base = match bases.last() {
                Some(&last) if random.random_bool(self.repeat) => last,
                _ => self.base(random),
            };
            bases.push(base);
        }
        bases
    }

    fn base(self, random: &mut ChaCha12Rng) -> u8 {
        let strong = random.random_bool(self.gc);
        match (strong, random.random_bool(0.5)) {
            (false, false) => b'A',
            (false, true) => b'T',
            (true, false) => b'C',
            (true, true) => b'G',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// With base shares π and copy probability r, neighbours are equal with probability
    /// r + (1 − r) Σ π²; here π = (.1, .4, .4, .1) and r = .25, so .25 + .75 × .34 = .505.
    #[test]
    fn shares_and_neighbours_follow_the_chain() {
        let background = Background { gc: 0.8, repeat: 0.25 };
        let n = 200_000;
        let bases = background.draw(n, &mut ChaCha12Rng::seed_from_u64(3));
        let share = |count: usize| count as f64 / n as f64;
        let gc = share(bases.iter().filter(|b| b"GC".contains(b)).count());
        let equal = share(bases.windows(2).filter(|pair| pair[0] == pair[1]).count());
        // Four standard errors of a share near one half, widened for the chain's correlation.
        assert!((gc - 0.8).abs() < 0.006, "{gc}");
        assert!((equal - 0.505).abs() < 0.006, "{equal}");
    }
}
