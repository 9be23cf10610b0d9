use std::collections::BTreeMap;
use std::path::Path;

use rand::RngExt;
use readlens_fault::{Fault, Result};
use readlens_metrics::{About, Bootstrap, Formula, Observation, Panel};
use readlens_provenance::{Artefact, Compute, Manifest, check_files, check_together};
use readlens_random::stream;
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Metric, Name, Operator, Ranks};
use readlens_tables::{Reader, Writer};

use crate::config::{Config, Inputs};
use crate::features::SHAPE_FEATURES;
use crate::gather::{Gathered, gather};
use crate::judge::{Case, Verdicts};
use crate::masks::Masks;

/// Metrics of the probe: its own accuracy, and that of always naming the most frequent taxon of
/// the same windows.
const METRICS: [Metric; 2] = [Metric::Accuracy, Metric::MajorityAccuracy];
/// Steps of the progress bar.
const PROGRESS: u64 = 1000;

/// Probes the masks of every method and rank for every rank of taxa, and writes the figures to
/// `output`.
///
/// A rank of which fewer than two taxa have enough records is left out, with a warning, and so is
/// a method whose masks are all of other splits; `output` may end up without rows.
///
/// # Errors
/// A number is out of range, a table is not what it should be (the fault names the row), or
/// `output` cannot be written.
pub fn run(
    config: &Config,
    seed: u64,
    inputs: &Inputs,
    output: &Path,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    if inputs.masks.is_empty() {
        return Err(Fault::usage("no masks to probe; pass --masks"));
    }
    check_files([output], inputs.masks.iter().chain([&inputs.tokens]))?;
    let artefacts = artefacts(inputs)?;
    check_together(&artefacts)?;
    let gathered = gather(config, inputs, context)?;
    let bootstrap = Bootstrap::new(seed, config.replicates as usize);
    let halves: Vec<u8> = gathered.records.iter().map(|id| half(seed, id)).collect();
    let mut rows = Vec::new();
    for masks in &gathered.masks {
        let of = &masks.name;
        for (rank, name) in gathered.ranks.iter().enumerate() {
            let place = (rank, gathered.ranks.len());
            let taxon = |number| gathered.taxa.name(number).as_str();
            let case = Case::new(masks, place, &halves, config.min_records, taxon);
            if case.count < 2 {
                tracing::warn!(
                    "{} taxa of {name} have {} records in each half among the masks of {of}: \
                     left out",
                    case.count,
                    config.min_records
                );
                continue;
            }
            let progress = context.progress(&format!("probing {name}"), PROGRESS);
            let watch = |done: f64| {
                progress.move_to((done * PROGRESS as f64) as u64, PROGRESS);
                context.check_interrupt("nothing was written; start again")
            };
            let width = config.bins as usize + SHAPE_FEATURES.len();
            let verdicts = case.judge(masks, width, seed, watch)?;
            drop(progress);
            let new = figures(masks, &Name::new(name)?, &case, &verdicts, &gathered, &bootstrap);
            tracing::info!(
                "{of}: {name} {:.1} % from the mask alone, majority {:.1} %, {} taxa",
                100.0 * new[0].value,
                100.0 * new[1].value,
                case.count
            );
            rows.extend(new);
        }
    }
    let manifest = Manifest::made_from("probe", config, Some(seed), &artefacts)?
        .computed_by(Compute::on_cpu(readlens_linear::kernels()));
    write(&manifest, output, &rows)
}

/// The inputs with their digests and manifests.
fn artefacts(inputs: &Inputs) -> Result<Vec<Artefact>> {
    let tokens = Reader::<TokenRow>::open(&inputs.tokens)?;
    let mut artefacts = vec![tokens.artefact("tokens")?];
    for masks in &inputs.masks {
        let masks = Reader::<MaskRow>::open_own(masks)?;
        masks.check_tokenization(&tokens)?;
        artefacts.push(masks.artefact("masks")?);
    }
    Ok(artefacts)
}

/// Half of a record: 0 or 1, by its id and the seed alone.
fn half(seed: u64, id: &str) -> u8 {
    u8::from(stream(seed, &format!("probe/{id}")).random::<bool>())
}

fn figures(
    masks: &Masks,
    rank: &Name,
    case: &Case,
    verdicts: &Verdicts,
    gathered: &Gathered,
    bootstrap: &Bootstrap,
) -> Vec<MetricRow> {
    let mut panel = Panel::new(METRICS.len(), bootstrap.replicates());
    let (mut weights, mut last) = (Vec::new(), None);
    for (i, &place) in case.places.iter().enumerate() {
        let record = masks.records[place];
        if last != Some(record) {
            weights = bootstrap.weights(gathered.records.name(record));
            last = Some(record);
        }
        let right = [verdicts.probe[i], verdicts.majority[i]];
        let right = right.map(|is_right| f64::from(u8::from(is_right)));
        panel.add(&Observation::new(u64::from(record), 1.0, &right), &weights);
    }
    let about = About {
        over: masks.over(),
        ranks: Ranks::One(rank.clone()),
        ..About::new(Some(masks.name.clone()), Operator::Probe)
    };
    let row = |(place, metric)| about.row(metric, panel.figure(Formula::Mean(place)));
    METRICS.into_iter().enumerate().map(row).collect()
}

fn write(manifest: &Manifest, output: &Path, rows: &[MetricRow]) -> Result<()> {
    let mut writer = Writer::<MetricRow>::create(output, &[], manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    tracing::info!("wrote {} figures to {}", rows.len(), output.display());
    Ok(())
}
