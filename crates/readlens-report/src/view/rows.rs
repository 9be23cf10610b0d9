//! Rows with their labels at the left, and panels beside one another: where each lies.

/// Width of the whole drawing.
pub(crate) const WIDTH: f64 = 1000.0;
/// Top of the first row; the panels' titles stand above it.
pub(crate) const TOP: f64 = 30.0;
/// Width of the labels.
const LABELS: f64 = 205.0;
/// Space between two groups of rows.
const GAP: f64 = 13.0;

/// Where rows lie.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Middle of each row.
    pub(crate) places: Vec<f64>,
    /// Bottom of the panels.
    pub(crate) bottom: f64,
}

impl Rows {
    /// Rows of one height, given by their groups: there is a gap wherever the group changes.
    pub(crate) fn of<T: PartialEq>(groups: impl Iterator<Item = T>, height: f64) -> Self {
        let mut y = TOP;
        let mut before = None;
        let mut places = Vec::new();
        for group in groups {
            if before.as_ref().is_some_and(|before| *before != group) {
                y += GAP;
            }
            places.push(y + height / 2.0);
            y += height;
            before = Some(group);
        }
        Self { places, bottom: y + 4.0 }
    }
}

/// Left and right end of panel `i` of `count`, which has `margin` on both sides.
pub(crate) fn panel(i: usize, count: usize, margin: f64) -> (f64, f64) {
    let step = (WIDTH - LABELS) / count.max(1) as f64;
    (LABELS + i as f64 * step + margin, LABELS + (i + 1) as f64 * step - margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_set_apart_and_panels_share_the_width() {
        let rows = Rows::of("aab".chars(), 20.0);
        assert_eq!(rows.places, [40.0, 60.0, 93.0]);
        assert!((rows.bottom - 107.0).abs() < 1e-9);
        assert_eq!(panel(0, 1, 10.0), (215.0, 990.0));
        let (first, second) = (panel(0, 2, 10.0), panel(1, 2, 10.0));
        assert!((second.0 - first.1 - 20.0).abs() < 1e-9);
    }
}
