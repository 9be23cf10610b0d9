//! Dense mini-batches of examples.

use rayon::prelude::*;

use crate::examples::Examples;

/// Examples whose features are in memory together.
pub(crate) const BATCH: usize = 256;

/// Writes the features of `chosen`, one row each, into `rows`.
pub(crate) fn gather(examples: &impl Examples, chosen: &[u32], rows: &mut Vec<f32>) {
    let features = examples.features();
    rows.resize(chosen.len() * features, 0.0);
    if features == 0 {
        return;
    }
    let pairs = rows.par_chunks_mut(features).zip(chosen);
    pairs.for_each(|(row, &example)| examples.write(example as usize, row));
}

/// The place of the largest value, the first of several.
pub(crate) fn largest(values: &[f32]) -> u32 {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best as u32
}
