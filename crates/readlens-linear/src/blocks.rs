use rayon::prelude::*;
use readlens_kernels::product::{Left, Matrix, PackedRight, Right, Update, left, product, right};
use readlens_kernels::{AdamWStep, Buffer, Engine, Precision, adamw};

use crate::affine::Affine;

/// Classes that are worked on together, on one thread.
pub(crate) const BLOCK: usize = 64;

/// Weights in training, cut into blocks of classes: threads share the features of a mini-batch and
/// write nothing in common, so no sum depends on how many there are.
#[derive(Debug)]
pub(crate) struct Blocks {
    features: usize,
    engine: Engine,
    blocks: Vec<Block>,
    as_left: Buffer,
    as_right: Buffer,
}

#[derive(Debug)]
struct Block {
    /// Its first class.
    first: usize,
    classes: usize,
    /// Weights, class by class, and behind them one offset per class.
    parameters: Vec<f32>,
    gradient: Vec<f32>,
    moments: [Vec<f32>; 2],
    packed: PackedRight,
    /// Scores of the mini-batch, then exponentials, then derivatives: one row per example.
    scores: Vec<f32>,
    /// Largest score of each example, then its sum of exponentials, in this block.
    summary: Vec<f32>,
    buffer: Buffer,
}

impl Blocks {
    /// All parameters are zero: the objective is convex.
    pub(crate) fn new(features: usize, classes: usize, size: usize) -> Self {
        let block = |first: usize| {
            let classes = size.min(classes - first);
            let zeros = || vec![0.0; classes * (features + 1)];
            Block {
                first,
                classes,
                parameters: zeros(),
                gradient: zeros(),
                moments: [zeros(), zeros()],
                packed: PackedRight::default(),
                scores: Vec::new(),
                summary: Vec::new(),
                buffer: Buffer::default(),
            }
        };
        Self {
            features,
            engine: Engine::current(Precision::F32),
            blocks: (0..classes).step_by(size).map(block).collect(),
            as_left: Buffer::default(),
            as_right: Buffer::default(),
        }
    }

    /// Computes the gradient of the objective on a mini-batch, and returns the mean of
    /// −ln P(class).
    pub(crate) fn differentiate(&mut self, rows: &[f32], classes: &[u32], penalty: f32) -> f64 {
        let (engine, features, count) = (self.engine, self.features, classes.len());
        let matrix = Matrix::rows(rows, count, features);
        let x = left(engine, matrix, &mut self.as_left);
        self.blocks.par_iter_mut().for_each(|block| block.score(engine, &x, features, count));
        let maxima = self.join(count, f32::NEG_INFINITY, f32::max);
        let own = |block: &Block, example: usize| {
            let place = (classes[example] as usize).checked_sub(block.first)?;
            (place < block.classes).then(|| example * block.classes + place)
        };
        let mut loss = 0.0;
        for block in &self.blocks {
            for (example, &maximum) in maxima.iter().enumerate() {
                if let Some(place) = own(block, example) {
                    loss -= f64::from(block.scores[place] - maximum);
                }
            }
        }
        self.blocks.par_iter_mut().for_each(|block| block.exponentiate(&maxima));
        let sums = self.join(count, 0.0, |a, b| a + b);
        loss += sums.iter().map(|&sum| f64::from(sum).ln()).sum::<f64>();
        let x = right(engine, matrix, &mut self.as_right);
        self.blocks.par_iter_mut().for_each(|block| {
            for (example, (row, sum)) in
                block.scores.chunks_mut(block.classes).zip(&sums).enumerate()
            {
                let scale = 1.0 / (sum * count as f32);
                row.iter_mut().for_each(|value| *value *= scale);
                let place = (classes[example] as usize).wrapping_sub(block.first);
                if let Some(value) = row.get_mut(place) {
                    *value -= 1.0 / count as f32;
                }
            }
            block.collect(engine, &x, features, count, penalty);
        });
        loss / count as f64
    }

    /// What the blocks say about each example, joined in their order.
    fn join(&self, count: usize, start: f32, join: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let mut joined = vec![start; count];
        for block in &self.blocks {
            joined.iter_mut().zip(&block.summary).for_each(|(all, &one)| *all = join(*all, one));
        }
        joined
    }

    /// Moves all parameters against the gradient.
    pub(crate) fn step(&mut self, step: AdamWStep) {
        let engine = self.engine;
        self.blocks.par_iter_mut().for_each(|block| {
            let [first, second] = &mut block.moments;
            adamw(engine, &mut block.parameters, &block.gradient, first, second, step);
        });
    }

    /// The parameters as they are now.
    pub(crate) fn affine(&self) -> Affine {
        let mut affine =
            Affine { features: self.features, offsets: Vec::new(), weights: Vec::new() };
        for block in &self.blocks {
            let (weights, offsets) = block.parameters.split_at(block.classes * self.features);
            affine.weights.extend_from_slice(weights);
            affine.offsets.extend_from_slice(offsets);
        }
        affine
    }
}

impl Block {
    /// Scores and the largest of each example.
    fn score(&mut self, engine: Engine, x: &Left, features: usize, count: usize) {
        let (weights, offsets) = self.parameters.split_at(self.classes * features);
        self.packed.pack(engine, Matrix::rows(weights, self.classes, features).transposed());
        self.scores.clear();
        (0..count).for_each(|_| self.scores.extend_from_slice(offsets));
        let weights = self.packed.right(engine);
        product(engine, x, &weights, Update::Add, &mut self.scores, self.classes);
        let rows = self.scores.chunks(self.classes);
        self.summary.clear();
        self.summary.extend(rows.map(|row| row.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
    }

    /// Exponentials of the scores less the example's maximum, and their sums.
    fn exponentiate(&mut self, maxima: &[f32]) {
        let rows = self.scores.chunks_mut(self.classes).zip(maxima);
        self.summary.clear();
        self.summary.extend(rows.map(|(row, maximum)| {
            row.iter_mut().for_each(|score| *score = (*score - maximum).exp());
            row.iter().sum::<f32>()
        }));
    }

    /// The gradient from the derivatives by the scores.
    fn collect(&mut self, engine: Engine, x: &Right, features: usize, count: usize, penalty: f32) {
        let (weights, offsets) = self.gradient.split_at_mut(self.classes * features);
        let old = self.parameters.iter();
        weights.iter_mut().zip(old).for_each(|(gradient, weight)| *gradient = penalty * weight);
        let derivatives = Matrix::rows(&self.scores, count, self.classes).transposed();
        let derivatives = left(engine, derivatives, &mut self.buffer);
        product(engine, &derivatives, x, Update::Add, weights, features);
        offsets.fill(0.0);
        for row in self.scores.chunks(self.classes) {
            offsets.iter_mut().zip(row).for_each(|(offset, value)| *offset += value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: usize = 5;
    const CLASSES: usize = 7;
    const PENALTY: f32 = 0.3;

    /// Numbers in [-1, 1) that follow no pattern (a linear congruence modulo 1021).
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 557 + seed * 131) % 1021) as f32 / 510.5 - 1.0).collect()
    }

    /// Blocks of `size` classes with parameters of their own.
    fn blocks(size: usize) -> Blocks {
        let mut blocks = Blocks::new(FEATURES, CLASSES, size);
        let (weights, offsets) = (numbers(FEATURES * CLASSES, 1), numbers(CLASSES, 2));
        for block in &mut blocks.blocks {
            let classes = block.first..block.first + block.classes;
            block.parameters.clear();
            let weights = &weights[classes.start * FEATURES..classes.end * FEATURES];
            block.parameters.extend_from_slice(weights);
            block.parameters.extend_from_slice(&offsets[classes]);
        }
        blocks
    }

    /// The objective as its formula says, in 64 bits.
    fn objective(affine: &Affine, rows: &[f32], classes: &[u32]) -> (f64, f64) {
        let mut loss = 0.0;
        for (row, &class) in rows.chunks(FEATURES).zip(classes) {
            let scores = affine.weights.chunks(FEATURES).zip(&affine.offsets).map(|(w, &b)| {
                f64::from(b)
                    + w.iter().zip(row).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>()
            });
            let scores: Vec<f64> = scores.collect();
            let sum: f64 = scores.iter().map(|score| score.exp()).sum();
            loss += sum.ln() - scores[class as usize];
        }
        let mean = loss / classes.len() as f64;
        let squares: f64 = affine.weights.iter().map(|&w| f64::from(w).powi(2)).sum();
        (mean, mean + f64::from(PENALTY) / 2.0 * squares)
    }

    /// The gradient of all blocks: weights, then offsets.
    fn gradient(blocks: &Blocks) -> Vec<f32> {
        let part = |block: &Block| block.gradient.split_at(block.classes * FEATURES).0.to_vec();
        let rest = |block: &Block| block.gradient.split_at(block.classes * FEATURES).1.to_vec();
        blocks.blocks.iter().flat_map(part).chain(blocks.blocks.iter().flat_map(rest)).collect()
    }

    #[test]
    fn gradients_are_the_finite_differences_of_the_objective() {
        let (rows, classes) = (numbers(FEATURES * 6, 3), [0, 6, 3, 3, 1, 5]);
        // One block, several, and a last one that is smaller.
        for size in [CLASSES, 3, 1] {
            let mut blocks = blocks(size);
            let loss = blocks.differentiate(&rows, &classes, PENALTY);
            let affine = blocks.affine();
            assert!((loss - objective(&affine, &rows, &classes).0).abs() < 1e-4, "{loss}");
            let step = 1e-3;
            for (place, found) in gradient(&blocks).into_iter().enumerate() {
                let moved = |by: f32| {
                    let mut moved = affine.clone();
                    match place.checked_sub(FEATURES * CLASSES) {
                        None => moved.weights[place] += by,
                        Some(offset) => moved.offsets[offset] += by,
                    }
                    objective(&moved, &rows, &classes).1
                };
                let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                assert!((f64::from(found) - expected).abs() < 1e-3, "{size}, {place}: {found}");
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let mut blocks = blocks(3);
        let rows: Vec<f32> = numbers(FEATURES * 2, 4).iter().map(|x| x * 1e4).collect();
        let loss = blocks.differentiate(&rows, &[0, 1], 0.0);
        assert!(loss.is_finite() && gradient(&blocks).iter().all(|g| g.is_finite()), "{loss}");
    }
}
