use std::path::PathBuf;
use std::time::Instant;

use readlens_batch::{
    Bound, Model, ModelSource, Shard, WrongClasses, as_read, most_likely_classes, needs_a_network,
};
use readlens_fault::{Fault, Result};
use readlens_nn::{DeviceKind, Explained, WindowTokens};
use readlens_provenance::{Manifest, check_files, commit_together};
use readlens_stage::{Context, in_order};
use readlens_tables::Writer;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Ranks, TargetKind};

use crate::chosen::Chosen;
use crate::config::{Config, Recorded};
use crate::method::Method;
use crate::methods::{constant, scores_of};
use crate::objective::{Objective, Scores, Window};
use crate::scores::mask_of;

/// What to do after an interrupt.
const AGAIN: &str = "nothing was written; run the same command again";

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// The classifier to explain, or a program in its place.
    pub model: ModelSource,
    /// Mask table to write.
    pub output: PathBuf,
    /// Table of costs to write, if wanted.
    pub costs: Option<PathBuf>,
}

/// Explains the chosen windows by every method.
///
/// # Errors
/// An input cannot be used, the tokens are of another tokenization than the classifier's, or the
/// user interrupts.
pub fn run(
    config: &Config,
    paths: &Paths,
    shard: Shard,
    device: DeviceKind,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    if paths.model.directory().is_none() {
        for method in &config.methods {
            if let Some(does) = method.looks_inside() {
                return Err(needs_a_network(method.name(), does));
            }
        }
    }
    let outputs = [&paths.output].into_iter().chain(&paths.costs);
    check_files(outputs, [&paths.tokens].into_iter().chain(paths.model.directory()))?;
    let asking = context.clone();
    let check = move || asking.check_interrupt(AGAIN);
    let Bound { model, windows, inputs } =
        Bound::ask(&paths.tokens, &paths.model, device, config.precision, check)?;
    let of_transformers = [
        (Method::AttentionRollout, "follows the attention"),
        (Method::ClassQuery, "reads the embeddings"),
    ];
    for (method, does) in of_transformers {
        let is_one = || model.network().is_some_and(|network| network.transformer().is_some());
        if config.methods.contains(&method) && !is_one() {
            return Err(Fault::usage(format!(
                "{} {does} of a transformer, and {} is none, or not only one: choose other methods",
                method.name(),
                paths.model.name()
            )));
        }
    }
    let recorded = Recorded { config, predictor: model.description() };
    let mut manifest = Manifest::made_from("attribute", &recorded, Some(config.seed), &inputs)?;
    if model.network().is_some() {
        manifest = manifest.computed_by(device.compute());
    }
    let metadata = windows.metadata(shard);
    let cls = usize::from(windows.tokenization().cls);
    let split = config.split;
    let chosen = Chosen::of(&paths.tokens, split, config.limit, config.seed, shard)?;
    chosen.check_lengths(&paths.tokens, model.max_tokens())?;
    let mut masks = Writer::<MaskRow>::create(&paths.output, &[], &manifest, &metadata)?;
    let costs = paths.costs.as_deref();
    let costs = costs.map(|path| Writer::<CostRow>::create(path, &[], &manifest, &metadata));
    let mut costs = costs.transpose()?;
    let progress = context.progress("windows", chosen.len() as u64);
    let wrong = config.wrong_class;
    let wrong = wrong.map(|seed| WrongClasses::of(&*model, &paths.tokens, split, seed));
    let wrong = wrong.transpose()?;
    let attributor = Attributor { config, model: &*model, cls, wrong, context };
    let mut totals = vec![Cost::default(); config.methods.len()];
    let groups = chosen.groups(windows);
    // One group at a time, so that the seconds of a method are its own.
    in_order(
        1,
        groups,
        |rows| attributor.explain(&rows),
        |(rows, found, windows)| {
            rows.iter().try_for_each(|row| masks.push(row))?;
            totals.iter_mut().zip(&found).for_each(|(total, cost)| total.add(cost));
            progress.advance(windows);
            Ok(())
        },
    )?;
    drop(progress);
    model.finish()?;
    let windows = chosen.len();
    if windows == 0 {
        tracing::warn!("no window was explained: there is none in the table or in the shard");
    }
    for (method, total) in config.methods.iter().zip(&totals) {
        let row = total.row(*method, windows, context.threads().get());
        tracing::info!(
            "{}: {:.2} ms, {:.1} forward and {:.1} backward passes per window",
            method.name(),
            1e3 * row.seconds,
            row.forward_passes,
            row.backward_passes
        );
        if let Some(costs) = &mut costs {
            costs.push(&row)?;
        }
    }
    let written = masks.rows();
    let costs = costs.map(Writer::complete).transpose()?;
    commit_together([masks.complete()?].into_iter().chain(costs))?;
    tracing::info!("wrote {written} masks to {}", paths.output.display());
    Ok(())
}

/// What a method has cost so far.
#[derive(Clone, Debug, Default)]
struct Cost {
    seconds: f64,
    forward: u64,
    backward: u64,
    /// Sums of |error| and of |F(1) − F(0)|, where completeness is asked for.
    completeness: Option<[f64; 2]>,
}

impl Cost {
    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.forward += other.forward;
        self.backward += other.backward;
        if let Some([error, size]) = other.completeness {
            let sums = self.completeness.get_or_insert_default();
            sums[0] += error;
            sums[1] += size;
        }
    }

    fn row(&self, method: Method, windows: usize, threads: usize) -> CostRow {
        let per_window = |sum: f64| sum / windows.max(1) as f64;
        CostRow {
            method: method.name().to_owned(),
            windows: u32::try_from(windows).unwrap_or(u32::MAX),
            forward_passes: per_window(self.forward as f64),
            backward_passes: per_window(self.backward as f64),
            seconds: per_window(self.seconds),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            completeness_error: self
                .completeness
                .filter(|[_, size]| *size > 0.0)
                .map(|[error, size]| error / size),
        }
    }
}

struct Attributor<'a> {
    config: &'a Config,
    model: &'a dyn Model,
    /// Tokens before the first real one.
    cls: usize,
    /// What windows are asked for instead of their own predictions.
    wrong: Option<WrongClasses>,
    context: &'a Context,
}

impl Attributor<'_> {
    /// The masks of all methods for `rows`, what each method cost, and the number of windows.
    fn explain(&self, rows: &[TokenRow]) -> Result<(Vec<MaskRow>, Vec<Cost>, u64)> {
        let check = || self.context.check_interrupt(AGAIN);
        check()?;
        let windows = self.windows(rows)?;
        let ranks = self.model.ranks().len();
        let outputs: Vec<Explained> = if self.config.mask_per_rank {
            (0..ranks).map(Explained::Rank).collect()
        } else {
            vec![Explained::AllRanks]
        };
        let (mut scores, mut costs) = (Vec::new(), Vec::new());
        for &method in &self.config.methods {
            let objective = Objective::new(self.model, &windows, &outputs, &check);
            let start = Instant::now();
            let found = scores_of(method, &objective, self.config)?;
            let seconds = start.elapsed().as_secs_f64();
            let (forward, backward) = objective.passes();
            let is_path = matches!(method, Method::IntegratedGradients(_));
            let completeness = is_path.then(|| completeness(&objective, &found)).transpose()?;
            costs.push(Cost { seconds, forward, backward, completeness });
            scores.push(found);
        }
        let mut masks = Vec::with_capacity(rows.len() * scores.len() * outputs.len());
        for (i, (row, window)) in rows.iter().zip(&windows).enumerate() {
            for (method, scores) in self.config.methods.iter().zip(&scores) {
                for (&output, scores) in outputs.iter().zip(&scores[i]) {
                    masks.push(self.row(row, window, *method, output, scores)?);
                }
            }
        }
        Ok((masks, costs, rows.len() as u64))
    }

    fn windows<'b>(&self, rows: &'b [TokenRow]) -> Result<Vec<Window<'b>>> {
        let tokens: Vec<WindowTokens> = rows.iter().map(as_read).collect();
        let predictions = self.model.predict(&tokens, None)?;
        let of_row = |(row, prediction): (&'b TokenRow, Vec<Vec<f32>>)| {
            let predicted = most_likely_classes(&prediction);
            Window {
                tokens: as_read(row),
                real: row.tokens.len() - self.cls,
                targets: match &self.wrong {
                    Some(wrong) => wrong.of_window(row, &predicted),
                    None => predicted,
                },
                key: format!("{}/{}", row.window, row.id),
            }
        };
        Ok(rows.iter().zip(predictions).map(of_row).collect())
    }

    fn row(
        &self,
        row: &TokenRow,
        window: &Window<'_>,
        method: Method,
        output: Explained,
        scores: &[f64],
    ) -> Result<MaskRow> {
        let scores = self.config.averaging.apply(scores);
        let (mask, hard) = mask_of(&scores, self.config.area);
        let ranks = self.model.ranks();
        let (rank, target) = match output {
            Explained::AllRanks => (Ranks::All, None),
            Explained::Rank(rank) => {
                let taxon = ranks[rank].taxa[window.targets[rank] as usize].clone();
                (Ranks::One(Name::new(&ranks[rank].rank)?), Some(taxon))
            }
        };
        let area = mask.iter().sum::<f32>() / mask.len().max(1) as f32;
        let method = method.word();
        Ok(MaskRow {
            id: row.id.clone(),
            window: row.window,
            method: Name::new(method.name())?,
            method_kind: method.kind(),
            replicate: 1,
            rank,
            target,
            target_kind: match self.wrong {
                Some(_) => TargetKind::Other,
                None => TargetKind::Predicted,
            },
            asked: if self.wrong.is_some() { window.targets.clone() } else { Vec::new() },
            mask,
            hard,
            deviation: Vec::new(),
            area,
        })
    }
}

/// Sums over windows and outputs of `|Σ scores − (F(1) − F(0))|` and of `|F(1) − F(0)|`.
fn completeness(objective: &Objective<'_>, scores: &Scores) -> Result<[f64; 2]> {
    let windows = objective.windows().iter().enumerate();
    let masks: Vec<_> = windows
        .flat_map(|(i, window)| [constant(i, window, 1.0), constant(i, window, 0.0)])
        .collect();
    let values = objective.values(&masks)?;
    let mut sums = [0.0; 2];
    for (scores, values) in scores.iter().zip(values.chunks(2)) {
        for ((scores, whole), hidden) in scores.iter().zip(&values[0]).zip(&values[1]) {
            let difference = whole - hidden;
            sums[0] += (scores.iter().sum::<f64>() - difference).abs();
            sums[1] += difference.abs();
        }
    }
    Ok(sums)
}
