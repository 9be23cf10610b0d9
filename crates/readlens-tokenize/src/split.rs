use readlens_fault::{Fault, Result};
use readlens_tables::vocabulary::Split;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Fractions of the splits in the order train, valid, test; each 0 to 1, together 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fractions(pub [f64; 3]);

impl Fractions {
    /// Checks the fractions.
    ///
    /// # Errors
    /// [`Fault::Usage`] if one is negative or not a number, or they do not sum to 1.
    pub(crate) fn validate(&self) -> Result<()> {
        let sum: f64 = self.0.iter().sum();
        let are_fractions = self.0.iter().all(|share| (0.0..=1.0).contains(share));
        if !are_fractions || (sum - 1.0).abs() > 1e-6 {
            let [train, valid, test] = self.0;
            return Err(Fault::usage(format!(
                "--split-fractions must be three fractions from 0 to 1 that sum to 1 (train, valid, \
                 test), but are {train}, {valid}, {test}; try 0.8,0.1,0.1"
            )));
        }
        Ok(())
    }

    /// The split of `key`, an identifier or a group: the first 53 bits of SHA-256 over the
    /// little-endian `seed` and the key, as a number from 0 to 1, fall into the share of one.
    /// A record stays in its split however the data set grows.
    pub(crate) fn split_of(&self, seed: u64, key: &str) -> Split {
        let digest = Sha256::new_with_prefix(seed.to_le_bytes()).chain_update(key).finalize();
        let bits = digest[..8].iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        let mut place = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let mut last = Split::Train;
        for (split, share) in Split::ALL.iter().copied().zip(self.0) {
            if share > 0.0 {
                if place < share {
                    return split;
                }
                last = split;
            }
            place -= share;
        }
        // Shares that sum to a little less than 1 leave a little over.
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_met_and_depend_on_the_seed() {
        let fractions = Fractions([0.7, 0.1, 0.2]);
        let mut counts = [0; 3];
        let mut moved = 0;
        for i in 0..20_000 {
            let key = format!("record_{i}");
            let split = fractions.split_of(1, &key);
            counts[split as usize] += 1;
            moved += usize::from(split != fractions.split_of(2, &key));
        }
        // Binomial standard deviations are below 65; two draws differ with 1 - (.49+.01+.04).
        for (count, share) in counts.into_iter().zip(fractions.0) {
            assert!((f64::from(count) - share * 20_000.0).abs() < 5.0 * 65.0, "{counts:?}");
        }
        assert!((f64::from(moved as u32) - 0.46 * 20_000.0).abs() < 5.0 * 71.0, "{moved}");
    }

    #[test]
    fn a_known_hash_falls_where_it_must() {
        // printf '\1\0\0\0\0\0\0\0a' | sha256sum begins with ae, above one half.
        let fraction = 0.5;
        assert_eq!(Fractions([fraction, 0.0, 1.0 - fraction]).split_of(1, "a"), Split::Test);
    }

    #[test]
    fn an_empty_share_gets_nothing_even_at_the_edge() {
        let almost = Fractions([0.5, 0.5 - 1e-7, 0.0]);
        assert!(almost.validate().is_ok());
        for i in 0..1000 {
            assert_ne!(almost.split_of(7, &i.to_string()), Split::Test);
        }
        assert!(Fractions([0.5, 0.4, 0.2]).validate().is_err());
        assert!(Fractions([1.5, -0.5, 0.0]).validate().is_err());
        assert!(Fractions([f64::NAN, 0.5, 0.5]).validate().is_err());
    }
}
