//! Masks of other sequences.

use rand::Rng;
use rand::seq::IndexedRandom;
use readlens_tables::masks::MaskRow;

use crate::graded::{order, with_first};

/// Windows whose masks are tried on others; memory is in proportion to it.
pub(crate) const DONORS: usize = 64;

/// A window with its masks and what the classifier takes it for.
#[derive(Debug)]
pub(crate) struct Donor {
    pub(crate) row: u64,
    pub(crate) masks: Vec<MaskRow>,
    /// Predicted taxon at the lowest rank.
    pub(crate) class: usize,
}

/// The foreign mask for window `row` of class `class`: a mask of the same method and rank from a
/// donor of another class where there is one, stretched to the window's length, of which as many
/// tokens are kept as `mask` keeps.
///
/// None where no other window has such a mask.
pub(crate) fn foreign(
    donors: &[Donor],
    row: u64,
    class: usize,
    mask: &MaskRow,
    rng: &mut impl Rng,
) -> Option<Vec<f32>> {
    let fitting = |is_fitting: &dyn Fn(&Donor) -> bool| -> Vec<&MaskRow> {
        let others = donors.iter().filter(|donor| donor.row != row && is_fitting(donor));
        let of_donor = |donor: &'_ Donor| donor.masks.iter().position(|m| is_fitting_mask(m, mask));
        others.filter_map(|donor| Some(&donor.masks[of_donor(donor)?])).collect()
    };
    let mut candidates = fitting(&|donor| donor.class != class);
    if candidates.is_empty() {
        candidates = fitting(&|_| true);
    }
    let donor = candidates.choose(rng)?;
    let kept = mask.hard.iter().filter(|&&hard| hard).count();
    Some(with_first(&order(&stretched(&donor.mask, mask.mask.len())), kept))
}

fn is_fitting_mask(donor: &MaskRow, mask: &MaskRow) -> bool {
    donor.is_named_as(mask) && donor.is_wrong() == mask.is_wrong() && !donor.mask.is_empty()
}

/// `values` at `length` evenly spread places.
fn stretched(values: &[f32], length: usize) -> Vec<f32> {
    (0..length).map(|place| values[place * values.len() / length]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use readlens_tables::vocabulary::{MethodKind, Name, Ranks, TargetKind};

    fn mask(method: &str, values: &[f32]) -> MaskRow {
        MaskRow {
            id: String::new(),
            window: 0,
            method: Name::new(method).unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            mask: values.to_vec(),
            hard: values.iter().map(|&value| value > 0.5).collect(),
            deviation: Vec::new(),
            area: 0.5,
        }
    }

    fn donor(row: u64, class: usize, masks: Vec<MaskRow>) -> Donor {
        Donor { row, masks, class }
    }

    #[test]
    fn the_mask_is_of_another_class_stretched_and_of_equal_area() {
        let donors = [
            donor(0, 1, vec![mask("a", &[1.0, 0.0])]),
            donor(1, 2, vec![mask("b", &[0.0, 1.0]), mask("a", &[0.0, 0.1, 0.9])]),
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let own = mask("a", &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        for _ in 0..10 {
            // Class 1: only the second donor is of another; its .9 lies on the last third.
            let found = foreign(&donors, 7, 1, &own, &mut rng).unwrap();
            assert_eq!(found, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
            // The second donor itself has only the first one, though of its class.
            let found = foreign(&donors, 1, 1, &own, &mut rng).unwrap();
            assert_eq!(found, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        }
        assert_eq!(foreign(&donors[..1], 0, 1, &own, &mut rng), None);
        assert_eq!(foreign(&donors, 7, 1, &mask("c", &[1.0]), &mut rng), None);
    }
}
