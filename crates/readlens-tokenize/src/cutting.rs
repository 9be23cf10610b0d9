use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use rayon::prelude::*;
use readlens_fault::Result;
use readlens_frame::FrameOptions;
use readlens_tables::vocabulary::Split;
use readlens_tables::{ROW_GROUP_ITEMS, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES};

use crate::config::{Config, Splits};
use crate::frames::Frames;
use crate::reading::{Batch, Known};
use crate::summary::{Examples, SplitSummary};
use crate::taxonomy::Taxonomy;
use crate::windows::{Strand, Window};

/// The windows of one row group, in the order of the table.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub parts: Vec<Part>,
    /// Bytes of the inputs that have been dealt with since the last group, as they are on disk.
    pub raw_bytes: u64,
    rows: usize,
    tokens: usize,
    /// Bytes of the identifiers, one a row.
    text_bytes: usize,
}

/// Windows of one batch.
#[derive(Debug)]
pub(crate) struct Part {
    pub batch: Arc<Batch>,
    pub jobs: Vec<Job>,
}

/// A window to encode.
#[derive(Debug)]
pub(crate) struct Job {
    /// Place of the record in its batch.
    pub record: usize,
    pub window: Window,
    pub split: Option<Split>,
}

impl Group {
    fn push(&mut self, batch: &Arc<Batch>, job: Job, tokens: usize) {
        self.rows += 1;
        self.tokens += tokens;
        self.text_bytes += batch.records[job.record].record.id.len();
        match self.parts.last_mut() {
            Some(part) if Arc::ptr_eq(&part.batch, batch) => part.jobs.push(job),
            _ => self.parts.push(Part { batch: Arc::clone(batch), jobs: vec![job] }),
        }
    }

    /// Whether the rows fill a row group, as the table's writer counts. Identifiers are its longest
    /// column of texts: names of taxa are shorter and stand there once.
    fn is_full(&self) -> bool {
        self.rows >= ROW_GROUP_ROWS
            || self.tokens >= ROW_GROUP_ITEMS
            || self.text_bytes >= ROW_GROUP_TEXT_BYTES
    }
}

/// What became of the records.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub records: u64,
    pub skipped: BTreeMap<&'static str, Examples>,
    pub windows: u64,
    /// Windows by what became of their reading frames.
    pub frames: FrameCounts,
    pub splits: BTreeMap<&'static str, SplitSummary>,
    /// Different taxa, and records that have one, at each rank.
    pub taxa: Vec<HashSet<u32>>,
    pub records_with_taxon: Vec<u64>,
}

/// Windows whose frames were looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameCounts {
    pub forward: u64,
    pub reverse: u64,
    pub not_found: u64,
    pub too_short: u64,
    /// Windows whose frame is clear by the usual gap and all windows, of the split train and of the
    /// others.
    of_train: [u64; 2],
    of_others: [u64; 2],
}

/// Windows of a split from which a share of them says something.
const ENOUGH_WINDOWS: u64 = 20;
/// By how much more of the windows that a model was learned from may have a clear frame than of
/// the others.
const LARGEST_LEAD: f64 = 0.1;

impl FrameCounts {
    /// Shares of windows with a clear frame, of the split train and of the others, where a model
    /// that was learned from train finds far more of those, and not by chance: it knows them by
    /// heart.
    pub(crate) fn by_heart(&self) -> Option<(f64, f64)> {
        let share = |[clear, all]: [u64; 2]| {
            let share = clear as f64 / all as f64;
            (all >= ENOUGH_WINDOWS).then_some((share, share * (1.0 - share) / all as f64))
        };
        let ((train, a), (others, b)) = (share(self.of_train)?, share(self.of_others)?);
        // Two standard errors of the difference.
        let chance = 2.0 * (a + b).sqrt();
        (train > others + LARGEST_LEAD + chance).then_some((train, others))
    }

    fn add(&mut self, window: &Window, split: Option<Split>) {
        let of_split = match split {
            Some(Split::Train) => &mut self.of_train,
            _ => &mut self.of_others,
        };
        let usual = FrameOptions::default().least_gap;
        of_split[0] += u64::from(window.gap.is_some_and(|gap| f64::from(gap) >= usual));
        of_split[1] += 1;
        let count = match (window.phase, window.strand, window.gap) {
            (Some(_), Strand::Forward, _) => &mut self.forward,
            (Some(_), Strand::Reverse, _) => &mut self.reverse,
            (None, _, Some(_)) => &mut self.not_found,
            (None, _, None) => &mut self.too_short,
        };
        *count += 1;
    }
}

/// Cuts records into windows and these into row groups, in order.
pub(crate) struct Cutting<'a> {
    config: &'a Config,
    seed: u64,
    taxonomy: Option<&'a Taxonomy>,
    frames: Option<&'a Frames>,
    kept: Kept,
}

impl<'a> Cutting<'a> {
    pub(crate) fn new(
        config: &'a Config,
        seed: u64,
        taxonomy: Option<&'a Taxonomy>,
        frames: Option<&'a Frames>,
    ) -> Self {
        let ranks = config.ranks().len();
        let kept = Kept {
            taxa: vec![HashSet::new(); ranks],
            records_with_taxon: vec![0; ranks],
            ..Kept::default()
        };
        Self { config, seed, taxonomy, frames, kept }
    }

    /// Turns `batches` into `groups`; ends quietly if nobody takes them any more.
    ///
    /// # Errors
    /// A record holds a byte that has no place in a sequence.
    pub(crate) fn run(
        mut self,
        batches: Receiver<Batch>,
        groups: &SyncSender<Group>,
    ) -> Result<Kept> {
        let tokenization = &self.config.tokenization;
        let mut group = Group::default();
        for batch in batches {
            let batch = Arc::new(batch);
            group.raw_bytes += batch.raw_bytes;
            let oriented = self.oriented(&batch)?;
            for (record, known) in batch.records.iter().enumerate() {
                let split = split_of(self.config, self.seed, self.taxonomy, known);
                let mut windows = 0;
                let cut: Box<dyn Iterator<Item = Window>> = match oriented.get(record) {
                    Some(windows) => Box::new(windows.iter().copied()),
                    None => Box::new(self.cut(known)),
                };
                for window in cut {
                    if self.frames.is_some() {
                        self.kept.frames.add(&window, split);
                    }
                    let tokens = tokenization.most_tokens((window.end - window.start) as usize)
                        + usize::from(tokenization.cls);
                    windows += 1;
                    group.push(&batch, Job { record, window, split }, tokens);
                    if group.is_full() && groups.send(std::mem::take(&mut group)).is_err() {
                        return Ok(self.kept);
                    }
                }
                self.count(known, split, windows);
            }
        }
        if group.rows > 0 {
            // Without a taker there is a fault elsewhere.
            let _ = groups.send(group);
        }
        Ok(self.kept)
    }

    fn cut(&self, known: &Known) -> impl Iterator<Item = Window> + use<> {
        // A record has fewer than 2^31 bases: the reader has seen to it.
        self.config.windows.cut(&self.config.tokenization, known.record.bases.len() as u32)
    }

    /// The windows of each record in their reading frames; nothing where frames are not looked for.
    /// Whether a window has enough tokens is decided before it is trimmed, for all frames alike.
    fn oriented(&self, batch: &Batch) -> Result<Vec<Vec<Window>>> {
        let Some(frames) = self.frames else { return Ok(Vec::new()) };
        let of_record = |known: &Known| -> Result<Vec<Window>> {
            self.cut(known).map(|window| frames.orient(&known.record.bases, window)).collect()
        };
        batch.records.par_iter().map(of_record).collect()
    }

    fn count(&mut self, known: &Known, split: Option<Split>, windows: u64) {
        if windows == 0 {
            let reason = if known.record.bases.is_empty() { "empty" } else { "too_short" };
            self.kept.skipped.entry(reason).or_default().add(&known.record.id);
            return;
        }
        self.kept.records += 1;
        self.kept.windows += windows;
        let of_split = self.kept.splits.entry(split_name(split)).or_default();
        of_split.records += 1;
        of_split.windows += windows;
        if let (Some(taxonomy), Some(row)) = (self.taxonomy, known.row) {
            for (rank, taxa) in self.kept.taxa.iter_mut().enumerate() {
                if let Some(taxon) = taxonomy.taxon_number(row, rank) {
                    taxa.insert(taxon);
                    self.kept.records_with_taxon[rank] += 1;
                }
            }
        }
    }
}

/// The split that a record belongs to.
pub(crate) fn split_of(
    config: &Config,
    seed: u64,
    taxonomy: Option<&Taxonomy>,
    known: &Known,
) -> Option<Split> {
    let of_row = known.row.and_then(|row| Some((taxonomy?, row)));
    match &config.splits {
        Splits::Unassigned => None,
        Splits::Column(_) => of_row.and_then(|(taxonomy, row)| taxonomy.split(row)),
        Splits::Hash { fractions, .. } => {
            let group = of_row.and_then(|(taxonomy, row)| taxonomy.group(row));
            Some(fractions.split_of(seed, group.unwrap_or(known.name())))
        }
    }
}

/// Name of a split in the summary.
fn split_name(split: Option<Split>) -> &'static str {
    split.map_or("unassigned", Split::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_knows_its_windows_by_heart_is_noticed() {
        let of = |of_train, of_others| {
            FrameCounts { of_train, of_others, ..FrameCounts::default() }.by_heart()
        };
        // Half of 240 windows and one of 160.
        assert_eq!(of([120, 240], [1, 160]), Some((0.5, 1.0 / 160.0)));
        // As many, a few more, too few to say, and more that may be by chance.
        assert_eq!(of([120, 240], [80, 160]), None);
        assert_eq!(of([9510, 10_000], [9480, 10_000]), None);
        assert_eq!(of([120, 240], [0, 19]), None);
        assert_eq!(of([13, 20], [9, 20]), None);
    }
}
