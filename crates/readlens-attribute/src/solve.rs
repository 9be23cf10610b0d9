//! Symmetric linear systems in f64.

/// A symmetric matrix, of which the lower triangle is kept.
#[derive(Clone, Debug)]
pub(crate) struct Symmetric {
    size: usize,
    values: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn zeros(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    /// Adds `weight · x xᵀ` for `x` that is 1 at `ones`, which ascend, and 0 elsewhere.
    pub(crate) fn add_outer(&mut self, ones: &[usize], weight: f64) {
        for (place, &i) in ones.iter().enumerate() {
            let row = &mut self.values[i * self.size..][..self.size];
            for &j in &ones[..=place] {
                row[j] += weight;
            }
        }
    }

    /// Adds to the diagonal.
    pub(crate) fn add_diagonal(&mut self, value: f64) {
        for i in 0..self.size {
            self.values[i * self.size + i] += value;
        }
    }

    /// Adds `weight · (x yᵀ + y xᵀ) / 2`.
    pub(crate) fn add_product(&mut self, x: &[f64], y: &[f64], weight: f64) {
        for i in 0..self.size {
            for j in 0..=i {
                self.values[i * self.size + j] += weight * (x[i] * y[j] + y[i] * x[j]) / 2.0;
            }
        }
    }

    /// Mean of the diagonal.
    pub(crate) fn mean_diagonal(&self) -> f64 {
        let sum: f64 = (0..self.size).map(|i| self.values[i * self.size + i]).sum();
        sum / self.size.max(1) as f64
    }

    /// The Cholesky factor; none where the matrix is not positive definite.
    pub(crate) fn factor(mut self) -> Option<Factor> {
        let n = self.size;
        for i in 0..n {
            for j in 0..=i {
                let (row_i, row_j) = (&self.values[i * n..][..j], &self.values[j * n..][..j]);
                let dot: f64 = row_i.iter().zip(row_j).map(|(a, b)| a * b).sum();
                let rest = self.values[i * n + j] - dot;
                self.values[i * n + j] = if i > j {
                    rest / self.values[j * n + j]
                } else if rest > 0.0 {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Factor(self))
    }
}

/// `L` of `A = L Lᵀ`.
#[derive(Debug)]
pub(crate) struct Factor(Symmetric);

impl Factor {
    /// `A⁻¹ b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let Symmetric { size: n, values } = &self.0;
        let mut x = b.to_vec();
        for i in 0..*n {
            let (before, rest) = x.split_at_mut(i);
            let dot: f64 = values[i * n..][..i].iter().zip(&*before).map(|(a, b)| a * b).sum();
            rest[0] = (rest[0] - dot) / values[i * n + i];
        }
        for i in (0..*n).rev() {
            let dot: f64 = (i + 1..*n).map(|k| values[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / values[i * n + i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_known_system_is_solved() {
        let rows = [[4.0, 2.0, 2.0], [2.0, 5.0, 3.0], [2.0, 3.0, 6.0]];
        let values = rows.iter().flatten().copied().collect();
        let matrix = Symmetric { size: 3, values };
        let wanted = [1.0, -2.0, 3.5];
        let b: Vec<f64> =
            rows.iter().map(|row| row.iter().zip(&wanted).map(|(a, x)| a * x).sum()).collect();
        let found = matrix.factor().unwrap().solve(&b);
        assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn outer_products_add_up_and_a_singular_matrix_has_no_factor() {
        let mut matrix = Symmetric::zeros(3);
        matrix.add_outer(&[0, 2], 2.0);
        matrix.add_outer(&[2], 0.5);
        assert_eq!(matrix.values, [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 2.5]);
        assert!((matrix.mean_diagonal() - 1.5).abs() < 1e-15);
        assert!(matrix.clone().factor().is_none());
        matrix.add_diagonal(1.0);
        assert!(matrix.factor().is_some());
    }
}
