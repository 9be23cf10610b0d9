//! What is done to the input.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use readlens_batch::block_mask;

/// A way of turning a mask into factors on the real tokens.
///
/// The controls have the hard mask's area: a mask is worth no more than it does better than they.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The soft mask.
    Masked,
    /// One minus the soft mask.
    Inverse,
    /// The hard mask.
    HardMasked,
    /// One minus the hard mask.
    HardInverse,
    /// One contiguous block at a random place.
    RandomBlock,
    /// One minus such a block, the same one.
    RandomBlockInverse,
    /// The hard mask's own segments, in random order at random distances.
    RandomSegments,
    /// One minus those.
    RandomSegmentsInverse,
    /// The hard mask moved by a random distance, around the end.
    Shifted,
    /// The hard mask's tokens in random order.
    Shuffled,
}

impl Operator {
    /// All, in table order.
    pub const ALL: [Self; 10] = [
        Self::Masked,
        Self::Inverse,
        Self::HardMasked,
        Self::HardInverse,
        Self::RandomBlock,
        Self::RandomBlockInverse,
        Self::RandomSegments,
        Self::RandomSegmentsInverse,
        Self::Shifted,
        Self::Shuffled,
    ];

    /// Those that are repeated where hidden tokens are removed in other ways.
    pub(crate) const UNDER_EVERY_REMOVAL: [Self; 4] =
        [Self::HardMasked, Self::HardInverse, Self::RandomBlock, Self::RandomBlockInverse];

    /// Name in the column `operator`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Inverse => "inverse",
            Self::HardMasked => "hard_masked",
            Self::HardInverse => "hard_inverse",
            Self::RandomBlock => "random_block",
            Self::RandomBlockInverse => "random_block_inverse",
            Self::RandomSegments => "random_segments",
            Self::RandomSegmentsInverse => "random_segments_inverse",
            Self::Shifted => "shifted",
            Self::Shuffled => "shuffled",
        }
    }

    /// Name of the random stream: an operator and its inverse share the draw.
    pub(crate) fn draw(self) -> &'static str {
        match self {
            Self::RandomBlockInverse => Self::RandomBlock.name(),
            Self::RandomSegmentsInverse => Self::RandomSegments.name(),
            other => other.name(),
        }
    }

    /// Factors on the real tokens, from the mask in both forms.
    pub fn factors(self, mask: &[f32], hard: &[bool], rng: &mut impl Rng) -> Vec<f32> {
        let as_factors =
            |hard: &[bool]| hard.iter().map(|&h| f32::from(u8::from(h))).collect::<Vec<_>>();
        let inverse = |factors: Vec<f32>| factors.into_iter().map(|f| 1.0 - f).collect();
        let kept = hard.iter().filter(|&&h| h).count();
        match self {
            Self::Masked => mask.to_vec(),
            Self::Inverse => inverse(mask.to_vec()),
            Self::HardMasked => as_factors(hard),
            Self::HardInverse => inverse(as_factors(hard)),
            Self::RandomBlock => block_mask(hard.len(), kept, rng),
            Self::RandomBlockInverse => inverse(block_mask(hard.len(), kept, rng)),
            Self::RandomSegments => as_factors(&random_segments(hard, rng)),
            Self::RandomSegmentsInverse => inverse(as_factors(&random_segments(hard, rng))),
            Self::Shifted => {
                let mut shifted = as_factors(hard);
                if shifted.len() > 1 {
                    let distance = rng.random_range(1..shifted.len());
                    shifted.rotate_right(distance);
                }
                shifted
            }
            Self::Shuffled => {
                let mut shuffled = as_factors(hard);
                shuffled.shuffle(rng);
                shuffled
            }
        }
    }
}

/// The segments of `hard` in random order, with the hidden tokens spread at random between them:
/// the same area, number and lengths of segments.
pub fn random_segments(hard: &[bool], rng: &mut impl Rng) -> Vec<bool> {
    let mut lengths: Vec<usize> =
        hard.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect();
    if lengths.is_empty() {
        return hard.to_vec();
    }
    lengths.shuffle(rng);
    // Segments stay apart: one hidden token between each pair, the others anywhere (the slots
    // between sorted cuts, as in stars and bars).
    let hidden = hard.len() - lengths.iter().sum::<usize>();
    let free = hidden - (lengths.len() - 1);
    let mut cuts: Vec<usize> = (0..lengths.len()).map(|_| rng.random_range(0..=free)).collect();
    cuts.sort_unstable();
    let mut segments = vec![false; hard.len()];
    let mut place = 0;
    let mut before = 0;
    for (i, (length, cut)) in lengths.iter().zip(cuts).enumerate() {
        place += cut - before + usize::from(i > 0);
        before = cut;
        segments[place..place + length].fill(true);
        place += length;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn lengths(hard: &[bool]) -> Vec<usize> {
        let mut lengths: Vec<usize> =
            hard.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn random_segments_keep_number_and_lengths_and_move() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let hard: Vec<bool> = "0110001000111101".chars().map(|c| c == '1').collect();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let moved = random_segments(&hard, &mut rng);
            assert_eq!(lengths(&moved), lengths(&hard));
            assert_eq!(moved.len(), hard.len());
            seen.insert(moved);
        }
        assert!(seen.len() > 50);
        for whole in [vec![true; 5], vec![false; 5], vec![]] {
            assert_eq!(random_segments(&whole, &mut rng), whole);
        }
    }

    #[test]
    fn controls_have_the_hard_masks_area() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let hard: Vec<bool> = (0..40).map(|t| t % 7 < 2).collect();
        let mask = vec![0.5; 40];
        let area =
            |o: Operator, rng: &mut ChaCha8Rng| o.factors(&mask, &hard, rng).iter().sum::<f32>();
        let kept = area(Operator::HardMasked, &mut rng);
        for control in
            [Operator::RandomBlock, Operator::RandomSegments, Operator::Shifted, Operator::Shuffled]
        {
            assert!((area(control, &mut rng) - kept).abs() < 1e-6, "{}", control.name());
        }
        for control in
            [Operator::HardInverse, Operator::RandomBlockInverse, Operator::RandomSegmentsInverse]
        {
            assert!((area(control, &mut rng) - (40.0 - kept)).abs() < 1e-6, "{}", control.name());
        }
    }
}
