use std::ops::Range;

use candle_core::DType;
use readlens_batch::{Dataset, Window, explain, most_likely, predict};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, Loss, Task, shards_of};
use readlens_nn::objective::{Budgets, Frozen};
use readlens_nn::{
    Classifier, Dropout, Explainer, Pass, Targets, TokenBatch, WeightGradients, WindowTokens,
};
use readlens_random::stream;

use super::config::{Config, Target};
use super::price::Pricing;
use super::validation::{Validation, validate};

/// Name of the term that tells the weight of the area where it moves.
const AREA_WEIGHT: &str = "area_weight";

pub(crate) struct ExplainerTask<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Dataset,
    pub(crate) classifier: &'a Classifier,
    pub(crate) explainer: &'a Explainer,
    pub(crate) validation: &'a Validation,
    pub(crate) pricing: &'a Pricing,
}

/// A part of a batch: tokens, budgets and targets.
pub(crate) struct Shard {
    batch: TokenBatch,
    /// One per row.
    budgets: Vec<Budgets>,
    /// One per rank.
    targets: Vec<Targets>,
    /// Rows of the whole batch.
    batch_rows: usize,
    /// Name of the dropout stream.
    dropout: String,
}

impl Task for ExplainerTask<'_> {
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
        let Config { augmentation, fit, objective, .. } = self.config;
        let name = format!("epoch {epoch}/step {step}");
        let mut rng = stream(fit.seed, &format!("examples/{name}"));
        let mut rows = Vec::with_capacity(indices.len());
        let mut budgets = Vec::with_capacity(indices.len());
        for &index in indices {
            let window = &self.data.train[index];
            let tokens = augmentation.apply(&window.tokens, &self.data.tokenization, &mut rng)?;
            rows.push((tokens, window.phase));
            budgets.push(objective.draw(&mut rng));
        }
        let rows: Vec<WindowTokens> =
            rows.iter().map(|(ids, phase)| WindowTokens { ids, phase: *phase }).collect();
        let targets = self.targets(indices, &rows)?;
        let shard = |range: Range<usize>| {
            let batch = TokenBatch::new(&rows[range.clone()], DType::F32, self.classifier.device());
            Ok(Shard {
                batch: batch.map_err(|e| Fault::failed("preparing a batch", e))?,
                dropout: format!("dropout/{name}/row {}", range.start),
                budgets: budgets[range.clone()].to_vec(),
                targets: targets.iter().map(|targets| targets.of_rows(range.clone())).collect(),
                batch_rows: rows.len(),
            })
        };
        shards_of(rows.len(), shards).map(shard).collect()
    }

    fn loss(&self, shard: &Shard, gradients: &WeightGradients) -> candle_core::Result<Loss> {
        let rng = stream(self.config.fit.seed, &shard.dropout);
        let mut pass = Pass::training(Dropout::seeded(self.config.dropout, rng), gradients);
        let Shard { batch, budgets, targets, batch_rows, .. } = shard;
        let (classifier, batch_rows) = (self.classifier, *batch_rows);
        let frozen = Frozen { classifier, batch, targets, budgets, batch_rows };
        let weight = self.pricing.weight();
        let objective = self.config.objective.with_area_weight(weight);
        let mut loss = objective.loss(self.explainer, &frozen, &mut pass)?;
        if self.pricing.moves() {
            // Terms add up over the parts of a batch.
            let share = budgets.len() as f64 / batch_rows as f64;
            loss.terms.push((AREA_WEIGHT, share * weight));
        }
        Ok(loss)
    }

    fn stepped(&self, terms: &[(&str, f64)], pace: f64) {
        let of = |wanted: &str| terms.iter().find(|(name, _)| *name == wanted).map(|(_, v)| *v);
        // The area of what counts as read, however faint a soft mask is.
        if let (Some(area), Some(classification)) = (of("hard_area"), of("classification")) {
            self.pricing.learn(area, classification, pace);
        }
    }

    fn validate(&self, epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        let rows: Vec<WindowTokens> = self.data.valid.iter().map(Window::as_read).collect();
        let masks = explain(self.explainer, Some(self.classifier), &rows, None)?;
        validate(self.validation, self.classifier, &rows, &masks, epoch)
    }
}

impl ExplainerTask<'_> {
    /// Class and weight per rank: the mean over rows that have a target, averaged over ranks.
    fn targets(&self, indices: &[usize], rows: &[WindowTokens]) -> Result<Vec<Targets>> {
        let ranks = self.data.ranks.len();
        let classes: Vec<Vec<Option<u32>>> = match self.config.target {
            Target::Predicted => {
                let predictions = predict(self.classifier, rows, None)?;
                let class = |p: &Vec<f32>| Some(most_likely(p) as u32);
                predictions.iter().map(|row| row.iter().map(class).collect()).collect()
            }
            Target::Label => indices.iter().map(|&i| self.data.train[i].classes.clone()).collect(),
        };
        let of_rank = |rank: usize| {
            let known = classes.iter().filter(|row| row[rank].is_some()).count() * ranks;
            let weight = if known > 0 { 1.0 / known as f64 } else { 0.0 };
            let pair = |row: &Vec<Option<u32>>| row[rank].map_or((0, 0.0), |class| (class, weight));
            let (classes, weights) = classes.iter().map(pair).unzip();
            Targets { classes, weights }
        };
        Ok((0..ranks).map(of_rank).collect())
    }
}
