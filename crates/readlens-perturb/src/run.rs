use std::collections::BTreeMap;
use std::path::PathBuf;

use readlens_batch::{CHUNKS_AT_ONCE, Chunk, Shard, WindowStream, most_likely, predict};
use readlens_fault::{Fault, Place, Result};
use readlens_nn::random::stream;
use readlens_nn::{Classifier, DeviceKind, Precision, load_classifier};
use readlens_provenance::{InputDigest, Manifest, refuse_overwriting};
use readlens_stage::{Context, in_order};
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::{OWN_REMOVAL, PerturbationRow};
use readlens_tables::tokens::TokenRow;
use readlens_tables::{Reader, Writer};
use serde::Serialize;

use crate::join::MaskJoin;
use crate::operators::Operator;

/// Name in `method` and `mask_rank` where no mask was used.
const NO_MASK: &str = "none";

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// Directory of the classifier.
    pub classifier: PathBuf,
    /// Mask table, in the order of the token table.
    pub masks: PathBuf,
    /// Table to write.
    pub output: PathBuf,
}

/// Everything that decides the predictions, apart from the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Only windows of this split; none: all that have a mask.
    pub split: Option<String>,
    /// Seed of the controls.
    pub seed: u64,
    /// Precision of the classifier's products.
    pub precision: Precision,
}

/// Predicts every window that has a mask under every operator.
///
/// # Errors
/// An input cannot be used, masks and tokens do not belong together, or the user interrupts.
pub fn run(config: &Config, paths: &Paths, device: DeviceKind, context: &Context) -> Result<()> {
    let classifier = load_classifier(&paths.classifier, &device.open(config.precision)?)?
        .with_precision(config.precision);
    let windows = WindowStream::open(&paths.tokens, Shard::WHOLE)?;
    let shape = classifier.config();
    if *windows.tokenization() != shape.tokenization {
        return Err(Fault::input(&paths.tokens)
            .expected(format!("the tokenization of {}", paths.classifier.display()))
            .found("another alphabet, k, stride or CLS")
            .remedy("tokenize again as for the classifier")
            .into());
    }
    let inputs = vec![
        InputDigest::of("tokens", &paths.tokens)?,
        InputDigest::of("classifier", &paths.classifier)?,
        InputDigest::of("masks", &paths.masks)?,
    ];
    refuse_overwriting([&paths.output], [&paths.tokens, &paths.masks])?;
    if let Some(made) = Reader::<MaskRow>::open(&paths.masks)?.manifest()? {
        for input in &inputs {
            made.check_input(&paths.masks, input)?;
        }
    }
    let manifest = Manifest::new("perturb", config, Some(config.seed), inputs)?;
    let mut masks = MaskJoin::open(&paths.masks)?;
    let mut table = Writer::create(&paths.output, &[], &manifest, &BTreeMap::new())?;
    let columns = windows.reader().ranks().to_vec();
    let columns = shape.ranks.iter().map(|r| columns.iter().position(|c| *c == r.rank)).collect();
    let perturber = Perturber { config, classifier: &classifier, columns };
    let cls = usize::from(shape.tokenization.cls);
    let most = shape.encoder.max_tokens;
    let progress = context.progress("perturbations", windows.reader().rows());
    // Masks and windows are joined in their order, while the chunks before are predicted.
    let joined = windows.map(|chunk| {
        let Chunk { first, rows } = chunk?;
        let count = rows.len() as u64;
        let mut chosen = Vec::new();
        for (index, row) in (first..).zip(rows) {
            let masks = masks.take(&row, row.tokens.len() - cls)?;
            let in_split = config.split.is_none() || row.split == config.split;
            if masks.is_empty() || !in_split {
                continue;
            }
            if row.tokens.len() > most {
                return Err(Fault::input(&paths.tokens)
                    .at(Place::Row(index))
                    .expected(format!("at most {most} tokens, as the classifier allows"))
                    .found(row.tokens.len())
                    .remedy("tokenize with a smaller --window, or train with a larger --max-tokens")
                    .into());
            }
            chosen.push((row, masks));
        }
        Ok((chosen, count))
    });
    let perturb = |(windows, count): (Vec<(TokenRow, Vec<MaskRow>)>, u64)| {
        context.check_interrupt("nothing was written; run the same command again")?;
        Ok((perturber.perturb(&windows)?, count))
    };
    in_order(CHUNKS_AT_ONCE, joined, perturb, |(rows, count)| {
        rows.iter().try_for_each(|row| table.push(row))?;
        progress.advance(count);
        Ok(())
    })?;
    drop(progress);
    masks.finish()?;
    let written = table.rows();
    table.finish()?;
    tracing::info!("wrote {written} predictions to {}", paths.output.display());
    Ok(())
}

struct Perturber<'a> {
    config: &'a Config,
    classifier: &'a Classifier,
    /// Column of the token table that labels each rank, where there is one.
    columns: Vec<Option<usize>>,
}

/// One forward pass: which window, which mask, which operator.
struct Pass<'a> {
    window: usize,
    mask: Option<&'a MaskRow>,
    operator: &'static str,
}

impl Perturber<'_> {
    fn perturb(&self, windows: &[(TokenRow, Vec<MaskRow>)]) -> Result<Vec<PerturbationRow>> {
        let cls = usize::from(self.classifier.config().tokenization.cls);
        let mut passes = Vec::new();
        let mut factors: Vec<Vec<f32>> = Vec::new();
        for (window, (row, masks)) in windows.iter().enumerate() {
            let real = row.tokens.len() - cls;
            for (operator, factor) in [("unmasked", 1.0), ("all_zero", 0.0)] {
                passes.push(Pass { window, mask: None, operator });
                factors.push(vec![factor; real]);
            }
            for mask in masks {
                for operator in Operator::ALL {
                    let purpose = format!(
                        "{}/{}/{}/{}/{}",
                        operator.draw(),
                        row.window,
                        mask.method,
                        mask.rank,
                        row.id
                    );
                    let mut rng = stream(self.config.seed, &purpose);
                    passes.push(Pass { window, mask: Some(mask), operator: operator.name() });
                    factors.push(operator.factors(&mask.mask, &mask.hard, &mut rng));
                }
            }
        }
        let tokens: Vec<&[u32]> =
            passes.iter().map(|p| windows[p.window].0.tokens.as_slice()).collect();
        let predictions = predict(self.classifier, &tokens, Some(&factors))?;
        let mut rows = Vec::with_capacity(passes.len() * self.columns.len());
        let mut targets: Vec<usize> = Vec::new();
        for ((pass, factors), prediction) in passes.iter().zip(&factors).zip(&predictions) {
            if pass.operator == "unmasked" {
                targets = prediction.iter().map(|p| most_likely(p)).collect();
            }
            let row = &windows[pass.window].0;
            rows.extend(self.rows(row, pass, factors, prediction, &targets));
        }
        Ok(rows)
    }

    fn rows(
        &self,
        window: &TokenRow,
        pass: &Pass<'_>,
        factors: &[f32],
        prediction: &[Vec<f32>],
        targets: &[usize],
    ) -> Vec<PerturbationRow> {
        let kept = factors.iter().sum::<f32>() / factors.len().max(1) as f32;
        let hidden_mask = pass.mask.map(|mask| hidden_share(&mask.mask, factors));
        let named = |name: fn(&MaskRow) -> &String| {
            pass.mask.map_or_else(|| NO_MASK.to_owned(), |mask| name(mask).clone())
        };
        let ranks = &self.classifier.config().ranks;
        let of_rank = |rank: usize| {
            let (taxa, p) = (&ranks[rank].taxa, &prediction[rank]);
            let predicted = most_likely(p);
            let label = self.columns[rank].and_then(|column| window.taxa[column].clone());
            PerturbationRow {
                id: window.id.clone(),
                window: window.window,
                split: window.split.clone(),
                method: named(|mask| &mask.method),
                mask_rank: named(|mask| &mask.rank),
                operator: pass.operator.to_owned(),
                share: None,
                removal: OWN_REMOVAL.to_owned(),
                kept_area: kept,
                hidden_mask,
                rank: ranks[rank].rank.clone(),
                predicted: taxa[predicted].clone(),
                correct: label.as_ref().map(|label| *label == taxa[predicted]),
                label,
                target: taxa[targets[rank]].clone(),
                p_predicted: p[predicted],
                p_target: p[targets[rank]],
                entropy: relative_entropy(p),
            }
        };
        (0..ranks.len()).map(of_rank).collect()
    }
}

/// Share of the mask's sum on what `factors` hide; 0 for a mask of zeros.
fn hidden_share(mask: &[f32], factors: &[f32]) -> f32 {
    let hidden: f32 = mask.iter().zip(factors).map(|(m, factor)| (1.0 - factor) * m).sum();
    let total: f32 = mask.iter().sum();
    if total > 0.0 { (hidden / total).clamp(0.0, 1.0) } else { 0.0 }
}

/// Entropy of `p` over its maximum, `ln K`; 0 for a single taxon.
fn relative_entropy(p: &[f32]) -> f32 {
    if p.len() < 2 {
        return 0.0;
    }
    let entropy: f32 = p.iter().filter(|&&p| p > 0.0).map(|&p| -p * p.ln()).sum();
    (entropy / (p.len() as f32).ln()).clamp(0.0, 1.0)
}
