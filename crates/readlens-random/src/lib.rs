//! Seeded random streams: a random choice is addressed by what it is for, never by when it is made.
//!
//! ```
//! use rand::RngExt;
//! use readlens_random::stream;
//!
//! // The same in any order, on any thread and in a training that was resumed.
//! let draw = |seed, purpose| stream(seed, purpose).random::<f64>();
//! assert_eq!(draw(1, "dropout/epoch 3/step 12"), draw(1, "dropout/epoch 3/step 12"));
//! assert_ne!(draw(1, "dropout/epoch 3/step 12"), draw(1, "dropout/epoch 3/step 13"));
//! assert_ne!(draw(1, "dropout/epoch 3/step 12"), draw(2, "dropout/epoch 3/step 12"));
//! ```

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The stream that belongs to `seed` and `purpose`: ChaCha with 8 rounds, whose key is the SHA-256
/// of `SEED/PURPOSE`.
///
/// `purpose` names what is drawn and its counters, such as `"dropout/epoch 3/step 12"`.
pub fn stream(seed: u64, purpose: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(format!("{seed}/{purpose}")).into())
}

/// One draw from the standard normal distribution (Box & Muller 1958).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from Python: `hashlib.sha256(b"1/weights/tok.weight").digest()` as the key
    /// of a ChaCha block of 8 rounds, written after RFC 8439 with counter and nonce 0.
    #[test]
    fn streams_stay_what_they_are() {
        let mut rng = stream(1, "weights/tok.weight");
        assert_eq!(rng.next_u64(), 0x6afa_11b5_ec70_cba6);
        assert_eq!(rng.next_u64(), 0xb03b_bbf4_8d3f_cdc7);
        assert_eq!(stream(7, "").next_u64(), 0xbb10_5af0_a718_ae1a);
    }

    #[test]
    fn normal_draws_have_mean_0_and_variance_1() {
        const DRAWS: usize = 100_000;
        let mut rng = stream(1, "normal");
        let draws: Vec<f64> = (0..DRAWS).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / DRAWS as f64;
        // Four standard errors are 4/√n and 4 √(2/n).
        assert!(mean.abs() < 0.0127, "{mean}");
        assert!((variance - 1.0).abs() < 0.0179, "{variance}");
    }
}
