use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{D, Tensor, Var};
use readlens_batch::{Model, for_each_batch, log_of, needs_a_network};
use readlens_fault::{Fault, Result};
use readlens_nn::{Classifier, Explained, Pass, TokenBatch, WindowTokens, masking};

/// Factors of all masks that are held at a time.
const HELD_FACTORS: usize = 1 << 22;

/// A window to explain.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// Token ids, with CLS where the tokenization has one.
    pub tokens: WindowTokens<'a>,
    /// Number of tokens without CLS.
    pub real: usize,
    /// Class that the classifier predicts, per rank.
    pub targets: Vec<u32>,
    /// Names the window in random streams.
    pub key: String,
}

/// Signed scores of the real tokens: `[window][output][token]`, larger for more evidence for the
/// target.
pub type Scores = Vec<Vec<Vec<f64>>>;

/// A window under a mask.
#[derive(Clone, Debug)]
pub struct Masked {
    /// Index of the window.
    pub window: usize,
    /// One factor per real token, 0 to 1.
    pub factors: Vec<f32>,
}

/// The model as a function of the mask, and what evaluating it has cost.
pub struct Objective<'a> {
    model: &'a dyn Model,
    windows: &'a [Window<'a>],
    outputs: &'a [Explained],
    check_interrupt: &'a (dyn Fn() -> Result<()> + Sync),
    forward: AtomicU64,
    backward: AtomicU64,
}

impl<'a> Objective<'a> {
    /// Explains `outputs` of `model` for `windows`. `check_interrupt` is asked between
    /// computations whether to go on.
    pub fn new(
        model: &'a dyn Model,
        windows: &'a [Window<'a>],
        outputs: &'a [Explained],
        check_interrupt: &'a (dyn Fn() -> Result<()> + Sync),
    ) -> Self {
        let (forward, backward) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { model, windows, outputs, check_interrupt, forward, backward }
    }

    /// The classifier, for a method that looks inside.
    ///
    /// # Errors
    /// A program answers, into which nobody can look.
    pub fn network(&self) -> Result<&Classifier> {
        self.model.network().ok_or_else(|| needs_a_network("the method", "looks inside"))
    }

    /// The windows.
    pub fn windows(&self) -> &[Window<'a>] {
        self.windows
    }

    /// What is explained.
    pub fn outputs(&self) -> &[Explained] {
        self.outputs
    }

    /// Forward and backward passes of single windows so far.
    pub fn passes(&self) -> (u64, u64) {
        (self.forward.load(Ordering::Relaxed), self.backward.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, forward: usize, backward: usize) {
        self.forward.fetch_add(forward as u64, Ordering::Relaxed);
        self.backward.fetch_add(backward as u64, Ordering::Relaxed);
    }

    pub(crate) fn check_interrupt(&self) -> Result<()> {
        (self.check_interrupt)()
    }

    /// Runs of windows whose masks, `masks(window)` of each, may be held together.
    pub(crate) fn blocks(&self, masks: impl Fn(&Window<'_>) -> usize) -> Vec<Range<usize>> {
        let mut blocks: Vec<Range<usize>> = Vec::new();
        let mut held = 0;
        for (index, window) in self.windows.iter().enumerate() {
            let size = masks(window) * window.real;
            match blocks.last_mut() {
                Some(block) if held + size <= HELD_FACTORS => {
                    block.end = index + 1;
                    held += size;
                }
                _ => {
                    blocks.push(index..index + 1);
                    held = size;
                }
            }
        }
        blocks
    }

    fn tokens(&self, masks: &[Masked]) -> Vec<WindowTokens<'_>> {
        masks.iter().map(|masked| self.windows[masked.window].tokens).collect()
    }

    /// `F` of every mask: `[mask][output]`, natural logarithms.
    ///
    /// # Errors
    /// The computation fails, or the user interrupts.
    pub fn values(&self, masks: &[Masked]) -> Result<Vec<Vec<f64>>> {
        self.check_interrupt()?;
        self.count(masks.len(), 0);
        let tokens = self.tokens(masks);
        let Some(classifier) = self.model.network() else {
            return self.values_by_probabilities(masks, &tokens);
        };
        for_each_batch(&tokens, classifier.device(), "predicting taxa", |batch, indices| {
            let factors: Vec<&[f32]> = indices.iter().map(|&i| &masks[i].factors[..]).collect();
            let mask = masking::complete(&batch.place(&factors)?, batch)?;
            let logits = classifier.forward(batch, Some(&mask), &mut Pass::inference())?;
            let ranks: Vec<Vec<Vec<f32>>> =
                logits.iter().map(Tensor::to_vec2).collect::<candle_core::Result<_>>()?;
            let of_row = |(row, &index): (usize, &usize)| {
                self.values_of(&masks[index], |rank| &ranks[rank][row])
            };
            Ok(indices.iter().enumerate().map(of_row).collect())
        })
    }

    /// `F` of a model that gives probabilities and no logits.
    fn values_by_probabilities(
        &self,
        masks: &[Masked],
        tokens: &[WindowTokens],
    ) -> Result<Vec<Vec<f64>>> {
        let factors: Vec<Vec<f32>> = masks.iter().map(|masked| masked.factors.clone()).collect();
        let probabilities = self.model.predict(tokens, Some(&factors))?;
        let of_mask = |(masked, ranks): (&Masked, &Vec<Vec<f32>>)| {
            let logits: Vec<Vec<f32>> = ranks.iter().map(|p| log_of(p)).collect();
            self.values_of(masked, |rank| &logits[rank])
        };
        Ok(masks.iter().zip(&probabilities).map(of_mask).collect())
    }

    /// `F` of one mask per output, from the logits of each rank.
    fn values_of<'b>(&self, masked: &Masked, logits: impl Fn(usize) -> &'b Vec<f32>) -> Vec<f64> {
        let targets = &self.windows[masked.window].targets;
        let log_p = |rank: usize| log_probability(logits(rank), targets[rank]);
        let value = |output: &Explained| self.ranks(*output).map(log_p).sum::<f64>();
        self.outputs.iter().map(value).collect()
    }

    /// The gradient of `F` to every mask: `[mask][output][token]`.
    ///
    /// # Errors
    /// The computation fails, or the user interrupts.
    pub fn gradients(&self, masks: &[Masked]) -> Result<Vec<Vec<Vec<f64>>>> {
        self.gradients_of(masks, self.outputs)
    }

    /// The same of every rank for itself: `[mask][rank][token]`.
    ///
    /// # Errors
    /// As [`Objective::gradients`].
    pub(crate) fn rank_gradients(&self, masks: &[Masked]) -> Result<Vec<Vec<Vec<f64>>>> {
        let ranks = 0..self.model.ranks().len();
        self.gradients_of(masks, &ranks.map(Explained::Rank).collect::<Vec<_>>())
    }

    fn gradients_of(&self, masks: &[Masked], outputs: &[Explained]) -> Result<Vec<Vec<Vec<f64>>>> {
        self.check_interrupt()?;
        let classifier = self.network()?;
        let passes = masks.len() * outputs.len();
        self.count(passes, passes);
        let tokens = self.tokens(masks);
        for_each_batch(&tokens, classifier.device(), "computing gradients", |batch, indices| {
            let factors: Vec<&[f32]> = indices.iter().map(|&i| &masks[i].factors[..]).collect();
            let windows: Vec<usize> = indices.iter().map(|&i| masks[i].window).collect();
            let mut gradients: Vec<Vec<Vec<f64>>> = vec![Vec::new(); indices.len()];
            for &output in outputs {
                let mask = Var::from_tensor(&batch.place(&factors)?)?;
                let complete = masking::complete(mask.as_tensor(), batch)?;
                let logits = classifier.forward(batch, Some(&complete), &mut Pass::inference())?;
                let found = self.log_p(&logits, &windows, output)?.sum_all()?.backward()?;
                let found = found
                    .get(&mask)
                    .ok_or_else(|| candle_core::Error::msg("no gradient has reached the mask"))?;
                for (row, values) in
                    real_values(found, batch, &tokens, indices)?.into_iter().enumerate()
                {
                    gradients[row].push(values.into_iter().map(f64::from).collect());
                }
            }
            Ok(gradients)
        })
    }

    /// Log-probability of the targets of the `output`, `(batch)`; row i is of window `windows[i]`.
    fn log_p(
        &self,
        logits: &[Tensor],
        windows: &[usize],
        output: Explained,
    ) -> candle_core::Result<Tensor> {
        let of_rank = |rank: usize| {
            let targets = self.targets(windows, rank, logits[rank].device())?;
            let log_p = candle_nn::ops::log_softmax(&logits[rank], D::Minus1)?;
            log_p.gather(&targets, 1)?.squeeze(1)
        };
        let ranks = self.ranks(output);
        let mut sum = of_rank(ranks.start)?;
        for rank in ranks.skip(1) {
            sum = (sum + of_rank(rank)?)?;
        }
        Ok(sum)
    }

    /// The ranks that an output is about.
    pub(crate) fn ranks(&self, output: Explained) -> Range<usize> {
        output.ranks(self.model.ranks().len())
    }

    /// Target classes of a rank, u32 `(batch, 1)`.
    pub(crate) fn targets(
        &self,
        windows: &[usize],
        rank: usize,
        device: &candle_core::Device,
    ) -> candle_core::Result<Tensor> {
        let targets: Vec<u32> = windows.iter().map(|&w| self.windows[w].targets[rank]).collect();
        Tensor::from_vec(targets, (windows.len(), 1), device)
    }

    /// Fails with what `what` was about.
    pub(crate) fn failed(what: &str) -> impl Fn(candle_core::Error) -> Fault {
        move |e| Fault::failed(what, e)
    }
}

/// The values of `padded`, `(batch, tokens)`, on the real tokens of each row.
pub(crate) fn real_values(
    padded: &Tensor,
    batch: &TokenBatch,
    rows: &[WindowTokens],
    indices: &[usize],
) -> candle_core::Result<Vec<Vec<f32>>> {
    let first = usize::from(batch.has_cls);
    let padded: Vec<Vec<f32>> = padded.to_vec2()?;
    Ok(padded.iter().zip(indices).map(|(row, &i)| row[first..rows[i].ids.len()].to_vec()).collect())
}

/// `ln softmax(logits)[class]`, in f64: near 1 and near 0 the probability itself would lose it.
fn log_probability(logits: &[f32], class: u32) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - largest).exp()).sum();
    f64::from(logits[class as usize]) - f64::from(largest) - sum.ln()
}
