use std::num::NonZeroUsize;

use candle_core::{DType, Device, Var};
use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_nn::{Classifier, Pass, Precision, masking};

use crate::classifier_step::cross_entropy;
use crate::examples::{Examples, Shard};
use crate::job;
use crate::protocol::{Report, report, serve};

/// Value of the mask everywhere: between hidden and kept, so that its gradient is of no corner.
const MASK: f32 = 0.5;

/// Measures the gradient of the classification loss to the mask, the weights being frozen.
///
/// The report's values are the gradient of the first row.
pub(crate) fn measure(
    job: &job::Examples,
    shards: usize,
    precision: Precision,
    warm_up: NonZeroUsize,
) -> Result<()> {
    let (classifier, examples) = Examples::with_classifier(job, precision)?;
    let mut gradient: Vec<f32> = Vec::new();
    let peak_kb = serve(warm_up, || {
        let failed = |e: candle_core::Error| Fault::failed("a frozen step", e);
        let parts: Vec<Vec<f32>> = examples
            .shards(shards)?
            .par_iter()
            .map(|shard| mask_gradient(&classifier, shard).map_err(failed))
            .collect::<Result<_>>()?;
        gradient = parts.into_iter().flatten().collect();
        Ok(())
    })?;
    let tokens = classifier.config().max_tokens();
    let values = gradient.iter().take(tokens).map(|&g| f64::from(g)).collect();
    report(&Report { peak_kb, values })
}

fn mask_gradient(classifier: &Classifier, shard: &Shard) -> candle_core::Result<Vec<f32>> {
    let mask = Var::ones(shard.batch.dims()?, DType::F32, &Device::Cpu)?;
    let values = (mask.as_tensor() * f64::from(MASK))?;
    let kept = masking::complete(&values, &shard.batch)?;
    let logits = classifier.forward(&shard.batch, Some(&kept), &mut Pass::inference())?;
    let store = cross_entropy(&logits, shard)?.backward()?;
    match store.get(&mask) {
        Some(gradient) => gradient.flatten_all()?.to_vec1(),
        None => candle_core::bail!("the mask has no gradient"),
    }
}
