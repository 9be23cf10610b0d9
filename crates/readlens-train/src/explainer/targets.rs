//! What masks must keep, window by window.

use readlens_batch::{Window, most_likely};

use super::config::Target;

/// The target of each window per rank; none where a label is missing. `predictions`: those of the
/// whole windows.
pub(crate) fn targets_of<'a>(
    target: Target,
    predictions: &[Vec<Vec<f32>>],
    windows: impl Iterator<Item = &'a Window>,
) -> Vec<Vec<Option<usize>>> {
    match target {
        Target::Predicted => {
            let of_row = |row: &Vec<Vec<f32>>| row.iter().map(|p| Some(most_likely(p))).collect();
            predictions.iter().map(of_row).collect()
        }
        Target::Label => windows
            .map(|w| w.classes.iter().map(|class| class.map(|c| c as usize)).collect())
            .collect(),
    }
}
