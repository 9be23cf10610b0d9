//! Temperatures that make the probabilities of the predictions those of being right.

use std::collections::HashMap;
use std::path::Path;

use readlens_batch::{Model, Shard, WindowStream, check_lengths, most_likely};
use readlens_fault::{Fault, Place, Result};
use readlens_linear::Scores;
use readlens_nn::RankClasses;
use readlens_stage::{Context, in_order};
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;
use serde::{Deserialize, Serialize};

use crate::answer::at;
use crate::bins::{Bin, Bins};
use crate::predictor::say;
use crate::records::Record;

/// Most numbers of 32 bits that are kept to fit on, of windows: 256 MiB.
const MOST_NUMBERS: usize = 1 << 26;

/// How confidence is made of probabilities, and what that is worth; by rank.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// For single windows.
    pub windows: Vec<Figures>,
    /// For records. Merged predictions are surer of themselves, or less sure, than single ones.
    pub records: Vec<Figures>,
}

/// The temperature of one rank.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Name of the rank.
    pub rank: String,
    /// What log-probabilities are divided by, 0.001 to 1000.
    pub temperature: f64,
    /// Windows, or records, with a label at the rank.
    pub labelled: u64,
    /// Expected calibration error of the probabilities, 0 to 1, in 15 bins of equal width; none
    /// where nothing is labelled.
    pub error_before: Option<f64>,
    /// The same of the confidence, where each half of the records has the temperature of the other
    /// half; none where one half has no label.
    pub error_after: Option<f64>,
    /// What `error_before` is made of: the bins that have predictions, of the probabilities.
    pub bins_before: Vec<Bin>,
    /// What `error_after` is made of; empty where it is none.
    pub bins_after: Vec<Bin>,
}

/// What is known of the taxon at a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Missing,
    /// None of the classifier's taxa: no prediction is right.
    Stranger,
    Class(u32),
}

/// Labelled predictions of one rank.
#[derive(Clone, Debug, Default)]
struct Examples {
    classes: usize,
    /// Log-probabilities, one after the other.
    values: Vec<f32>,
    labels: Vec<Label>,
    /// In which half of the records each is.
    halves: Vec<bool>,
}

/// A window to fit on.
struct Window {
    /// Ordinal of its record among those to fit on.
    record: u64,
    row: TokenRow,
    log_p: Vec<Vec<f64>>,
}

impl Calibration {
    /// Fits temperatures on the labelled windows of the split valid of `tokens`, or on those of
    /// every m-th record where there are too many.
    ///
    /// # Errors
    /// The table cannot be read, no window of the split has a label at a rank of the classifier,
    /// or the user interrupts.
    pub(crate) fn fit(model: &dyn Model, tokens: &Path, context: &Context) -> Result<Self> {
        let ranks = model.ranks();
        let labels = Labels::new(Reader::<TokenRow>::open(tokens)?.ranks(), ranks);
        let most = model.max_tokens();
        check_lengths(tokens, Shard::WHOLE, most, |_, row| labels.is_labelled(row))?;
        let mut windows = 0usize;
        for row in Reader::<TokenRow>::open(tokens)? {
            windows += usize::from(labels.is_labelled(&row?));
        }
        if windows == 0 {
            return Err(Fault::input(tokens)
                .at(Place::Part("taxa".to_owned()))
                .expected("windows of the split valid with a label at a rank of the classifier")
                .found("none")
                .remedy("pass the table that the classifier was trained on, or leave it out")
                .into());
        }
        let taxa: usize = ranks.iter().map(|rank| rank.taxa.len()).sum();
        let step = (windows * taxa).div_ceil(MOST_NUMBERS).max(1) as u64;
        let examples = || {
            ranks.iter().map(|rank| Examples { classes: rank.taxa.len(), ..Examples::default() })
        };
        let mut of_windows: Vec<Examples> = examples().collect();
        let mut of_records: Vec<Examples> = examples().collect();
        let mut open: Option<(u64, Record, Vec<Label>)> = None;
        let mut end = |record: Option<(u64, Record, Vec<Label>)>| {
            let Some((ordinal, record, labels)) = record else { return };
            let log_p = record.log_probabilities(model.shape());
            push(&mut of_records, ordinal, &log_p, &labels);
        };
        let progress = context.progress("calibration", windows as u64);
        let predict = |rows: Vec<(u64, TokenRow)>| {
            context.check_interrupt("nothing was written; run the same command again")?;
            let (records, rows): (Vec<u64>, Vec<TokenRow>) = rows.into_iter().unzip();
            let said = say(model, &rows)?;
            let of_window = |((record, row), log_p)| Window { record, row, log_p };
            let log_p = said.iter().map(|said| said.log_p());
            Ok(records.into_iter().zip(rows).zip(log_p).map(of_window).collect::<Vec<_>>())
        };
        let chosen = chosen(WindowStream::open(tokens, Shard::WHOLE)?, &labels, step);
        in_order(model.at_once(), chosen, predict, |windows| {
            progress.advance(step * windows.len() as u64);
            for Window { record, row, log_p } in windows {
                let known = labels.of(&row);
                push(&mut of_windows, record, &log_p, &known);
                if open.as_ref().is_none_or(|(ordinal, ..)| *ordinal != record) {
                    end(open.take());
                    open = Some((record, Record::new(&row, ranks), known));
                }
                if let Some((_, record, _)) = &mut open {
                    record.add(&row, &log_p, std::iter::empty());
                }
            }
            Ok(())
        })?;
        end(open.take());
        drop(progress);
        let figures = |examples: &[Examples]| {
            let of_rank =
                |(examples, rank): (&Examples, &RankClasses)| examples.figures(&rank.rank);
            examples.iter().zip(ranks).map(of_rank).collect()
        };
        Ok(Self { windows: figures(&of_windows), records: figures(&of_records) })
    }

    /// Says what it found.
    pub(crate) fn log(&self) {
        for (of, figures) in [("windows", &self.windows), ("records", &self.records)] {
            for Figures { rank, temperature, labelled, error_before, error_after, .. } in figures {
                let shown = |error: &Option<f64>| {
                    error.map_or("not known".to_owned(), |error| format!("{error:.3}"))
                };
                tracing::info!(
                    "{rank} of {of}: temperature {temperature:.3} from {labelled} of the split \
                     valid, calibration error {} before and {} after",
                    shown(error_before),
                    shown(error_after)
                );
            }
        }
    }
}

/// Where the labels of the classifier's ranks stand.
struct Labels<'a> {
    /// Column of each rank, where there is one, and its taxa.
    ranks: Vec<(Option<usize>, HashMap<&'a str, u32>)>,
}

impl<'a> Labels<'a> {
    fn new(columns: &[String], ranks: &'a [RankClasses]) -> Self {
        let of_rank = |rank: &'a RankClasses| {
            let column = columns.iter().position(|column| *column == rank.rank);
            (column, rank.taxa.iter().map(String::as_str).zip(0..).collect())
        };
        Self { ranks: ranks.iter().map(of_rank).collect() }
    }

    fn of(&self, row: &TokenRow) -> Vec<Label> {
        let of_rank = |(column, classes): &(Option<usize>, HashMap<&str, u32>)| match column
            .and_then(|column| row.taxa[column].as_deref())
        {
            None => Label::Missing,
            Some(taxon) => classes.get(taxon).map_or(Label::Stranger, |c| Label::Class(*c)),
        };
        self.ranks.iter().map(of_rank).collect()
    }

    /// Whether a window can be learned from.
    fn is_labelled(&self, row: &TokenRow) -> bool {
        row.split == Some(Split::Valid) && self.of(row).iter().any(|l| *l != Label::Missing)
    }
}

/// The labelled windows of every `step`-th record of the split valid, with the record's ordinal
/// among these, chunk by chunk.
fn chosen(
    stream: WindowStream,
    labels: &Labels<'_>,
    step: u64,
) -> impl Iterator<Item = Result<Vec<(u64, TokenRow)>>> + Send {
    let mut last: Option<String> = None;
    let mut ordinal = 0u64;
    stream.map(move |chunk| {
        let mut rows = Vec::new();
        for row in chunk?.rows.into_iter().filter(|row| labels.is_labelled(row)) {
            if last.as_ref() != Some(&row.id) {
                ordinal += u64::from(last.is_some());
                last = Some(row.id.clone());
            }
            if ordinal.is_multiple_of(step) {
                rows.push((ordinal / step, row));
            }
        }
        Ok(rows)
    })
}

fn push(examples: &mut [Examples], record: u64, log_p: &[Vec<f64>], labels: &[Label]) {
    for ((examples, log_p), label) in examples.iter_mut().zip(log_p).zip(labels) {
        if *label != Label::Missing {
            examples.values.extend(log_p.iter().map(|log_p| *log_p as f32));
            examples.labels.push(*label);
            examples.halves.push(record.is_multiple_of(2));
        }
    }
}

impl Examples {
    fn figures(&self, rank: &str) -> Figures {
        let temperature = self.temperature(None);
        let halves = [true, false].map(|half| self.halves.contains(&half));
        // Each half is judged with what the other half taught.
        let others = || [Some(false), Some(true)].map(|half| self.temperature(half));
        let after = halves.iter().all(|is_there| *is_there).then(|| {
            let [of_first, of_second] = others();
            self.bins(|is_first| if is_first { of_first } else { of_second })
        });
        let before = self.bins(|_| 1.0);
        Figures {
            rank: rank.to_owned(),
            temperature,
            labelled: self.labels.len() as u64,
            error_before: before.error(),
            error_after: after.and_then(|bins| bins.error()),
            bins_before: before.filled(),
            bins_after: after.map_or_else(Vec::new, |bins| bins.filled()),
        }
    }

    /// The temperature of all, or of one half.
    fn temperature(&self, half: Option<bool>) -> f64 {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (place, label) in self.labels.iter().enumerate() {
            let is_chosen = half.is_none_or(|half| self.halves[place] == half);
            if let (Label::Class(class), true) = (label, is_chosen) {
                labels.push(*class);
                values.extend_from_slice(self.log_p(place));
            }
        }
        let classes = self.classes;
        Scores { values: &values, components: 1, classes, labels: &labels }.temperature()
    }

    /// How often the predictions are right, by their probability at the temperature of each half.
    fn bins(&self, temperature: impl Fn(bool) -> f64) -> Bins {
        let mut bins = Bins::default();
        for (place, label) in self.labels.iter().enumerate() {
            let class = most_likely(self.log_p(place));
            let log_p: Vec<f64> = self.log_p(place).iter().map(|x| f64::from(*x)).collect();
            let p = at(&log_p, class, temperature(self.halves[place]));
            bins.add(p, *label == Label::Class(class as u32));
        }
        bins
    }

    fn log_p(&self, place: usize) -> &[f32] {
        &self.values[place * self.classes..][..self.classes]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// Two taxa, always predicted with `p`; right in three of four, in either half of the records.
    fn examples(p: f64) -> Examples {
        let mut examples = vec![Examples { classes: 2, ..Examples::default() }];
        let log_p = [vec![p.ln(), (1.0 - p).ln()]];
        for record in 0..80 {
            let label = Label::Class(u32::from(record % 8 >= 6));
            push(&mut examples, record, &log_p, &[label]);
        }
        examples.remove(0)
    }

    #[test]
    fn the_temperature_makes_probabilities_those_of_being_right() {
        for p in [0.6, 0.75, 0.9, 0.999] {
            let figures = examples(p).figures("genus");
            // Odds of 3 to 1.
            let expected = (p / (1.0 - p)).ln() / 3f64.ln();
            assert!((figures.temperature - expected).abs() < 1e-4 * expected, "{p}: {figures:?}");
            assert!((figures.error_before.unwrap() - (0.75 - p).abs()).abs() < 1e-6, "{figures:?}");
            assert!(figures.error_after.unwrap() < 1e-4, "{figures:?}");
            assert_eq!(figures.labelled, 80);
            let [before] = figures.bins_before.as_slice() else { panic!("{figures:?}") };
            assert!((before.probability - p).abs() < 1e-6 && before.accuracy == 0.75);
            let [after] = figures.bins_after.as_slice() else { panic!("{figures:?}") };
            assert!((after.probability - 0.75).abs() < 1e-4 && after.predictions == 80);
        }
    }

    #[test]
    fn a_label_that_the_classifier_does_not_know_is_wrong_and_teaches_nothing() {
        let mut known = examples(0.75);
        let temperature = known.figures("genus").temperature;
        let log_p = [vec![0.75f64.ln(), 0.25f64.ln()]];
        for record in 0..80 {
            push(std::slice::from_mut(&mut known), record, &log_p, &[Label::Stranger]);
            push(std::slice::from_mut(&mut known), record, &log_p, &[Label::Missing]);
        }
        let figures = known.figures("genus");
        assert_eq!((figures.temperature, figures.labelled), (temperature, 160));
        // Of 160 half are right three times in four, and the other half never.
        assert!((figures.error_before.unwrap() - 0.375).abs() < 1e-6, "{figures:?}");
    }

    #[test]
    fn nothing_is_said_of_what_was_not_seen() {
        let nothing = Examples { classes: 3, ..Examples::default() }.figures("genus");
        assert_eq!((nothing.temperature, nothing.error_before), (1.0, None));
        let mut one = vec![Examples { classes: 2, ..Examples::default() }];
        push(&mut one, 0, &[vec![0.5f64.ln(); 2]], &[Label::Class(0)]);
        assert_eq!(one[0].figures("genus").error_after, None);
    }
}
