//! What is done to the input.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use readlens_batch::block_mask;
use readlens_tables::vocabulary::Operator;

use crate::graded::inverse;

/// The operators that make factors of a window's own mask, in table order.
///
/// The controls have the hard mask's area: a mask is worth no more than it does better than they.
pub const OF_OWN_MASK: [Operator; 10] = [
    Operator::Masked,
    Operator::Inverse,
    Operator::HardMasked,
    Operator::HardInverse,
    Operator::RandomBlock,
    Operator::RandomBlockInverse,
    Operator::RandomSegments,
    Operator::RandomSegmentsInverse,
    Operator::Shifted,
    Operator::Shuffled,
];

/// Those that are repeated where hidden tokens are removed in other ways.
pub(crate) const UNDER_EVERY_REMOVAL: [Operator; 4] = [
    Operator::HardMasked,
    Operator::HardInverse,
    Operator::RandomBlock,
    Operator::RandomBlockInverse,
];

/// Name of the random stream of an operator: an operator and its inverse share the draw.
pub(crate) fn draw(operator: Operator) -> &'static str {
    let drawn = match operator {
        Operator::RandomBlockInverse => Operator::RandomBlock,
        Operator::RandomSegmentsInverse => Operator::RandomSegments,
        other => other,
    };
    drawn.name()
}

/// Factors on the real tokens that `operator` makes of a window's mask in both forms, one value per
/// token each; none for an operator that is not one of [`OF_OWN_MASK`].
pub fn factors(
    operator: Operator,
    mask: &[f32],
    hard: &[bool],
    rng: &mut impl Rng,
) -> Option<Vec<f32>> {
    let as_factors =
        |hard: &[bool]| hard.iter().map(|&h| f32::from(u8::from(h))).collect::<Vec<_>>();
    let kept = hard.iter().filter(|&&h| h).count();
    Some(match operator {
        Operator::Masked => mask.to_vec(),
        Operator::Inverse => inverse(mask),
        Operator::HardMasked => as_factors(hard),
        Operator::HardInverse => inverse(&as_factors(hard)),
        Operator::RandomBlock => block_mask(hard.len(), kept, rng),
        Operator::RandomBlockInverse => inverse(&block_mask(hard.len(), kept, rng)),
        Operator::RandomSegments => as_factors(&random_segments(hard, rng)),
        Operator::RandomSegmentsInverse => inverse(&as_factors(&random_segments(hard, rng))),
        Operator::Shifted => {
            let mut shifted = as_factors(hard);
            if shifted.len() > 1 {
                let distance = rng.random_range(1..shifted.len());
                shifted.rotate_right(distance);
            }
            shifted
        }
        Operator::Shuffled => {
            let mut shuffled = as_factors(hard);
            shuffled.shuffle(rng);
            shuffled
        }
        // Made in `passes` of no mask, of another window's or taxon's, of shares and draws, or for
        // a judge.
        Operator::Unmasked
        | Operator::ForeignMask
        | Operator::WrongClass
        | Operator::WrongClassBlock
        | Operator::AllZero
        | Operator::AllMean
        | Operator::AllUnknown
        | Operator::AllShuffled
        | Operator::Constant
        | Operator::KeepTop
        | Operator::RemoveTop
        | Operator::KeepBlock
        | Operator::RemoveBlock
        | Operator::SoftKeep
        | Operator::SoftRemove
        | Operator::RandomSubset
        | Operator::JudgeUnmasked
        | Operator::JudgeHardMasked
        | Operator::JudgeRandomBlock
        // No operators on the input.
        | Operator::MajorityClass
        | Operator::Mask
        | Operator::Aopc
        | Operator::AopcBlock
        | Operator::Probe
        | Operator::RetrainedKept
        | Operator::RetrainedRemoved
        | Operator::Surrogate
        | Operator::KmerLogisticRegression
        | Operator::KmerNaiveBayes
        | Operator::KmerVoting
        | Operator::Seed
        | Operator::ReverseComplement
        | Operator::FrameShift
        | Operator::Substitution
        | Operator::Randomized
        | Operator::Permuted => return None,
    })
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
    fn the_list_has_the_operators_of_masks_and_no_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut is_made = |o: &&Operator| factors(**o, &[0.5; 3], &[true; 3], &mut rng).is_some();
        let made: Vec<Operator> = Operator::ALL.iter().filter(&mut is_made).copied().collect();
        assert_eq!(made, OF_OWN_MASK);
    }

    #[test]
    fn controls_have_the_hard_masks_area() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let hard: Vec<bool> = (0..40).map(|t| t % 7 < 2).collect();
        let mask = vec![0.5; 40];
        let area = |o: Operator, rng: &mut ChaCha8Rng| {
            factors(o, &mask, &hard, rng).map_or(f32::NAN, |factors| factors.iter().sum())
        };
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
