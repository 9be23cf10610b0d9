//! Weighted sums of the rows of a sparse matrix, such as log ratios of features by class, with the
//! gradient of the weights.
//!
//! An entry is one number of 32 bits: its column in the upper half, its value as bfloat16 in the
//! lower one. That rounds a value by at most one part in 256.

/// Rows of a sparse matrix one after the other.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    /// Where each row begins among the entries, and where the last one ends: one more than rows.
    pub starts: &'a [u32],
    /// All entries; see [`sparse_entry`].
    pub entries: &'a [u32],
}

/// An entry of a `value` in a `column`; the value is rounded to bfloat16, ties to even.
pub fn sparse_entry(column: u16, value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    u32::from(column) << 16 | rounded
}

/// Column and value of an entry.
pub fn sparse_value(entry: u32) -> (usize, f32) {
    ((entry >> 16) as usize, f32::from_bits(entry << 16))
}

impl SparseRows<'_> {
    fn row(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.entries[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// Adds Σ w row to `sums`, one for each column.
    ///
    /// # Panics
    /// There is no such row, or an entry's column is not among the sums.
    pub fn sum(&self, rows: &[u32], weights: &[f32], sums: &mut [f32]) {
        for (&row, &weight) in rows.iter().zip(weights) {
            if weight == 0.0 {
                continue;
            }
            for &entry in self.row(row) {
                let (column, value) = sparse_value(entry);
                sums[column] += weight * value;
            }
        }
    }

    /// The product of each row with `gradient`, that of the sums: the gradient of its weight.
    ///
    /// # Panics
    /// As [`SparseRows::sum`].
    pub fn products(&self, rows: &[u32], gradient: &[f32], products: &mut [f32]) {
        for (&row, product) in rows.iter().zip(products) {
            let values = self.row(row).iter().map(|entry| sparse_value(*entry));
            *product = values.map(|(column, value)| gradient[column] * value).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_are_those_of_the_dense_matrix() {
        let dense = [[0.0f32, 1.5, -2.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.25]];
        let (mut starts, mut entries) = (vec![0u32], Vec::new());
        for row in dense {
            for (column, value) in row.into_iter().enumerate().filter(|(_, value)| *value != 0.0) {
                entries.push(sparse_entry(column as u16, value));
            }
            starts.push(entries.len() as u32);
        }
        let matrix = SparseRows { starts: &starts, entries: &entries };
        let (rows, weights) = ([2, 0, 1, 0], [0.5, 1.0, 9.0, 0.25]);
        let mut sums = [1.0f32, 0.0, 0.0];
        matrix.sum(&rows, &weights, &mut sums);
        assert_eq!(sums, [2.5, 1.875, 0.125 - 2.5]);
        let mut products = [0f32; 4];
        matrix.products(&rows, &[2.0, 1.0, 4.0], &mut products);
        assert_eq!(products, [7.0, -6.5, 0.0, -6.5]);
    }

    #[test]
    fn values_are_rounded_to_the_nearest() {
        for value in [1.0f32, -1.0, 0.1, 3.7e-5, 123.456, -8.9] {
            let (column, found) = sparse_value(sparse_entry(65_535, value));
            assert_eq!(column, 65_535);
            assert!((found - value).abs() <= value.abs() / 256.0, "{found} {value}");
        }
        // Halfway between two: the even one.
        assert_eq!(sparse_value(sparse_entry(1, 1.0 + 1.0 / 256.0)).1, 1.0);
        assert_eq!(sparse_value(sparse_entry(1, 1.0 + 3.0 / 256.0)).1, 1.0 + 4.0 / 256.0);
    }
}
