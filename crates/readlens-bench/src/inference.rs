use std::num::NonZeroUsize;

use candle_core::Device;
use readlens_batch::{explain, predict};
use readlens_fault::{Fault, Result};
use readlens_nn::{Pass, Precision, load_explainer};

use crate::examples::Examples;
use crate::job::{self, ExplainerKind};
use crate::protocol::{Report, report, serve};

/// Measures the classifier's predictions for all rows.
///
/// The report's values are the logits of the first row, rank after rank.
pub(crate) fn measure_forward(
    job: &job::Examples,
    precision: Precision,
    warm_up: NonZeroUsize,
) -> Result<()> {
    let (classifier, examples) = Examples::with_classifier(job, precision)?;
    let rows = examples.rows();
    let peak_kb = serve(warm_up, || predict(&classifier, &rows, None).map(drop))?;
    let first = examples.first()?;
    let logits = classifier.forward(&first, None, &mut Pass::inference()).and_then(|ranks| {
        let rank = |logits: &candle_core::Tensor| logits.flatten_all()?.to_vec1::<f32>();
        ranks.iter().map(rank).collect::<candle_core::Result<Vec<_>>>()
    });
    let logits = logits.map_err(|e| Fault::failed("computing logits", e))?;
    report(&Report { peak_kb, values: logits.into_iter().flatten().map(f64::from).collect() })
}

/// Measures an Explainer's mask logits for all rows.
///
/// The report's values are the logits of the first row.
pub(crate) fn measure_masks(
    job: &job::Examples,
    kind: ExplainerKind,
    precision: Precision,
    warm_up: NonZeroUsize,
) -> Result<()> {
    let explainer = load_explainer(&job.models.join(kind.folder()), &Device::Cpu)?;
    let explainer = explainer.with_precision(precision);
    let (_, examples) = Examples::with_classifier(job, precision)?;
    let rows = examples.rows();
    let mut logits = Vec::new();
    let peak_kb = serve(warm_up, || {
        logits = explain(&explainer, None, &rows, None)?;
        Ok(())
    })?;
    let first = logits.iter().take(1).flatten().flatten();
    report(&Report { peak_kb, values: first.map(|&logit| f64::from(logit)).collect() })
}
