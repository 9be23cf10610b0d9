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
