use rayon::prelude::*;
use readlens_kernels::product::{Matrix, PackedRight, Update, left, product};
use readlens_kernels::{Buffer, Engine, Precision};

use crate::dense::{BATCH, gather, largest};
use crate::examples::Examples;

/// One score per class, linear in the features: both classifiers are this once they are fitted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) features: usize,
    /// One per class.
    pub(crate) offsets: Vec<f32>,
    /// One per feature, class by class.
    pub(crate) weights: Vec<f32>,
}

impl Affine {
    /// The class of the largest score of every example, the first of equal ones.
    ///
    /// # Panics
    /// The examples have another number of features.
    pub(crate) fn predict(&self, examples: &impl Examples) -> Vec<u32> {
        self.of_scores(examples, |_, scores| largest(scores))
    }

    /// ln softmax(scores) of the class of every example.
    ///
    /// # Panics
    /// The examples have another number of features, or a class that there is no score for.
    pub(crate) fn log_likelihoods(&self, examples: &impl Examples) -> Vec<f64> {
        self.of_scores(examples, |example, scores| {
            let largest = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let sum: f64 = scores.iter().map(|&score| (f64::from(score) - largest).exp()).sum();
            f64::from(scores[examples.class(example as usize) as usize]) - largest - sum.ln()
        })
    }

    /// What `of` makes of the scores of every example, in their order.
    fn of_scores<T: Send>(
        &self,
        examples: &impl Examples,
        of: impl Fn(u32, &[f32]) -> T + Sync,
    ) -> Vec<T> {
        assert_eq!(examples.features(), self.features, "examples of other features");
        let engine = Engine::current(Precision::F32);
        let classes = self.offsets.len();
        let mut weights = PackedRight::default();
        let by_class = Matrix::rows(&self.weights, classes, self.features);
        weights.pack(engine, by_class.transposed());
        let all: Vec<u32> = (0..examples.count() as u32).collect();
        let judge = |chosen: &[u32]| {
            let (mut rows, mut buffer) = (Vec::new(), Buffer::default());
            gather(examples, chosen, &mut rows);
            let mut scores = self.offsets.repeat(chosen.len());
            let x = left(engine, Matrix::rows(&rows, chosen.len(), self.features), &mut buffer);
            product(engine, &x, &weights.right(engine), Update::Add, &mut scores, classes);
            let by_example = chosen.iter().zip(scores.chunks(classes.max(1)));
            by_example.map(|(&example, scores)| of(example, scores)).collect::<Vec<T>>()
        };
        all.par_chunks(BATCH).flat_map_iter(judge).collect()
    }
}
