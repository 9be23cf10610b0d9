//! Small operations on rows.

use crate::vectorized::vectorized;

vectorized! {
    /// Adds `bias` to every row of `rows`.
    pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    }

    /// Adds the sum of all rows to `sums`.
    pub(crate) fn add_rows(rows: &[f32], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }

    /// `sum += values`, elementwise.
    pub fn add(sum: &mut [f32], values: &[f32]) {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += value;
        }
    }
}

vectorized! {
    /// Zeroes the values where `kept` is 0 and scales the others.
    pub(crate) fn drop_out(values: &mut [f32], kept: &[u8], scale: f32) {
        for (value, &kept) in values.iter_mut().zip(kept) {
            *value *= f32::from(kept) * scale;
        }
    }
}
