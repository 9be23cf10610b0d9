use std::path::PathBuf;

use readlens_batch::{
    Bound, Chunk, Model, Shard, WindowStream, as_read, most_likely, needs_a_network,
};
use readlens_fault::{Fault, Result};
use readlens_kmer::{Kmers, Tokenization};
use readlens_nn::{Classifier, DeviceKind, MaskSite, RankClasses, WindowTokens, load_classifier};
use readlens_provenance::{Artefact, Manifest, check_files, check_together};
use readlens_stage::{Context, in_order};
use readlens_tables::masks::MaskRow;
use readlens_tables::vocabulary::{Name, Removal};
use readlens_tables::{Reader, Writer};

use crate::config::{Config, Paths, Recorded};
use crate::donors::Donor;
use crate::join::MaskTables;
use crate::passes::{Abilities, Planner};
use crate::predictor::{Networks, Predictor};
use crate::selection::{Masked, Selection};

/// What to do after an interrupt.
const AGAIN: &str = "nothing was written; run the same command again";
/// Passes that are worked on together, as far as windows allow: their rows are in memory at a time.
const PASSES_TOGETHER: usize = 16_384;
/// Fewest and most windows that are worked on together.
const WINDOWS_TOGETHER: (usize, usize) = (4, 512);

/// Predicts every window that has a mask under every operator.
///
/// Windows are worked on in groups whose size depends on the options and the masks alone, and
/// shards are whole groups: merged shards equal one run.
///
/// # Errors
/// An input cannot be used, masks and tokens do not belong together, or the user interrupts.
pub fn run(
    config: &Config,
    paths: &Paths,
    shard: Shard,
    device: DeviceKind,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    if paths.model.directory().is_none() && config.removals.contains(&Removal::Mean) {
        return Err(needs_a_network("--removal mean", "puts mean embeddings in"));
    }
    let models = paths.model.directory().into_iter().chain(&paths.judge);
    check_files([&paths.output], models.chain(&paths.masks).chain([&paths.tokens]))?;
    let asking = context.clone();
    let check = move || asking.check_interrupt(AGAIN);
    let Bound { model: own, windows, mut inputs } =
        Bound::ask(&paths.tokens, &paths.model, device, config.precision, check)?;
    let load = |path: &PathBuf| -> Result<Classifier> {
        let device = match own.network() {
            Some(classifier) => classifier.device().clone(),
            None => device.open(config.precision)?,
        };
        Ok(load_classifier(path, &device)?.with_precision(config.precision))
    };
    let of_mean = |path| load(path)?.with_mask_site(MaskSite::Mean);
    let mean = paths.model.directory().map(of_mean).transpose()?;
    let judge = paths.judge.as_ref().map(load).transpose()?;
    let networks = Networks { own, mean, judge };
    let ranks = networks.own.ranks();
    let tokenization = windows.tokenization().clone();
    check_judge(&networks, &tokenization, paths)?;
    if config.removals.contains(&Removal::Shuffled)
        && let Some(kmers) = tokenization.kmers().filter(Kmers::leave_gaps)
    {
        return Err(Fault::usage(format!(
            "--removal shuffled needs every base in a token, but the stride {} is above k {}; leave it out",
            kmers.stride, kmers.k
        )));
    }
    for masks in &paths.masks {
        let masks = Reader::<MaskRow>::open(masks)?;
        masks.check_tokenization(windows.reader())?;
        inputs.push(masks.artefact("masks")?);
    }
    if let Some(judge) = &paths.judge {
        inputs.push(Artefact::model("judge", judge)?);
    }
    check_together(&inputs)?;
    let predictor = networks.own.description();
    let has_network = predictor.is_none() || networks.judge.is_some();
    let recorded = Recorded { config, predictor };
    let mut manifest = Manifest::made_from("perturb", &recorded, Some(config.seed), &inputs)?;
    if has_network {
        manifest = manifest.computed_by(device.compute());
    }
    let rank_names: Vec<String> = ranks.iter().map(|r| r.rank.clone()).collect();
    let name = |rank: &String| {
        Name::new(rank).map_err(|_| -> Fault {
            Fault::input(paths.model.name())
                .expected(format!("every rank to have {}", Name::EXPECTED))
                .found(format!("a rank {rank:?}"))
                .remedy("rename the rank in the taxonomy, tokenize and train again")
                .into()
        })
    };
    let names: Vec<Name> = rank_names.iter().map(name).collect::<Result<_, _>>()?;
    let columns = windows.reader().ranks().to_vec();
    let columns: Vec<Option<usize>> =
        rank_names.iter().map(|rank| columns.iter().position(|column| column == rank)).collect();
    let masks = || MaskTables::open(&paths.masks, ranks);
    let judged = networks.judge.as_ref().map(|judge| judge.config().max_tokens());
    let most = networks.own.max_tokens();
    let most = judged.map_or(most, |judged| judged.min(most));
    let metadata = windows.metadata(shard);
    let mut selection = Selection::of(config, windows, masks()?, most, context)?;
    let donors = donors(std::mem::take(&mut selection.donors), &*networks.own)?;
    let abilities = Abilities {
        has_mean: networks.mean.is_some(),
        has_judge: networks.judge.is_some(),
        reads_soft_masks: networks.own.reads_soft_masks(),
    };
    abilities.say();
    let planner = Planner { config, tokenization: &tokenization, donors: &donors, abilities };
    let group = PASSES_TOGETHER / planner.count(selection.masks).max(1);
    let group = group.clamp(WINDOWS_TOGETHER.0, WINDOWS_TOGETHER.1) as u64;
    let mine = rows_of_shard(shard, selection.windows, group);
    let mut table = Writer::create(&paths.output, &[], &manifest, &metadata)?;
    let predictor = Predictor { networks: &networks, planner, ranks: &names, columns: &columns };
    let progress = context.progress("perturbations", mine.end - mine.start);
    // Masks and windows are joined in their order, while the groups before are predicted.
    let chosen = Chosen {
        windows: WindowStream::open(&paths.tokens, Shard::WHOLE)?,
        masks: masks()?,
        config,
        selection: &selection,
        rows: Vec::new().into_iter(),
    };
    let skipped = usize::try_from(mine.start).unwrap_or(usize::MAX);
    let count = usize::try_from(mine.end - mine.start).unwrap_or(usize::MAX);
    let groups = Groups { windows: chosen.skip(skipped).take(count), size: group as usize };
    let check = || context.check_interrupt(AGAIN);
    let perturb = |windows: Vec<Masked>| {
        check()?;
        Ok((predictor.rows(&windows, &check)?, windows.len() as u64))
    };
    in_order(networks.own.at_once(), groups, perturb, |(rows, count)| {
        rows.iter().try_for_each(|row| table.push(row))?;
        progress.advance(count);
        Ok(())
    })?;
    drop(progress);
    networks.own.finish()?;
    let written = table.rows();
    table.finish()?;
    tracing::info!("wrote {written} predictions to {}", paths.output.display());
    Ok(())
}

/// The chosen windows, by ordinal, of a shard: whole groups, in order.
fn rows_of_shard(shard: Shard, windows: u64, group: u64) -> std::ops::Range<u64> {
    let groups = windows.div_ceil(group);
    let bound = |i: u64| (groups * i / shard.count * group).min(windows);
    bound(shard.index - 1)..bound(shard.index)
}

/// Refuses a judge that answers another question than the classifier.
fn check_judge(networks: &Networks, wanted: &Tokenization, paths: &Paths) -> Result<()> {
    let (Some(judge), Some(path)) = (&networks.judge, &paths.judge) else { return Ok(()) };
    let (own, judge) = (networks.own.ranks(), judge.config());
    let fault = |what: &str, own: String, judge: String| {
        Err(Fault::input(path)
            .expected(format!("the {what} of {}: {own}", paths.model.name()))
            .found(judge)
            .remedy("train the judge on the tokens that the classifier was trained on")
            .into())
    };
    if *wanted != judge.tokenization {
        return fault("tokenization", wanted.to_string(), judge.tokenization.to_string());
    }
    let ranks = |ranks: &[RankClasses]| -> String {
        ranks.iter().map(|rank| rank.rank.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (own_ranks, judge_ranks) = (ranks(own), ranks(&judge.ranks));
    if own_ranks != judge_ranks {
        return fault("ranks in their order", own_ranks, judge_ranks);
    }
    match own.iter().zip(&judge.ranks).find(|(own, judge)| own.taxa != judge.taxa) {
        Some((own, judge)) => fault(
            &format!("taxa of {} in their order", own.rank),
            listed(&own.taxa),
            listed(&judge.taxa),
        ),
        None => Ok(()),
    }
}

/// How many taxa there are, and the first of them.
fn listed(taxa: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = taxa.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if taxa.len() > SHOWN { ", …" } else { "" };
    format!("{} taxa ({first}{more})", taxa.len())
}

/// The donors with the taxon that the model takes each for.
fn donors(windows: Vec<Masked>, model: &dyn Model) -> Result<Vec<Donor>> {
    let tokens: Vec<WindowTokens> = windows.iter().map(|w| as_read(&w.window)).collect();
    let predictions = model.predict(&tokens, None)?;
    let donor = |(Masked { row, masks, .. }, prediction): (Masked, Vec<Vec<f32>>)| {
        let class = prediction.last().map_or(0, |p| most_likely(p));
        Donor { row, masks, class }
    };
    Ok(windows.into_iter().zip(predictions).map(donor).collect())
}

/// The chosen windows with their masks, in table order.
struct Chosen<'a> {
    windows: WindowStream,
    masks: MaskTables,
    config: &'a Config,
    selection: &'a Selection,
    /// The rest of the chunk that was read last.
    rows: std::vec::IntoIter<Masked>,
}

impl Chosen<'_> {
    fn next_chunk(&mut self) -> Option<Result<Vec<Masked>>> {
        let chunk = match self.windows.next()? {
            Ok(Chunk { first, rows }) => (first..).zip(rows),
            Err(fault) => return Some(Err(fault)),
        };
        let cls = usize::from(self.windows.tokenization().cls);
        let mut chosen = Vec::new();
        for (row, window) in chunk {
            let masks = match self.masks.take(&window, window.tokens.len() - cls) {
                Ok(masks) => masks,
                Err(fault) => return Some(Err(fault)),
            };
            let masked = Masked { row, window, masks };
            if self.selection.has(self.config, &masked) {
                chosen.push(masked);
            }
        }
        Some(Ok(chosen))
    }
}

impl Iterator for Chosen<'_> {
    type Item = Result<Masked>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(masked) = self.rows.next() {
                return Some(Ok(masked));
            }
            match self.next_chunk()? {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

/// Windows in groups of `size`.
struct Groups<I> {
    windows: I,
    size: usize,
}

impl<I: Iterator<Item = Result<Masked>>> Iterator for Groups<I> {
    type Item = Result<Vec<Masked>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group: Result<Vec<Masked>> = self.windows.by_ref().take(self.size).collect();
        match group {
            Ok(group) if group.is_empty() => None,
            group => Some(group),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_whole_groups_that_follow_each_other() {
        for (windows, group, count) in [(100, 7, 3), (5, 4, 9), (0, 4, 2), (512, 512, 1)] {
            let mut next = 0;
            for index in 1..=count {
                let rows = rows_of_shard(Shard { index, count }, windows, group);
                assert_eq!(rows.start, next);
                assert!(rows.end == windows || rows.end.is_multiple_of(group));
                next = rows.end;
            }
            assert_eq!(next, windows);
        }
    }
}
