//! The second pass: the rows of the chosen windows, and nothing else.

use std::collections::{BTreeMap, HashMap};

use readlens_fault::{InputFault, Result};
use readlens_tables::Reader;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Method, Name, Operator, Over, Ranks, Removal};
use readlens_text::Intervals;

use crate::config::Inputs;
use crate::enrichment::Enrichment;
use crate::metrics_table::mask_order;
use crate::sequence::Layout;
use crate::shape::{Masks, check_values};
use crate::survey::Survey;
use crate::windows::fingerprint;

/// Id and window.
type Key = (String, u32);

/// What the classifier said about a window.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    /// None where it is too improbable to be named.
    pub(crate) taxon: Option<String>,
    /// Probability of the taxon, or the confidence that the table of predictions has.
    pub(crate) probability: f32,
}

/// One mask of a shown window, base by base in source orientation.
#[derive(Clone, Debug)]
pub(crate) struct ShownMask {
    pub(crate) ranks: Ranks,
    pub(crate) area: f32,
    /// Fraction of the tokens in the hard mask.
    pub(crate) hard_area: f64,
    pub(crate) values: Vec<f32>,
    /// Whether a token of the hard mask covers the base.
    pub(crate) kept: Vec<bool>,
}

/// One window of the gallery.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) row: TokenRow,
    /// Letters from `row.start` to `row.end`.
    pub(crate) letters: Vec<u8>,
    pub(crate) masks: Vec<ShownMask>,
    /// By rank, of the table of predictions.
    named: HashMap<Name, Prediction>,
    /// By operator, what its mask explains (none without mask), and rank.
    predictions: HashMap<(Operator, Option<Ranks>, Name), Prediction>,
    layout: Layout,
}

impl Shown {
    /// What was predicted at `rank` under `operator`, with the mask of all ranks or of this one.
    pub(crate) fn prediction(&self, operator: Operator, rank: &Name) -> Option<&Prediction> {
        if operator == Operator::Unmasked
            && let Some(named) = self.named.get(rank)
        {
            return Some(named);
        }
        let masks = [Some(Ranks::All), Some(Ranks::One(rank.clone())), None];
        masks.into_iter().find_map(|mask| self.predictions.get(&(operator, mask, rank.clone())))
    }
}

/// The chosen windows, and what was found in the tables on the way to them.
#[derive(Debug, Default)]
pub(crate) struct Gallery {
    /// By lineage, id and window.
    pub(crate) windows: Vec<Shown>,
    /// Only with both bases and intervals.
    pub(crate) enrichment: Option<Enrichment>,
    /// Ranks that are predicted, in file order.
    pub(crate) predicted: Vec<Name>,
}

impl Gallery {
    /// Reads every table once more and keeps the rows of the windows in `masks.chosen`.
    ///
    /// # Errors
    /// A table cannot be read, a row names a window that the tokens table has not, or two tables
    /// disagree about a window.
    pub(crate) fn of(
        inputs: &Inputs,
        survey: &Survey,
        masks: &Masks,
        over: Option<Over>,
        intervals: Option<&Intervals>,
    ) -> Result<Self> {
        let mut shown = chosen_windows(inputs, survey, &masks.chosen)?;
        let method = masks.method.as_ref();
        add_masks(inputs, method, &mut shown)?;
        let mut gallery = Self::default();
        if inputs.bases.is_some() {
            gallery.add_bases(inputs, survey, method, over, intervals, &mut shown)?;
        }
        if inputs.perturbations.is_some() {
            gallery.add_predictions(inputs, survey, method, &mut shown)?;
        }
        if inputs.predictions.is_some() {
            gallery.add_names(inputs, &mut shown)?;
        }
        gallery.windows = shown.into_values().collect();
        for window in &mut gallery.windows {
            window
                .masks
                .sort_by_cached_key(|m| (mask_order(&m.ranks, &survey.ranks), m.ranks.clone()));
        }
        // By lineage, with unknown taxa last; the map has sorted by id and window.
        gallery.windows.sort_by_cached_key(|window| {
            let taxa = window.row.taxa.iter();
            taxa.map(|taxon| (taxon.is_none(), taxon.clone())).collect::<Vec<_>>()
        });
        Ok(gallery)
    }

    fn add_bases(
        &mut self,
        inputs: &Inputs,
        survey: &Survey,
        method: Option<&Method>,
        over: Option<Over>,
        intervals: Option<&Intervals>,
        shown: &mut BTreeMap<Key, Shown>,
    ) -> Result<()> {
        let Some(path) = &inputs.bases else { return Ok(()) };
        let mut reader = Reader::<BaseRow>::open(path)?;
        let mut enrichment = Enrichment::default();
        while let Some(row) = reader.next() {
            let row = row?;
            let entry = survey.index.find(&row.id, row.window, || reader.fault())?;
            check_values(&row.mask, || reader.fault())?;
            if row.end.checked_sub(row.start).map(|n| n as usize) != Some(row.mask.len()) {
                return Err(reader
                    .fault()
                    .expected(format!("one value per base of {} to {}", row.start, row.end))
                    .found(format!("{} values", row.mask.len()))
                    .remedy("write the bases table again")
                    .into());
            }
            let mask = row.name();
            if Some(&mask.method) != method {
                continue;
            }
            if over.is_none_or(|over| over == Over::of(entry.split))
                && let Some(intervals) = intervals.and_then(|intervals| intervals.of(&row.id))
            {
                enrichment.add(&mask.ranks, row.start, &row.mask, intervals);
            }
            let key = (row.id, row.window);
            let Some(window) = shown.get_mut(&key) else { continue };
            if (window.row.start, window.row.end) != (row.start, row.end) {
                return Err(reader
                    .fault()
                    .expected(format!(
                        "bases {} to {}, as in the tokens table",
                        window.row.start, window.row.end
                    ))
                    .found(format!("{} to {}", row.start, row.end))
                    .remedy("pass tables that were made from the same tokens")
                    .into());
            }
            if let Some(shown) = window.masks.iter_mut().find(|shown| shown.ranks == mask.ranks) {
                shown.values = row.mask;
            }
        }
        if inputs.intervals.is_some() {
            self.enrichment = Some(enrichment);
        }
        Ok(())
    }

    fn add_predictions(
        &mut self,
        inputs: &Inputs,
        survey: &Survey,
        method: Option<&Method>,
        shown: &mut BTreeMap<Key, Shown>,
    ) -> Result<()> {
        let Some(path) = &inputs.perturbations else { return Ok(()) };
        let mut reader = Reader::<PerturbationRow>::open(path)?;
        while let Some(row) = reader.next() {
            let row = row?;
            survey.index.find(&row.id, row.window, || reader.fault())?;
            let mask = row.mask_name();
            let is_shown = mask.as_ref().is_none_or(|mask| Some(&mask.method) == method);
            if !self.predicted.contains(&row.rank) {
                self.predicted.push(row.rank.clone());
            }
            // Operators at several shares, other removals and foreign operators have no place among
            // one window's predictions.
            let Some(operator) = row.operator.known() else { continue };
            if !is_shown || row.share.is_some() || row.removal != Removal::Own {
                continue;
            }
            let key = (row.id, row.window);
            let Some(window) = shown.get_mut(&key) else { continue };
            let prediction =
                Prediction { taxon: Some(row.predicted), probability: row.p_predicted };
            window
                .predictions
                .insert((operator, mask.map(|mask| mask.ranks), row.rank), prediction);
        }
        Ok(())
    }
}

impl Gallery {
    /// Adds the names of the table of predictions, whose rows were checked when they were counted.
    fn add_names(&mut self, inputs: &Inputs, shown: &mut BTreeMap<Key, Shown>) -> Result<()> {
        let Some(path) = &inputs.predictions else { return Ok(()) };
        for row in Reader::<PredictionRow>::open(path)? {
            let row = row?;
            if !self.predicted.contains(&row.rank) {
                self.predicted.push(row.rank.clone());
            }
            let Some(window) = row.window.and_then(|window| shown.get_mut(&(row.id, window)))
            else {
                continue;
            };
            let named = Prediction { taxon: row.taxon, probability: row.confidence };
            window.named.insert(row.rank, named);
        }
        Ok(())
    }
}

/// The rows of the tokens table with the fingerprints `chosen` (sorted).
fn chosen_windows(
    inputs: &Inputs,
    survey: &Survey,
    chosen: &[u64],
) -> Result<BTreeMap<Key, Shown>> {
    let mut shown = BTreeMap::new();
    let mut reader = Reader::<TokenRow>::open(&inputs.tokens)?;
    while let Some(row) = reader.next() {
        let row = row?;
        if chosen.binary_search(&fingerprint(&row.id, row.window)).is_err() {
            continue;
        }
        let layout = Layout::of(&survey.tokenization, &row, || reader.fault())?;
        let letters = layout.letters(&row.tokens, || reader.fault())?;
        let key = (row.id.clone(), row.window);
        let (masks, named, predictions) = (Vec::new(), HashMap::new(), HashMap::new());
        let window = Shown { row, letters, masks, named, predictions, layout };
        if shown.insert(key, window).is_some() {
            return Err(twice(reader.fault()));
        }
    }
    Ok(shown)
}

fn add_masks(
    inputs: &Inputs,
    method: Option<&Method>,
    shown: &mut BTreeMap<Key, Shown>,
) -> Result<()> {
    let mut reader = Reader::<MaskRow>::open_shown(&inputs.masks)?;
    while let Some(row) = reader.next() {
        let row = row?;
        let mask = row.name();
        if Some(&mask.method) != method {
            continue;
        }
        let key = (row.id, row.window);
        let Some(window) = shown.get_mut(&key) else { continue };
        if row.mask.len() != window.layout.tokens() {
            return Err(reader
                .fault()
                .expected(format!("{} values, one per token of the window", window.layout.tokens()))
                .found(format!("{} values", row.mask.len()))
                .remedy("pass the tokens table that the masks were made from")
                .into());
        }
        if window.masks.iter().any(|shown| shown.ranks == mask.ranks) {
            return Err(twice(reader.fault()));
        }
        let hard: Vec<f32> = row.hard.iter().map(|kept| f32::from(u8::from(*kept))).collect();
        window.masks.push(ShownMask {
            hard_area: hard.iter().map(|h| f64::from(*h)).sum::<f64>() / hard.len().max(1) as f64,
            kept: window.layout.spread(&hard).into_iter().map(|share| share > 0.0).collect(),
            values: window.layout.spread(&row.mask),
            ranks: mask.ranks,
            area: row.area,
        });
    }
    Ok(())
}

fn twice(fault: InputFault) -> readlens_fault::Fault {
    fault
        .expected("every window once")
        .found("this one again")
        .remedy("drop one of them; if two records of the tokens share an id, tokenize them again")
        .into()
}
