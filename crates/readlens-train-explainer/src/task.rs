use candle_core::DType;
use rand::RngExt;
use readlens_batch::{Dataset, explain, most_likely, predict};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, Loss, Task};
use readlens_nn::random::{Dropout, stream};
use readlens_nn::{
    Classifier, Explainer, Pass, Reading, TokenBatch, WeightGradients, mask_gradient,
};

use crate::config::{Config, HardMask, Objective, Target};
use crate::objective::{Budgets, Frozen, Targets, composite, distillation, keep_and_remove};
use crate::validation::{Validation, validate};

pub(crate) struct ExplainerTask<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Dataset,
    pub(crate) classifier: &'a Classifier,
    pub(crate) explainer: &'a Explainer,
    pub(crate) validation: Validation,
}

/// A part of a batch: tokens, budgets and targets.
pub(crate) struct Shard {
    batch: TokenBatch,
    /// Share of tokens to keep and, independently, to remove, of each row.
    budgets: Vec<Budgets>,
    targets: Targets,
    share_of_batch: f64,
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
        let Config { augmentation, fit, mask, .. } = self.config;
        let name = format!("epoch {epoch}/step {step}");
        let mut rng = stream(fit.seed, &format!("examples/{name}"));
        let mut rows = Vec::with_capacity(indices.len());
        let mut budgets = Vec::with_capacity(indices.len());
        for &index in indices {
            let tokens = &self.data.train[index].tokens;
            rows.push(augmentation.apply(tokens, &self.data.tokenization, &mut rng)?);
            let mut draw = || match mask {
                HardMask::Budget { smallest, largest, .. } if smallest < largest => {
                    rng.random_range(smallest.ln()..largest.ln()).exp()
                }
                HardMask::Budget { smallest, .. } => *smallest,
                HardMask::Soft | HardMask::Threshold => 1.0,
            };
            let keep = draw();
            let removes = self.config.objective == Objective::KeepAndRemove;
            budgets.push(Budgets { keep, remove: if removes { draw() } else { keep } });
        }
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let targets = self.targets(indices, &rows)?;
        let size = rows.len().div_ceil(shards);
        let failed = |e: candle_core::Error| Fault::failed("preparing a batch", e);
        (0..rows.len())
            .step_by(size)
            .map(|first| {
                let range = first..(first + size).min(rows.len());
                let batch =
                    TokenBatch::new(&rows[range.clone()], DType::F32, self.classifier.device());
                let cut = |(classes, weights): &(Vec<u32>, Vec<f64>)| {
                    (classes[range.clone()].to_vec(), weights[range.clone()].to_vec())
                };
                Ok(Shard {
                    batch: batch.map_err(failed)?,
                    budgets: budgets[range.clone()].to_vec(),
                    targets: targets.iter().map(cut).collect(),
                    share_of_batch: 1.0 / rows.len() as f64,
                    dropout: format!("dropout/{name}/row {first}"),
                })
            })
            .collect()
    }

    fn loss(&self, shard: &Shard, gradients: &WeightGradients) -> candle_core::Result<Loss> {
        let rng = stream(self.config.fit.seed, &shard.dropout);
        let mut pass = Pass::training(Dropout::seeded(self.config.dropout, rng), gradients);
        let Shard { batch, budgets, targets, share_of_batch, .. } = shard;
        let (explainer, classifier) = (self.explainer, self.classifier);
        let masks = explainer.config().masks.len();
        let reading = if explainer.needs_reading() {
            Some(Reading::of(classifier, batch, explainer.gradient_levels(), masks)?)
        } else {
            None
        };
        if let Objective::Distilled { levels } = &self.config.objective {
            // z-scores have no scale: all that matters is which windows have a target.
            let known = |w: &f64| f64::from(u8::from(*w > 0.0));
            let targets: Vec<_> = targets
                .iter()
                .map(|(classes, weights)| (classes.clone(), weights.iter().map(known).collect()))
                .collect();
            let teacher = mask_gradient(classifier, batch, &targets, levels, masks)?;
            let logits = explainer.network_logits(batch, reading.as_ref(), &mut pass)?;
            return distillation(batch, &logits, &teacher, *share_of_batch);
        }
        let logits = explainer.forward(batch, reading.as_ref(), &mut pass)?;
        let frozen = Frozen { classifier, batch, targets };
        match self.config.objective {
            Objective::KeepAndRemove => keep_and_remove(&frozen, &logits, budgets),
            _ => composite(self.config, &frozen, &logits, budgets, *share_of_batch),
        }
    }

    fn validate(&self, epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        let rows: Vec<&[u32]> = self.data.valid.iter().map(|w| w.tokens.as_slice()).collect();
        let masks = explain(self.explainer, Some(self.classifier), &rows)?;
        validate(&self.validation, self.classifier, &rows, &masks, epoch)
    }
}

impl ExplainerTask<'_> {
    /// Class and weight per rank: the mean over rows that have a target, averaged over ranks.
    fn targets(&self, indices: &[usize], rows: &[&[u32]]) -> Result<Targets> {
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
            classes.iter().map(pair).unzip()
        };
        Ok((0..ranks).map(of_rank).collect())
    }
}
