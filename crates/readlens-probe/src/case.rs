use std::collections::HashMap;

use readlens_fault::Result;
use readlens_linear::{Examples, Fitting, LogisticRegression};

use crate::masks::Masks;

/// Examples of one step of the optimiser.
const BATCH: usize = 256;
/// Epochs, at least.
const EPOCHS: usize = 20;
/// First learning rate, for features of variance 1.
const RATE: f32 = 0.02;

/// Windows of one method and rank that teach and judge models of one rank of taxa.
#[derive(Debug)]
pub(crate) struct Case {
    /// Which masks.
    pub(crate) places: Vec<usize>,
    /// Class of each.
    pub(crate) classes: Vec<u32>,
    /// Half of each: 0 or 1.
    halves: Vec<u8>,
    /// Number of classes.
    pub(crate) count: usize,
    /// The most frequent class, the first by name of several.
    majority: u32,
}

/// Features of the windows of a case.
pub(crate) trait Features: Sync {
    /// Features of a window.
    fn width(&self) -> usize;

    /// Draws of every window, where chance has a part in what is seen of it.
    fn draws(&self) -> usize {
        1
    }

    /// Overwrites `features` by those of a window, by its place in the case, in one of its draws.
    fn write(&self, window: usize, draw: usize, features: &mut [f32]);
}

impl Case {
    /// The windows whose taxon has `min_records` records or more in each half; `half` is that of
    /// each record, `name` that of a taxon.
    pub(crate) fn new<'n>(
        masks: &Masks,
        (rank, ranks): (usize, usize),
        half: &[u8],
        min_records: u32,
        name: impl Fn(u32) -> &'n str,
    ) -> Self {
        let taxon = |place: usize| masks.taxa[place * ranks + rank];
        let half = |place: usize| half[masks.records[place] as usize];
        // Records of each taxon in each half; windows of a record come one after another.
        let mut records: HashMap<u32, ([u32; 2], u32)> = HashMap::new();
        let mut last: HashMap<u32, u32> = HashMap::new();
        for (place, &record) in masks.records.iter().enumerate() {
            let Some(taxon) = taxon(place) else { continue };
            let (counts, windows) = records.entry(taxon).or_default();
            *windows += 1;
            if last.insert(taxon, record) != Some(record) {
                counts[usize::from(half(place))] += 1;
            }
        }
        let is_kept = |(counts, _): &([u32; 2], u32)| counts.iter().all(|&n| n >= min_records);
        let mut kept: Vec<(u32, u32)> = records
            .iter()
            .filter(|(_, of)| is_kept(of))
            .map(|(&taxon, of)| (taxon, of.1))
            .collect();
        kept.sort_unstable_by_key(|(taxon, _)| name(*taxon));
        let most = kept.iter().map(|(_, windows)| *windows).max();
        let majority = kept.iter().position(|(_, windows)| Some(*windows) == most).unwrap_or(0);
        let class: HashMap<u32, u32> = kept.iter().map(|(taxon, _)| *taxon).zip(0..).collect();
        let mut case = Self {
            places: Vec::new(),
            classes: Vec::new(),
            halves: Vec::new(),
            count: kept.len(),
            majority: majority as u32,
        };
        for place in 0..masks.records.len() {
            if let Some(&class) = taxon(place).and_then(|taxon| class.get(&taxon)) {
                case.places.push(place);
                case.classes.push(class);
                case.halves.push(half(place));
            }
        }
        case
    }

    /// The windows of the half that teaches, or of the other one.
    pub(crate) fn half(&self, taught: u8, teaches: bool) -> Vec<usize> {
        let is_of = |&window: &usize| (self.halves[window] == taught) == teaches;
        (0..self.places.len()).filter(is_of).collect()
    }

    /// Whether each window is of the most frequent class.
    pub(crate) fn majority(&self) -> Vec<bool> {
        self.classes.iter().map(|&class| class == self.majority).collect()
    }

    /// A model of all draws of the half `taught`, after `steps` steps or a few more; `watch` is
    /// told the share that is done.
    pub(crate) fn teach(
        &self,
        taught: u8,
        features: &impl Features,
        (steps, seed): (usize, u64),
        watch: impl FnMut(f64) -> Result<()>,
    ) -> Result<LogisticRegression> {
        let train =
            Chosen { draws: features.draws(), ..self.examples(features, self.half(taught, true)) };
        let none = self.examples(features, Vec::new());
        let epochs = steps.div_ceil(train.count().div_ceil(BATCH).max(1)).max(EPOCHS) as u32;
        let fitting = Fitting {
            epochs,
            patience: epochs,
            rate: RATE,
            penalty: 1.0 / train.count().max(1) as f32,
            seed,
        };
        Ok(LogisticRegression::fit(&train, &none, self.count, &fitting, watch)?.model)
    }

    /// Some windows as a linear model reads them, each in its first draw.
    pub(crate) fn examples<'a, F: Features>(
        &'a self,
        features: &'a F,
        chosen: Vec<usize>,
    ) -> Chosen<'a, F> {
        Chosen { case: self, features, chosen, draws: 1 }
    }
}

/// Some windows of a case.
pub(crate) struct Chosen<'a, F> {
    case: &'a Case,
    features: &'a F,
    chosen: Vec<usize>,
    draws: usize,
}

impl<F: Features> Examples for Chosen<'_, F> {
    fn count(&self) -> usize {
        self.chosen.len() * self.draws
    }

    fn features(&self) -> usize {
        self.features.width()
    }

    fn write(&self, example: usize, features: &mut [f32]) {
        self.features.write(self.chosen[example / self.draws], example % self.draws, features);
    }

    fn class(&self, example: usize) -> u32 {
        self.case.classes[self.chosen[example / self.draws]]
    }
}

/// Mean and reciprocal standard deviation of every feature.
pub(crate) struct Scale(Vec<(f32, f32)>);

impl Scale {
    pub(crate) fn of<'r>(width: usize, rows: impl Iterator<Item = &'r [f32]>) -> Self {
        let mut count = 0.0_f64;
        let mut sums = vec![(0.0_f64, 0.0_f64); width];
        for row in rows {
            count += 1.0;
            for ((sum, squares), &x) in sums.iter_mut().zip(row) {
                *sum += f64::from(x);
                *squares += f64::from(x) * f64::from(x);
            }
        }
        let scale = |(sum, squares): (f64, f64)| {
            let mean = sum / count;
            let variance = squares / count - mean * mean;
            // A feature that never changes tells nothing; rounding must not blow it up.
            let factor = if variance > 1e-10 { 1.0 / variance.sqrt() } else { 0.0 };
            (mean as f32, factor as f32)
        };
        Self(sums.into_iter().map(scale).collect())
    }

    /// Overwrites `features` by a row of mean 0 and variance 1.
    pub(crate) fn write(&self, row: &[f32], features: &mut [f32]) {
        for ((feature, x), (mean, factor)) in features.iter_mut().zip(row).zip(&self.0) {
            *feature = (x - mean) * factor;
        }
    }
}
