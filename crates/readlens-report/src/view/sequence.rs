use readlens_tables::vocabulary::{Name, Operator};
use readlens_text::Interval;

use super::letters::{Line, MAX_LETTERS, lines};
use super::track::Track;
use crate::gallery::{Prediction, Shown};
use crate::text::{Label, count_of, percent, spaced, visible};

/// Operators whose predictions stand beside the label, with the heading of their column.
const SHOWN: [(Operator, &str); 3] = [
    (Operator::Unmasked, "Whole sequence"),
    (Operator::HardMasked, "Only the marked bases"),
    (Operator::HardInverse, "Marked bases hidden"),
];

/// How a prediction compares with the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// The label is unknown.
    Open,
}

/// One predicted taxon.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// None where the taxon is too improbable to be named.
    pub(crate) taxon: Option<Label>,
    pub(crate) probability: String,
    pub(crate) verdict: Verdict,
}

/// The lineage at one rank.
#[derive(Clone, Debug)]
pub(crate) struct RankRow {
    pub(crate) rank: String,
    pub(crate) label: Option<Label>,
    /// One per column of [`Card::columns`].
    pub(crate) answers: Vec<Option<Answer>>,
}

/// One window of the gallery.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) number: usize,
    pub(crate) id: Label,
    /// The finest label that is known.
    pub(crate) taxon: Option<Label>,
    /// The finest prediction for the whole window that has a name, or the finest.
    pub(crate) predicted: Option<Answer>,
    /// Whether a rank has a label.
    pub(crate) has_labels: bool,
    pub(crate) place: String,
    pub(crate) facts: Vec<String>,
    /// Headings of the predictions; empty where there are none.
    pub(crate) columns: Vec<&'static str>,
    pub(crate) ranks: Vec<RankRow>,
    /// Whether the whole sequence or its marked bases got a wrong name.
    pub(crate) has_wrong: bool,
    pub(crate) track: Option<Track>,
    /// Rank of the mask that colours the letters, where it is for one rank.
    pub(crate) letters_of: Option<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) is_too_long: bool,
    /// Lower-case text that the filter searches.
    pub(crate) search: String,
}

impl Card {
    pub(crate) fn of(number: usize, window: &Shown, ranks: &[Name], all: &[Interval]) -> Self {
        let row = &window.row;
        // A record may be far longer than the window and carry intervals elsewhere.
        let intervals: Vec<Interval> =
            all.iter().filter(|i| i.start < row.end && i.end > row.start).cloned().collect();
        let operators: Vec<_> = SHOWN
            .into_iter()
            .filter(|(operator, _)| ranks.iter().any(|r| window.prediction(*operator, r).is_some()))
            .collect();
        let rank_rows: Vec<RankRow> = ranks
            .iter()
            .enumerate()
            .map(|(place, rank)| {
                let label = row.taxa.get(place).and_then(Option::as_deref);
                let answers = operators.iter().map(|(operator, _)| {
                    let prediction = window.prediction(*operator, rank)?;
                    Some(answer(prediction, label))
                });
                let label = label.map(Label::new);
                RankRow { rank: spaced(rank), label, answers: answers.collect() }
            })
            .collect();
        let whole =
            || ranks.iter().rev().filter_map(|rank| window.prediction(Operator::Unmasked, rank));
        let predicted = whole().find(|said| said.taxon.is_some()).or_else(|| whole().next());
        let counts_as_wrong = |column: usize| operators[column].0 != Operator::HardInverse;
        let has_wrong = rank_rows.iter().any(|row| {
            row.answers.iter().enumerate().any(|(column, answer)| {
                counts_as_wrong(column)
                    && answer.as_ref().is_some_and(|a| a.verdict == Verdict::Wrong)
            })
        });
        // The finest rank's mask, or the only one.
        let coloured = window.masks.last();
        let is_too_long = window.letters.len() > MAX_LETTERS;
        let lines = match coloured {
            Some(mask) if !is_too_long => {
                lines(&window.letters, &mask.values, row.start, &intervals)
            }
            None if !is_too_long => lines(&window.letters, &[], row.start, &intervals),
            _ => Vec::new(),
        };
        Self {
            number,
            id: Label::new(&row.id),
            taxon: row.taxa.iter().rev().flatten().next().map(|taxon| Label::new(taxon)),
            predicted: predicted.map(|prediction| answer(prediction, None)),
            has_labels: row.taxa.iter().any(Option::is_some),
            place: place(window),
            facts: facts(window),
            columns: operators.iter().map(|(_, heading)| *heading).collect(),
            ranks: rank_rows,
            has_wrong,
            track: Track::of(window, &intervals),
            letters_of: coloured.and_then(|mask| mask.ranks.one()).map(|rank| spaced(rank)),
            lines,
            is_too_long,
            search: search(window, ranks),
        }
    }
}

fn answer(prediction: &Prediction, label: Option<&str>) -> Answer {
    let verdict = match (label, &prediction.taxon) {
        (None, _) | (_, None) => Verdict::Open,
        (Some(label), Some(taxon)) if label == taxon => Verdict::Right,
        (Some(_), Some(_)) => Verdict::Wrong,
    };
    let probability = percent(f64::from(prediction.probability));
    Answer { taxon: prediction.taxon.as_deref().map(Label::new), probability, verdict }
}

fn place(window: &Shown) -> String {
    let row = &window.row;
    let strand = if row.strand == "-" { ", read from the reverse strand" } else { "" };
    let (start, end) = (count_of(row.start.into()), count_of(row.end.into()));
    format!("window {}: bases {start}–{end}{strand}", row.window)
}

fn facts(window: &Shown) -> Vec<String> {
    let mut facts = vec![match window.row.split {
        Some(split) => format!("{split} split"),
        None => "no split".to_owned(),
    }];
    // With one mask per rank the areas stand beside the tracks.
    if let [mask] = window.masks.as_slice() {
        let (area, hard) = (percent(f64::from(mask.area)), percent(mask.hard_area));
        facts.push(format!("soft area {area}\u{a0}%, hard area {hard}\u{a0}%"));
    }
    facts
}

fn search(window: &Shown, ranks: &[Name]) -> String {
    let mut words = vec![visible(&window.row.id, 200)];
    words.extend(window.row.taxa.iter().flatten().map(|taxon| visible(taxon, 100)));
    let said = ranks.iter().filter_map(|rank| window.prediction(Operator::Unmasked, rank));
    words.extend(said.filter_map(|said| Some(visible(said.taxon.as_deref()?, 100))));
    words.dedup();
    words.join(" ").to_lowercase()
}
