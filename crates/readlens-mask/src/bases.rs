use readlens_fault::{Fault, Result};
use readlens_kmer::{Coverage, Tokenization};

/// The readings of one window whose masks are averaged onto its bases.
#[derive(Debug)]
pub struct Frames {
    /// Tokens of each reading, by frame offset.
    pub tokens: Vec<Vec<u32>>,
}

impl Frames {
    /// Reads the window again with 1 to `count - 1` leading bases dropped.
    ///
    /// Offsets that leave no token are left out.
    ///
    /// # Errors
    /// `count` is more than 1 and the windows are in their reading frame, or more than the stride;
    /// the tokens do not hold all bases.
    pub fn of(tokens: &[u32], tokenization: &Tokenization, count: u32) -> Result<Self> {
        let mut readings = vec![tokens.to_vec()];
        if count > 1 {
            if tokenization.orientation.is_some() {
                return Err(Fault::usage(
                    "the windows were put into their reading frame, which is the only one that the \
                     networks know; drop --frames",
                ));
            }
            let frames = tokenization.frames();
            if count > frames {
                return Err(Fault::usage(format!(
                    "frames must be at most the stride of the tokens, {frames}, not {count}"
                )));
            }
            let bases = tokenization.decode(tokens)?;
            for offset in 1..count as usize {
                if tokenization.most_tokens(bases.len().saturating_sub(offset)) == 0 {
                    break;
                }
                let mut reading = Vec::new();
                tokenization.encode(&bases[offset..], &mut reading);
                readings.push(reading);
            }
        }
        Ok(Self { tokens: readings })
    }
}

/// Mask values on the `length` bases of a window, in reading direction.
///
/// `readings` are those with 0, 1, 2 … leading bases dropped: what the real tokens of each cover,
/// and one value per real token. A base has the mean of the values of all tokens that cover it in
/// any reading, and 0 where none does.
pub fn base_values<'a>(
    readings: impl Iterator<Item = (Coverage, &'a Vec<f32>)>,
    length: usize,
) -> Vec<f32> {
    let mut sums = vec![0f32; length];
    let mut counts = vec![0u32; length];
    for (offset, (coverage, mask)) in readings.enumerate() {
        for (covered, &value) in coverage.iter().zip(mask) {
            let range = (covered.start + offset).min(length)..(covered.end + offset).min(length);
            for base in range {
                sums[base] += value;
                counts[base] += 1;
            }
        }
    }
    sums.iter().zip(counts).map(|(sum, count)| sum / count.max(1) as f32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use readlens_kmer::Alphabet;

    #[test]
    fn overlapping_k_mers_and_frames_are_averaged_onto_bases() {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, 2, false).unwrap();
        // Bases:   0 1 2 3 4 5 6
        // frame 0: 0 0 01 1 1 -   (tokens at 0 and 2), frame 1: tokens at 1 and 3.
        let masks = [vec![1.0, 0.0], vec![0.5, 0.5]];
        let coverage = tokenization.coverage(&[5, 6]);
        let values = base_values(masks.iter().map(|mask| (coverage.clone(), mask)), 7);
        let expected =
            [1.0, 0.75, (1.0 + 0.0 + 0.5) / 3.0, (0.0 + 0.5 + 0.5) / 3.0, 0.25, 0.5, 0.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{values:?}");
        }
    }

    #[test]
    fn frames_are_readings_of_the_same_bases() {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap();
        let mut tokens = Vec::new();
        tokenization.encode(b"ACGTACGTACG", &mut tokens);
        let frames = Frames::of(&tokens, &tokenization, 3).unwrap();
        let mut second = Vec::new();
        tokenization.encode(b"CGTACGTA", &mut second);
        assert_eq!(frames.tokens[1], second);
        assert!(Frames::of(&tokens, &tokenization, 4).is_err());
    }
}
