use std::collections::HashMap;

use readlens_fault::Result;
use readlens_linear::{Examples, Fitting, LogisticRegression};

use crate::masks::Masks;

/// Steps of the optimiser, at least: the problem is small and convex.
const STEPS: usize = 600;
/// Epochs, at least.
const EPOCHS: usize = 20;
/// First learning rate, for features of variance 1.
const RATE: f32 = 0.02;

/// Windows of one method and rank that are probed for one rank of taxa.
#[derive(Debug)]
pub(crate) struct Case {
    /// Which masks.
    pub(crate) places: Vec<usize>,
    /// Class of each.
    classes: Vec<u32>,
    /// Half of each: 0 or 1.
    halves: Vec<u8>,
    /// Number of classes.
    pub(crate) count: usize,
    /// The most frequent class, the first by name of several.
    majority: u32,
}

/// What the probe says of each window of a case.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// Whether the probe is right.
    pub(crate) probe: Vec<bool>,
    /// Whether the most frequent class is.
    pub(crate) majority: Vec<bool>,
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

    /// Trains on each half and judges on the other; `watch` is told the share that is done.
    pub(crate) fn judge(
        &self,
        masks: &Masks,
        width: usize,
        seed: u64,
        mut watch: impl FnMut(f64) -> Result<()>,
    ) -> Result<Verdicts> {
        let majority = self.classes.iter().map(|&class| class == self.majority).collect();
        let mut verdicts = Verdicts { probe: vec![false; self.classes.len()], majority };
        for taught in [0, 1] {
            let of = |is_taught: bool| {
                let is_of = |&i: &usize| (self.halves[i] == taught) == is_taught;
                (0..self.places.len()).filter(is_of).collect::<Vec<usize>>()
            };
            let (train, test) = (of(true), of(false));
            let scale = Scale::of(masks, width, train.iter().map(|&i| self.places[i]));
            let half = |chosen| Half { case: self, masks, width, scale: &scale, chosen };
            let steps = train.len().div_ceil(256).max(1);
            let epochs = STEPS.div_ceil(steps).max(EPOCHS) as u32;
            let fitting = Fitting {
                epochs,
                patience: epochs,
                rate: RATE,
                penalty: 1.0 / train.len().max(1) as f32,
                seed,
            };
            let done = f64::from(taught) / 2.0;
            let train = half(train);
            let none = half(Vec::new());
            let fitted = LogisticRegression::fit(&train, &none, self.count, &fitting, |share| {
                watch(done + share / 2.0)
            })?;
            let predicted = fitted.model.predict(&half(test.clone()));
            for (&i, class) in test.iter().zip(predicted) {
                verdicts.probe[i] = class == self.classes[i];
            }
        }
        Ok(verdicts)
    }
}

/// Mean and reciprocal standard deviation of every feature.
struct Scale(Vec<(f32, f32)>);

impl Scale {
    fn of(masks: &Masks, width: usize, places: impl Iterator<Item = usize>) -> Self {
        let mut count = 0.0_f64;
        let mut sums = vec![(0.0_f64, 0.0_f64); width];
        for place in places {
            count += 1.0;
            let row = &masks.features[place * width..(place + 1) * width];
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
}

/// Some windows of a case, standardised.
struct Half<'a> {
    case: &'a Case,
    masks: &'a Masks,
    width: usize,
    scale: &'a Scale,
    chosen: Vec<usize>,
}

impl Examples for Half<'_> {
    fn count(&self) -> usize {
        self.chosen.len()
    }

    fn features(&self) -> usize {
        self.width
    }

    fn write(&self, example: usize, features: &mut [f32]) {
        let place = self.case.places[self.chosen[example]];
        let row = &self.masks.features[place * self.width..(place + 1) * self.width];
        for ((feature, x), (mean, factor)) in features.iter_mut().zip(row).zip(&self.scale.0) {
            *feature = (x - mean) * factor;
        }
    }

    fn class(&self, example: usize) -> u32 {
        self.case.classes[self.chosen[example]]
    }
}
