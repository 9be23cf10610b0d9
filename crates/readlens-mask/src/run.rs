use std::path::{Path, PathBuf};

use rayon::prelude::*;
use readlens_batch::{
    CHUNKS_AT_ONCE, Chunk, Shard, WindowStream, as_read, check_lengths, check_tokenization,
    most_likely_classes, predict,
};
use readlens_fault::{Fault, Place, Result};
use readlens_kmer::Tokenization;
use readlens_nn::masking::select;
use readlens_nn::{
    Classifier, DeviceKind, EvidenceShape, ExplainerNetwork, MAX_TOKENS, WindowTokens,
    load_classifier,
};
use readlens_provenance::{Artefact, Manifest, check_files, check_together, commit_together};
use readlens_stage::{Context, in_order};
use readlens_tables::Writer;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::{KEY_TARGET, MaskRow};
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MethodKind, Ranks, TargetKind};

use crate::asked::Asked;
use crate::bases::{Frames, base_values};
use crate::config::Config;
use crate::ensemble::Ensemble;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// Directory of the classifier; needed where there is one mask per rank or the Explainer reads
    /// it.
    pub classifier: Option<PathBuf>,
    /// Directories of the Explainers, one or more.
    pub explainers: Vec<PathBuf>,
    /// Mask table to write.
    pub output: PathBuf,
    /// Table of masks on bases to write, if wanted.
    pub bases: Option<PathBuf>,
}

/// Masks the shard's windows.
///
/// # Errors
/// An input cannot be used, the tokens are of another tokenization than the Explainer's, or the
/// user interrupts.
pub fn run(
    config: &Config,
    paths: &Paths,
    shard: Shard,
    device: DeviceKind,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    let models = paths.explainers.iter().chain(&paths.classifier);
    check_files([&paths.output].into_iter().chain(&paths.bases), models.chain([&paths.tokens]))?;
    let explainer = Ensemble::load(config, &paths.explainers, device)?;
    let ranks: Vec<Ranks> =
        explainer.shape().masks.iter().map(|rank| rank.parse()).collect::<Result<_, _>>()?;
    let classifier = target_classifier(&explainer, &ranks, paths)?
        .map(|classifier| classifier.with_precision(config.precision));
    let stream = WindowStream::open(&paths.tokens, shard)?;
    let tokenization = stream.tokenization().clone();
    let directory = paths.explainers.first().unwrap_or(&paths.tokens);
    check_tokenization(&paths.tokens, &tokenization, directory, &explainer.shape().tokenization)?;
    let mut inputs = vec![stream.reader().artefact("tokens")?];
    for directory in &paths.explainers {
        inputs.push(Artefact::model("explainer", directory)?);
    }
    if let Some(directory) = &paths.classifier {
        inputs.push(Artefact::model("classifier", directory)?);
    }
    check_together(&inputs)?;
    let most = most_tokens(&explainer, classifier.as_ref());
    check_lengths(&paths.tokens, shard, most, |_, row| is_chosen(config, row))?;
    let manifest =
        Manifest::made_from("mask", config, None, &inputs)?.computed_by(device.compute());
    let mut metadata = stream.metadata(shard);
    if let Some(target) = &config.target {
        metadata.insert(KEY_TARGET.to_owned(), target.to_string());
    }
    let mut masks = Writer::<MaskRow>::create(&paths.output, &[], &manifest, &metadata)?;
    let bases = paths
        .bases
        .as_deref()
        .map(|path| Writer::<BaseRow>::create(path, &[], &manifest, &metadata));
    let mut bases = bases.transpose()?;
    let progress = context.progress("masks", stream.reader().rows());
    let asked = Asked::of(config, &explainer, classifier.as_ref(), paths)?;
    let masker = Masker {
        config,
        asked: asked.as_ref(),
        explainer: &explainer,
        ranks: &ranks,
        classifier: classifier.as_ref(),
        tokenization,
        tokens: &paths.tokens,
    };
    let mask_chunk = |chunk: Chunk| {
        context.check_interrupt("nothing was written; run the same command again")?;
        let count = chunk.rows.len() as u64;
        let rows = masker.choose(chunk.rows);
        let masks = masker.masks(&rows)?;
        let bases = if paths.bases.is_some() { masker.bases(&rows)? } else { Vec::new() };
        Ok((masks, bases, count))
    };
    in_order(CHUNKS_AT_ONCE, stream, mask_chunk, |(mask_rows, base_rows, count)| {
        mask_rows.iter().try_for_each(|row| masks.push(row))?;
        if let Some(bases) = &mut bases {
            base_rows.iter().try_for_each(|row| bases.push(row))?;
        }
        progress.advance(count);
        Ok(())
    })?;
    drop(progress);
    let written = masks.rows();
    if written == 0 {
        tracing::warn!("no window was masked: the table has none, or none of the split");
    }
    let bases = bases.map(Writer::complete).transpose()?;
    commit_together([masks.complete()?].into_iter().chain(bases))?;
    tracing::info!("wrote {written} masks to {}", paths.output.display());
    Ok(())
}

/// The classifier that an Explainer must be told of, and whose prediction names the target of each
/// rank's mask.
fn target_classifier(
    explainer: &Ensemble,
    ranks: &[Ranks],
    paths: &Paths,
) -> Result<Option<Classifier>> {
    let explains_all = ranks.iter().all(|ranks| *ranks == Ranks::All);
    if explains_all && !explainer.needs_classifier() {
        return Ok(None);
    }
    let Some(directory) = &paths.classifier else {
        return Err(Fault::usage(
            "one mask per rank, and Explainers that read or query the classifier, need it: pass \
             --classifier",
        ));
    };
    let classifier = load_classifier(directory, explainer.first().device())?;
    let known: Vec<&String> = classifier.config().ranks.iter().map(|r| &r.rank).collect();
    let mut explained = ranks.iter().filter_map(Ranks::one);
    if let Some(missing) = explained.find(|rank| !known.iter().any(|known| *rank == *known)) {
        return Err(Fault::input(directory)
            .expected(format!("a classifier with the rank {missing}, as the Explainer has"))
            .found(format!("{known:?}"))
            .remedy("pass the classifier that the Explainer was trained with")
            .into());
    }
    let brings = EvidenceShape::of(classifier.config());
    for member in explainer.members() {
        if let ExplainerNetwork::Query(query) = &member.config().network
            && query.evidence != brings
        {
            let shown = |shape: &EvidenceShape| {
                let EvidenceShape { dims, linear, taxa } = shape;
                format!("embeddings of {dims:?}, {linear} linear branches, {taxa:?} taxa")
            };
            return Err(Fault::input(directory)
                .expected(format!("the classifier that is queried: {}", shown(&query.evidence)))
                .found(shown(&brings))
                .remedy("pass the classifier that the Explainer was trained with")
                .into());
        }
    }
    Ok(Some(classifier))
}

/// Tokens of the longest window that the Explainers and the classifier read.
fn most_tokens(explainer: &Ensemble, classifier: Option<&Classifier>) -> usize {
    let most = explainer.members().map(|member| member.config().longest_window());
    let of_classifier = classifier.map(|classifier| classifier.config().max_tokens());
    most.chain(of_classifier).min().unwrap_or(MAX_TOKENS)
}

fn is_chosen(config: &Config, row: &TokenRow) -> bool {
    config.split.is_none() || row.split == config.split
}

struct Masker<'a> {
    config: &'a Config,
    /// What windows are asked for instead of their own predictions.
    asked: Option<&'a Asked>,
    explainer: &'a Ensemble,
    /// What each mask explains.
    ranks: &'a [Ranks],
    classifier: Option<&'a Classifier>,
    tokenization: Tokenization,
    /// The tokens table, for messages.
    tokens: &'a Path,
}

impl Masker<'_> {
    /// The rows of the chosen split.
    fn choose(&self, rows: Vec<TokenRow>) -> Vec<TokenRow> {
        rows.into_iter().filter(|row| is_chosen(self.config, row)).collect()
    }

    fn masks(&self, rows: &[TokenRow]) -> Result<Vec<MaskRow>> {
        let tokens: Vec<WindowTokens> = rows.iter().map(as_read).collect();
        let asked = self.asked(rows, &tokens)?;
        let explained = self.explainer.explain(self.classifier, &tokens, asked.as_deref())?;
        let mut deviations = explained.deviations.into_iter().flatten().flatten();
        let targets = self.targets(&tokens, asked.as_deref())?;
        let target_kind = match asked {
            Some(_) => TargetKind::Other,
            None => TargetKind::Predicted,
        };
        let mut masks = Vec::with_capacity(rows.len() * self.ranks.len());
        for (place, ((row, logits), targets)) in
            rows.iter().zip(explained.logits).zip(targets).enumerate()
        {
            let asked = asked.as_ref().map(|asked| asked[place].clone()).unwrap_or_default();
            for ((rank, logits), target) in self.ranks.iter().zip(&logits).zip(targets) {
                let (mask, hard) = select(logits, self.explainer.selection());
                let area = mask.iter().sum::<f32>() / mask.len().max(1) as f32;
                masks.push(MaskRow {
                    id: row.id.clone(),
                    window: row.window,
                    method: self.config.method.clone(),
                    method_kind: MethodKind::Explainer,
                    replicate: self.config.replicate,
                    rank: rank.clone(),
                    target,
                    target_kind,
                    asked: asked.clone(),
                    mask,
                    hard,
                    deviation: deviations.next().unwrap_or_default(),
                    area,
                });
            }
        }
        Ok(masks)
    }

    /// The classes that each row is asked for instead of its own, one per rank of the classifier.
    fn asked(&self, rows: &[TokenRow], tokens: &[WindowTokens]) -> Result<Option<Vec<Vec<u32>>>> {
        match (self.asked, self.classifier) {
            (Some(asked), Some(classifier)) => asked.classes(classifier, rows, tokens).map(Some),
            _ => Ok(None),
        }
    }

    /// The taxon that is explained per row and mask: one of `asked`, or else the predicted one;
    /// none where the mask is for all ranks.
    fn targets(
        &self,
        tokens: &[WindowTokens],
        asked: Option<&[Vec<u32>]>,
    ) -> Result<Vec<Vec<Option<String>>>> {
        let masks = self.ranks;
        let explains_all = masks.iter().all(|ranks| *ranks == Ranks::All);
        let Some(classifier) = self.classifier.filter(|_| !explains_all) else {
            return Ok(vec![vec![None; masks.len()]; tokens.len()]);
        };
        let ranks = &classifier.config().ranks;
        let taxon = |mask: &Ranks, classes: &[u32]| {
            let rank = ranks.iter().position(|r| mask.one().is_some_and(|one| *one == r.rank))?;
            ranks[rank].taxa.get(classes[rank] as usize).cloned()
        };
        let of_row = |classes: &[u32]| masks.iter().map(|mask| taxon(mask, classes)).collect();
        if let Some(asked) = asked {
            return Ok(asked.iter().map(|classes| of_row(classes)).collect());
        }
        let predictions = predict(classifier, tokens, None)?;
        Ok(predictions.iter().map(|ranks| of_row(&most_likely_classes(ranks))).collect())
    }

    fn bases(&self, rows: &[TokenRow]) -> Result<Vec<BaseRow>> {
        let frames: Vec<Frames> = rows
            .par_iter()
            .map(|row| Frames::of(&row.tokens, &self.tokenization, self.config.frames))
            .collect::<Result<_>>()?;
        let readings = rows.iter().zip(&frames).flat_map(|(row, frames)| {
            frames.tokens.iter().map(|ids| WindowTokens { ids, ..as_read(row) })
        });
        let readings: Vec<WindowTokens> = readings.collect();
        // All frames of a window ask for what the window asks for.
        let windows: Vec<WindowTokens> = rows.iter().map(as_read).collect();
        let asked = self.asked(rows, &windows)?.map(|asked| -> Vec<Vec<u32>> {
            let of_window = |(classes, frames): (Vec<u32>, &Frames)| {
                std::iter::repeat_n(classes, frames.tokens.len())
            };
            asked.into_iter().zip(&frames).flat_map(of_window).collect()
        });
        let explained = self.explainer.explain(self.classifier, &readings, asked.as_deref())?;
        let mut logits = explained.logits.into_iter();
        let outputs = self.ranks;
        let mut bases = Vec::with_capacity(rows.len() * outputs.len());
        for (row, frames) in rows.iter().zip(&frames) {
            let readings: Vec<Vec<Vec<f32>>> = logits.by_ref().take(frames.tokens.len()).collect();
            for (output, rank) in outputs.iter().enumerate() {
                let masks: Vec<Vec<f32>> = readings
                    .iter()
                    .map(|r| select(&r[output], self.explainer.selection()).0)
                    .collect();
                let fault = || {
                    Fault::input(self.tokens)
                        .at(Place::Part(format!("window {} of {}", row.window, row.id)))
                };
                let length =
                    self.tokenization.laid_bases(row.start, row.end, &row.tokens, fault)?;
                let coverages =
                    frames.tokens.iter().map(|tokens| self.tokenization.coverage(tokens));
                let mut mask = base_values(coverages.zip(&masks), length);
                if row.strand == "-" {
                    mask.reverse();
                }
                bases.push(BaseRow {
                    id: row.id.clone(),
                    window: row.window,
                    start: row.start,
                    end: row.end,
                    strand: row.strand.clone(),
                    method: self.config.method.clone(),
                    method_kind: MethodKind::Explainer,
                    replicate: self.config.replicate,
                    rank: rank.clone(),
                    mask,
                });
            }
        }
        Ok(bases)
    }
}
