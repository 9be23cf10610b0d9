use std::num::NonZeroUsize;

use candle_core::{DType, Device};
use readlens_fault::Result;
use readlens_fit::{Figure, Loss, Task};
use readlens_nn::objective::{Budgets, Frozen, Objective};
use readlens_nn::{
    Classifier, Dropout, Explainer, ExplainerConfig, Pass, Precision, WEIGHTS_FILE,
    WeightGradients, WeightSource, read_model,
};

use crate::examples::{Examples, Shard};
use crate::fitting::{self, STEPS};
use crate::job::{self, ExplainerKind};

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
    let task = ExplainerTask { objective: Objective::hard(), classifier, explainer, examples };
    fitting::measure(&task, &parameters, batch, shards, warm_up)
}

/// The objective of the preset `hard`, with the labels as targets; every batch is the same rows.
struct ExplainerTask {
    objective: Objective,
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
        let budgets = vec![Budgets::WHOLE; shard.batch.dims()?.0];
        let frozen = Frozen {
            classifier: &self.classifier,
            batch: &shard.batch,
            targets: &shard.targets,
            budgets: &budgets,
            batch_rows: self.examples.len(),
        };
        let mut pass = Pass::training(Dropout::off(), gradients);
        self.objective.loss(&self.explainer, &frozen, &mut pass)
    }

    fn validate(&self, _epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        Ok((Vec::new(), None))
    }
}
