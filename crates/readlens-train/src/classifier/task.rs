use std::ops::Range;

use candle_core::{DType, Tensor};
use readlens_batch::{Dataset, Window, most_likely, predict};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, Loss, Split, Task, shards_of};
use readlens_nn::{
    Classifier, Dropout, Pass, Targets, TokenBatch, WeightGradients, WindowTokens, losses, masking,
};
use readlens_random::stream;

use super::config::Config;

/// Weight of the validation loss in the score: it decides between equal accuracies.
const LOSS_IN_SCORE: f64 = 0.01;

pub(crate) struct ClassifierTask<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Dataset,
    pub(crate) classifier: &'a Classifier,
    /// Weight of each taxon per rank.
    pub(crate) taxon_weights: Vec<Vec<f64>>,
}

/// A part of a batch: tokens, the mask they are seen through, and labels.
pub(crate) struct Shard {
    batch: TokenBatch,
    mask: Tensor,
    /// One per rank.
    labels: Vec<Targets>,
    /// Name of the dropout stream.
    dropout: String,
}

impl<'a> ClassifierTask<'a> {
    pub(crate) fn new(config: &'a Config, data: &'a Dataset, classifier: &'a Classifier) -> Self {
        let weight = |count: u32| match config.class_weights {
            true => 1.0 / f64::from(count.max(1)),
            false => 1.0,
        };
        let counts = data.train_counts().into_iter();
        let taxon_weights = counts.map(|counts| counts.into_iter().map(weight).collect()).collect();
        Self { config, data, classifier, taxon_weights }
    }

    /// What the validation windows are seen through where none is ever whole, the same each epoch.
    fn validation_masks(&self) -> Vec<Vec<f32>> {
        let Config { masks, fit, .. } = self.config;
        let mut rng = stream(fit.seed, "validation masks");
        let cls = usize::from(self.data.tokenization.cls);
        self.data.valid.iter().map(|w| masks.draw(w.tokens.len() - cls, &mut rng)).collect()
    }

    /// The windows' labels at `rank`, weighted such that the loss is the weighted mean over the
    /// labelled ones, averaged over ranks.
    fn labels(&self, windows: &[&Window], rank: usize) -> Targets {
        let weight =
            |w: &&Window| w.classes[rank].map_or(0.0, |c| self.taxon_weights[rank][c as usize]);
        let weights: Vec<f64> = windows.iter().map(weight).collect();
        let total = weights.iter().sum::<f64>() * self.data.ranks.len() as f64;
        let weight = |w| if total > 0.0 { w / total } else { 0.0 };
        Targets {
            classes: windows.iter().map(|w| w.classes[rank].unwrap_or(0)).collect(),
            weights: weights.into_iter().map(weight).collect(),
        }
    }
}

impl Task for ClassifierTask<'_> {
    type Shard = Shard;

    fn examples(&self) -> usize {
        self.data.train.len()
    }

    fn prepare(
        &self,
        indices: &[usize],
        shards: usize,
        epoch: u32,
        step: u32,
    ) -> Result<Vec<Shard>> {
        let Config { augmentation, masks, fit, .. } = self.config;
        let name = format!("epoch {epoch}/step {step}");
        let mut rng = stream(fit.seed, &format!("examples/{name}"));
        let tokenization = &self.data.tokenization;
        let windows: Vec<&Window> = indices.iter().map(|&i| &self.data.train[i]).collect();
        let mut rows = Vec::with_capacity(windows.len());
        for window in &windows {
            let tokens = augmentation.apply(&window.tokens, tokenization, &mut rng)?;
            let real = tokens.len() - usize::from(tokenization.cls);
            rows.push((tokens, window.phase, masks.draw(real, &mut rng)));
        }
        let labels: Vec<Targets> =
            (0..self.data.ranks.len()).map(|rank| self.labels(&windows, rank)).collect();
        let failed = |e: candle_core::Error| Fault::failed("preparing a batch", e);
        let shard = |range: Range<usize>| {
            let (tokens, masks): (Vec<WindowTokens>, Vec<&[f32]>) = rows[range.clone()]
                .iter()
                .map(|(ids, phase, mask)| (WindowTokens { ids, phase: *phase }, mask.as_slice()))
                .unzip();
            let batch =
                TokenBatch::new(&tokens, DType::F32, self.classifier.device()).map_err(failed)?;
            let mask = batch.place(&masks).and_then(|m| masking::complete(&m, &batch));
            Ok(Shard {
                mask: mask.map_err(failed)?,
                labels: labels.iter().map(|labels| labels.of_rows(range.clone())).collect(),
                dropout: format!("dropout/{name}/row {}", range.start),
                batch,
            })
        };
        shards_of(windows.len(), shards).map(shard).collect()
    }

    fn loss(&self, shard: &Shard, gradients: &WeightGradients) -> candle_core::Result<Loss> {
        let rng = stream(self.config.fit.seed, &shard.dropout);
        let mut pass = Pass::training(Dropout::seeded(self.config.model.dropout(), rng), gradients);
        let logits = self.classifier.forward(&shard.batch, Some(&shard.mask), &mut pass)?;
        let smoothing = self.config.label_smoothing;
        let mut total = Tensor::zeros((), DType::F32, self.classifier.device())?;
        for (logits, labels) in logits.iter().zip(&shard.labels) {
            total = (total + losses::smoothed_cross_entropy(logits, labels, smoothing)?)?;
        }
        Ok(Loss { total, terms: Vec::new() })
    }

    fn validate(&self, epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        let rows: Vec<WindowTokens> = self.data.valid.iter().map(Window::as_read).collect();
        let masks = self.config.masks_all().then(|| self.validation_masks());
        let predictions = predict(self.classifier, &rows, masks.as_deref())?;
        let mut figures = Vec::new();
        let mut scores = Vec::new();
        for (rank, classes) in self.data.ranks.iter().enumerate() {
            let labelled: Vec<(&Vec<f32>, u32)> = predictions
                .iter()
                .zip(&self.data.valid)
                .filter_map(|(p, window)| Some((&p[rank], window.classes[rank]?)))
                .collect();
            if labelled.is_empty() {
                continue;
            }
            let n = labelled.len() as f64;
            let right = labelled.iter().filter(|(p, class)| most_likely(p) == *class as usize);
            let accuracy = right.count() as f64 / n;
            let cross_entropy =
                |(p, class): &(&Vec<f32>, u32)| -f64::from(p[*class as usize].max(1e-12)).ln();
            let loss = labelled.iter().map(cross_entropy).sum::<f64>() / n;
            for (term, value) in [("loss", loss), ("accuracy", accuracy)] {
                figures.push(Figure {
                    epoch,
                    step: None,
                    split: Split::Valid,
                    rank: Some(classes.rank.clone()),
                    term: term.to_owned(),
                    value,
                });
            }
            scores.push(accuracy - LOSS_IN_SCORE * loss);
        }
        let score = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        Ok((figures, score))
    }
}
