use std::num::NonZeroUsize;

use candle_core::{DType, Device};
use readlens_fault::Result;
use readlens_fit::{Figure, Loss, Task};
use readlens_nn::losses::{self, Uninformative};
use readlens_nn::random::Dropout;
use readlens_nn::{
    Classifier, Explainer, ExplainerConfig, Pass, Precision, WEIGHTS_FILE, WeightGradients,
    WeightSource, masking, read_model,
};

use crate::classifier_step::cross_entropy;
use crate::examples::{Examples, Shard};
use crate::fitting::{self, STEPS};
use crate::job::{self, ExplainerKind};

/// Loss weights of the preset `hard` of `train-explainer`; classification has weight 1.
const UNIFORM_KL: f64 = 1.0;
const AREA: f64 = 1.0;
const TOTAL_VARIATION: f64 = 0.1;

/// Measures optimiser steps of an Explainer against the frozen classifier.
pub(crate) fn measure(
    job: &job::Examples,
    shards: usize,
    (kind, precision): (ExplainerKind, Precision),
    warm_up: NonZeroUsize,
) -> Result<()> {
    let (classifier, examples) = Examples::with_classifier(job, precision)?;
    let directory = job.models.join(kind.folder());
    let (config, tensors) = read_model::<ExplainerConfig>(&directory)?;
    let file = directory.join(WEIGHTS_FILE);
    let mut source = WeightSource::loaded(&file, tensors, true, DType::F32, &Device::Cpu);
    let explainer = Explainer::new(&config, &mut source)?;
    let parameters = source.finish()?;
    let batch = examples.len();
    let task = ExplainerTask { classifier, explainer, examples };
    fitting::measure(&task, &parameters, batch, shards, warm_up)
}

/// The loss of the preset `hard`, with the labels as targets; every batch is the same rows.
struct ExplainerTask {
    classifier: Classifier,
    explainer: Explainer,
    examples: Examples,
}

impl Task for ExplainerTask {
    type Shard = Shard;

    fn examples(&self) -> usize {
        STEPS * self.examples.len()
    }

    fn prepare(
        &self,
        _indices: &[usize],
        shards: usize,
        _epoch: u32,
        _step: u32,
    ) -> Result<Vec<Shard>> {
        self.examples.shards(shards)
    }

    fn loss(&self, shard: &Shard, gradients: &WeightGradients) -> candle_core::Result<Loss> {
        let off = &mut Pass::inference();
        let batch = &shard.batch;
        let mut pass = Pass::training(Dropout::off(), gradients);
        let logits = self.explainer.forward(batch, None, &mut pass)?.squeeze(2)?;
        let soft = candle_nn::ops::sigmoid(&logits)?;
        let seen = masking::straight_through(&soft)?;
        let kept = masking::complete(&seen, batch)?;
        let masked = self.classifier.forward(batch, Some(&kept), off)?;
        let mut total = cross_entropy(&masked, shard)?;
        let hidden = masking::complete_inverse(&seen, batch)?;
        let inverse = self.classifier.forward(batch, Some(&hidden), off)?;
        let weight = UNIFORM_KL * shard.share_of_batch / inverse.len() as f64;
        for logits in &inverse {
            let term = losses::uninformative(logits, Uninformative::UniformKl)?.sum_all()?;
            total = (total + (term * weight)?)?;
        }
        let area = losses::area(&soft, batch)?.sum_all()?;
        let variation = losses::total_variation(&soft, batch)?.sum_all()?;
        let total = (total + (area * (AREA * shard.share_of_batch))?)?;
        let total = (total + (variation * (TOTAL_VARIATION * shard.share_of_batch))?)?;
        Ok(Loss { total, terms: Vec::new() })
    }

    fn validate(&self, _epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        Ok((Vec::new(), None))
    }
}
