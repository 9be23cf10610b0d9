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

use crate::alone::probe;
use crate::case::Case;
use crate::config::{Config, Inputs};
use crate::features::SHAPE_FEATURES;
use crate::gather::{Gathered, gather};
use crate::masks::Masks;
use crate::retrained::{Answers, Retrained, retrain};
use crate::seen::Choice;

/// How often STRIPE-X takes the encode-meter off. Puli et al. 2024 ask for a weight that is large
/// enough, so that no method can pay for what it encodes with a likelier label.
const ENCODING_WEIGHT: u32 = 10;
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
            let right = probe(&case, masks, width, seed, watch)?;
            drop(progress);
            let rank = Name::new(name)?;
            let figures =
                Figures { masks, rank, case: &case, gathered: &gathered, bootstrap: &bootstrap };
            let new = figures.of_probe(&right);
            tracing::info!(
                "{of}: {name} {:.1} % from the mask alone, majority {:.1} %, {} taxa",
                100.0 * new[0].value,
                100.0 * new[1].value,
                case.count
            );
            rows.extend(new);
            for &share in &config.retrain {
                let progress = context.progress(&format!("retraining for {name}"), PROGRESS);
                let watch = |done: f64| {
                    progress.move_to((done * PROGRESS as f64) as u64, PROGRESS);
                    context.check_interrupt("nothing was written; start again")
                };
                let retrained = retrain(&case, masks, share, config.bins as usize, seed, watch)?;
                drop(progress);
                rows.extend(figures.of_retrained(&retrained, share));
            }
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

/// What the figures of one method and rank of taxa are made of.
struct Figures<'a> {
    masks: &'a Masks,
    rank: Name,
    case: &'a Case,
    gathered: &'a Gathered,
    bootstrap: &'a Bootstrap,
}

impl Figures<'_> {
    /// The probe's own accuracy, and that of always naming the most frequent taxon of the same
    /// windows.
    fn of_probe(&self, right: &[bool]) -> Vec<MetricRow> {
        let majority = self.case.majority();
        let panel = self.panel(|window| [as_number(right[window]), as_number(majority[window])]);
        let about = self.about(Operator::Probe);
        vec![
            about.row(Metric::Accuracy, panel.figure(Formula::Mean(0))),
            about.row(Metric::MajorityAccuracy, panel.figure(Formula::Mean(1))),
        ]
    }

    fn of_retrained(&self, retrained: &Retrained, share: f32) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        let Retrained { kept, removed, surrogate } = retrained;
        let ways = [(Operator::RetrainedKept, kept), (Operator::RetrainedRemoved, removed)];
        for (operator, answers) in ways {
            for (choice, answers) in Choice::ALL.into_iter().zip(answers) {
                let about = About {
                    variant: choice.variant().map(str::to_owned),
                    share: Some(share),
                    ..self.about(operator)
                };
                let panel = self.panel(|window| of_answers(answers, window));
                rows.push(about.row(Metric::Accuracy, panel.figure(Formula::Mean(0))));
                rows.push(about.row(Metric::LogLikelihood, panel.figure(Formula::Mean(1))));
            }
        }
        let panel = self.panel(|window| {
            let [right, likelihood] = of_answers(surrogate, window);
            [right, likelihood, kept[0].likelihood[window]]
        });
        let about = About { share: Some(share), ..self.about(Operator::Surrogate) };
        let less = Formula::LessExcess { of: 2, above: 1, times: ENCODING_WEIGHT };
        let formulas = [
            (Metric::Accuracy, Formula::Mean(0)),
            (Metric::LogLikelihood, Formula::Mean(1)),
            (Metric::EncodeMeter, Formula::Excess { of: 2, above: 1 }),
            (Metric::StripeX, less),
        ];
        rows.extend(formulas.map(|(metric, formula)| about.row(metric, panel.figure(formula))));
        rows
    }

    /// The sums of `values` over the windows of the case.
    fn panel<const N: usize>(&self, values: impl Fn(usize) -> [f64; N]) -> Panel {
        let mut panel = Panel::new(N, self.bootstrap.replicates());
        let (mut weights, mut last) = (Vec::new(), None);
        for (window, &place) in self.case.places.iter().enumerate() {
            let record = self.masks.records[place];
            if last != Some(record) {
                weights = self.bootstrap.weights(self.gathered.records.name(record));
                last = Some(record);
            }
            let observation = Observation::new(u64::from(record), 1.0, &values(window));
            panel.add(&observation, &weights);
        }
        panel
    }

    fn about(&self, operator: Operator) -> About {
        About {
            over: self.masks.over(),
            ranks: Ranks::One(self.rank.clone()),
            ..About::new(Some(self.masks.name.clone()), operator)
        }
    }
}

fn as_number(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn of_answers(answers: &Answers, window: usize) -> [f64; 2] {
    [as_number(answers.right[window]), answers.likelihood[window]]
}

fn write(manifest: &Manifest, output: &Path, rows: &[MetricRow]) -> Result<()> {
    let mut writer = Writer::<MetricRow>::create(output, &[], manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    tracing::info!("wrote {} figures to {}", rows.len(), output.display());
    Ok(())
}
