use std::num::NonZeroUsize;

use candle_core::{DType, Device, Tensor};
use readlens_fault::Result;
use readlens_fit::{Figure, Loss, Task};
use readlens_nn::{
    Classifier, ClassifierConfig, Dropout, Pass, WEIGHTS_FILE, WeightGradients, WeightSource,
    losses, read_model,
};

use crate::examples::{Examples, Shard};
use crate::fitting::{self, STEPS};
use crate::job;
use crate::models::CLASSIFIER;

/// Measures optimiser steps of the classifier on whole windows.
pub(crate) fn measure(job: &job::Examples, shards: usize, warm_up: NonZeroUsize) -> Result<()> {
    let directory = job.models.join(CLASSIFIER);
    let (config, tensors) = read_model::<ClassifierConfig>(&directory)?;
    let file = directory.join(WEIGHTS_FILE);
    let mut source = WeightSource::loaded(&file, tensors, true, DType::F32, &Device::Cpu);
    let classifier = Classifier::new(&config, &mut source)?;
    let parameters = source.finish()?;
    let examples = Examples::read(job, config.max_tokens(), config.ranks.len())?;
    let batch = examples.len();
    let task = ClassifierTask { classifier, examples };
    fitting::measure(&task, &parameters, batch, shards, warm_up)
}

/// The cross-entropy of all ranks; every batch is the same rows.
struct ClassifierTask {
    classifier: Classifier,
    examples: Examples,
}

impl Task for ClassifierTask {
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
        let mut pass = Pass::training(Dropout::off(), gradients);
        let logits = self.classifier.forward(&shard.batch, None, &mut pass)?;
        Ok(Loss { total: cross_entropy(&logits, shard)?, terms: Vec::new() })
    }

    fn validate(&self, _epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        Ok((Vec::new(), None))
    }
}

/// The mean cross-entropy over rows and ranks, this shard's part of it.
pub(crate) fn cross_entropy(logits: &[Tensor], shard: &Shard) -> candle_core::Result<Tensor> {
    let mut total = Tensor::zeros((), DType::F32, &Device::Cpu)?;
    for (logits, targets) in logits.iter().zip(&shard.targets) {
        total = (total + losses::cross_entropy(logits, targets)?)?;
    }
    Ok(total)
}
