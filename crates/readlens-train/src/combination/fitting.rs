//! What is fitted on validation windows: weights of components, and temperatures.

use std::ops::Range;

use candle_core::{Device, Tensor};
use rand::seq::SliceRandom;
use readlens_batch::{Dataset, RandomMasks, Window, for_each_batch, most_likely};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, Split};
use readlens_linear::Scores;
use readlens_nn::{Classifier, Pass, WindowTokens, masking};
use readlens_random::stream;

/// Most scores in memory, in numbers of 32 bits: 1 GiB.
const MOST_SCORES: usize = 1 << 28;

/// Largest weight of a component.
const LARGEST_WEIGHT: f64 = 1e5;
/// Windows whose scores are joined together.
const ROWS_AT_ONCE: usize = 512;

/// Labelled validation windows, each whole and seen through a random mask.
pub(crate) struct Labelled<'a> {
    windows: Vec<&'a Window>,
    /// Taxa of each rank.
    taxa: Vec<usize>,
    ranks: Vec<String>,
    masks: Vec<Vec<f32>>,
}

impl<'a> Labelled<'a> {
    /// The validation windows of `data`, or as many of them as scores of `components` fit into
    /// memory.
    ///
    /// # Errors
    /// No validation window has a label.
    pub(crate) fn new(
        data: &'a Dataset,
        components: usize,
        masks: RandomMasks,
        seed: u64,
    ) -> Result<Self> {
        let taxa: Vec<usize> = data.ranks.iter().map(|rank| rank.taxa.len()).collect();
        let numbers = 2 * components * taxa.iter().sum::<usize>();
        let most = (MOST_SCORES / numbers.max(1)).max(1);
        let mut chosen: Vec<usize> = (0..data.valid.len()).collect();
        if chosen.len() > most {
            chosen.shuffle(&mut stream(seed, "windows to fit weights on"));
            chosen.truncate(most);
            chosen.sort_unstable();
        }
        let is_labelled = |window: &Window| window.classes.iter().any(Option::is_some);
        if !data.valid.iter().any(is_labelled) {
            return Err(Fault::usage(
                "weights are fitted on labelled windows of the split valid, and the table has none: \
                 tokenize with taxa and a split column or split fractions",
            ));
        }
        let mut rng = stream(seed, "masks to fit weights under");
        let cls = usize::from(data.tokenization.cls);
        let windows: Vec<&Window> = chosen.into_iter().map(|i| &data.valid[i]).collect();
        Ok(Self {
            masks: windows.iter().map(|w| masks.draw(w.tokens.len() - cls, &mut rng)).collect(),
            windows,
            ranks: data.ranks.iter().map(|rank| rank.rank.clone()).collect(),
            taxa,
        })
    }

    /// Number of windows.
    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// What every component of a classifier says of each window, whole or through its mask:
    /// components one after the other, of each all ranks.
    ///
    /// # Errors
    /// The classifier cannot compute.
    pub(crate) fn scores(&self, classifier: &Classifier, is_masked: bool) -> Result<Vec<Vec<f32>>> {
        let rows: Vec<WindowTokens> = self.windows.iter().map(|window| window.as_read()).collect();
        for_each_batch(&rows, classifier.device(), "fitting weights", |batch, indices| {
            let mask = is_masked.then(|| {
                let values: Vec<&[f32]> =
                    indices.iter().map(|&i| self.masks[i].as_slice()).collect();
                masking::complete(&batch.place(&values)?, batch)
            });
            let mask = mask.transpose()?;
            let components = classifier.components(batch, mask.as_ref(), &mut Pass::inference())?;
            let all: Vec<&Tensor> = components.iter().flatten().collect();
            Tensor::cat(&all, 1)?.to_vec2()
        })
    }

    /// Weights of the components, `[component][rank]`, from their scores for whole windows and
    /// through masks; `branches` holds the number of components of each branch.
    ///
    /// They make whole and masked windows together likeliest. A component that is sure of itself
    /// can be worth much through masks and do harm to whole windows. So weights that make whole
    /// windows alone likeliest, or those of a single branch, take their place at a rank where whole
    /// windows are right more often with them, by two standard errors.
    pub(crate) fn weights(
        &self,
        whole: &[Vec<f32>],
        masked: &[Vec<f32>],
        branches: &[usize],
    ) -> Vec<Vec<f64>> {
        let count = branches.iter().sum();
        let of_whole: Vec<&[f32]> = whole.iter().map(Vec::as_slice).collect();
        let of_all: Vec<&[f32]> = whole.iter().chain(masked).map(Vec::as_slice).collect();
        let of_rank = |rank: usize| {
            let mut best = self.fitted(&of_all, 0..count, count, rank);
            let mut right = self.right(whole, &best, rank);
            let mut first = 0;
            let alone = branches.iter().map(|components| {
                first += components;
                self.fitted(&of_all, first - components..first, count, rank)
            });
            let alone: Vec<Vec<f64>> =
                if branches.len() > 1 { alone.collect() } else { Vec::new() };
            let others = [self.fitted(&of_whole, 0..count, count, rank)].into_iter().chain(alone);
            for weights in others {
                let candidate = self.right(whole, &weights, rank);
                if is_better(&candidate, &right) {
                    (best, right) = (weights, candidate);
                }
            }
            best
        };
        let by_rank: Vec<Vec<f64>> = (0..self.taxa.len()).map(of_rank).collect();
        (0..count).map(|c| by_rank.iter().map(|weights| weights[c]).collect()).collect()
    }

    /// Which of the labelled windows the weighted components are right about at a rank.
    fn right(&self, scores: &[Vec<f32>], weights: &[f64], rank: usize) -> Vec<bool> {
        let all: usize = self.taxa.iter().sum();
        let first: usize = self.taxa[..rank].iter().sum();
        let labelled = scores.iter().zip(&self.windows);
        let labelled = labelled.filter_map(|(scores, w)| Some((scores, w.classes[rank]?)));
        let is_right = |(scores, label): (&Vec<f32>, u32)| {
            let mut logits = vec![0f32; self.taxa[rank]];
            for (component, weight) in scores.chunks_exact(all).zip(weights) {
                let component = &component[first..first + self.taxa[rank]];
                let sums = logits.iter_mut().zip(component);
                sums.for_each(|(sum, score)| *sum += *weight as f32 * score);
            }
            most_likely(&logits) == label as usize
        };
        labelled.map(is_right).collect()
    }

    /// Logits that `join` makes of the components' scores for whole windows: all ranks of each
    /// window.
    ///
    /// # Errors
    /// `join` fails.
    pub(crate) fn joined(
        &self,
        whole: &[Vec<f32>],
        join: impl Fn(&[Vec<Tensor>]) -> candle_core::Result<Vec<Tensor>>,
    ) -> Result<Vec<Vec<f32>>> {
        let failed = |e: candle_core::Error| Fault::failed("joining scores", e);
        let all: usize = self.taxa.iter().sum();
        let mut logits = Vec::with_capacity(whole.len());
        for rows in whole.chunks(ROWS_AT_ONCE) {
            let width = rows.first().map_or(0, Vec::len);
            let scores = Tensor::from_vec(rows.concat(), (rows.len(), width), &Device::Cpu);
            let scores = scores.map_err(failed)?;
            let component = |first: usize| {
                let mut first = first;
                let of_rank = |taxa: &usize| {
                    let scores = scores.narrow(1, first, *taxa);
                    first += taxa;
                    scores
                };
                self.taxa.iter().map(of_rank).collect::<candle_core::Result<Vec<_>>>()
            };
            let components = (0..width).step_by(all.max(1)).map(component);
            let components = components.collect::<candle_core::Result<Vec<_>>>();
            let joined = components.and_then(|components| join(&components));
            let rows = joined.and_then(|ranks| Tensor::cat(&ranks, 1)?.to_vec2());
            logits.extend(rows.map_err(failed)?);
        }
        Ok(logits)
    }

    /// Temperatures that make the probabilities of these logits of whole windows those of being
    /// right, by rank.
    pub(crate) fn temperatures(&self, logits: &[Vec<f32>]) -> Vec<f64> {
        let logits: Vec<&[f32]> = logits.iter().map(Vec::as_slice).collect();
        let of_rank = |rank: usize| {
            let (values, labels) = self.examples(&logits, 0..1, rank);
            let classes = self.taxa[rank];
            Scores { values: &values, components: 1, classes, labels: &labels }.temperature()
        };
        (0..self.taxa.len()).map(of_rank).collect()
    }

    /// Accuracy and loss of these logits of whole windows by rank, as figures of the first epoch.
    pub(crate) fn figures(&self, logits: &[Vec<f32>]) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut first = 0;
        for (rank, name) in self.ranks.iter().enumerate() {
            let range = first..first + self.taxa[rank];
            first = range.end;
            let labels = self.windows.iter().map(|window| window.classes[rank]);
            let known = logits.iter().zip(labels).filter_map(|(s, label)| Some((s, label?)));
            let (mut count, mut right, mut loss) = (0usize, 0usize, 0f64);
            for (logits, label) in known {
                let logits = &logits[range.clone()];
                count += 1;
                right += usize::from(most_likely(logits) == label as usize);
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let total: f64 = logits.iter().map(|x| f64::from(x - largest).exp()).sum();
                loss += total.ln() - f64::from(logits[label as usize] - largest);
            }
            if count == 0 {
                continue;
            }
            let n = count as f64;
            for (term, value) in [("loss", loss / n), ("accuracy", right as f64 / n)] {
                figures.push(Figure {
                    epoch: 1,
                    step: None,
                    split: Split::Valid,
                    rank: Some(name.clone()),
                    term: term.to_owned(),
                    value,
                });
            }
        }
        figures
    }

    /// Likeliest weights of `count` components at a rank, of which those beside `used` have none;
    /// `scores` repeat the windows as often as they fit.
    fn fitted(&self, scores: &[&[f32]], used: Range<usize>, count: usize, rank: usize) -> Vec<f64> {
        let (values, labels) = self.examples(scores, used.clone(), rank);
        let (components, classes) = (used.len(), self.taxa[rank]);
        let fitted = Scores { values: &values, components, classes, labels: &labels }.weights();
        let mut weights = vec![0.0; count];
        for (weight, fitted) in weights[used].iter_mut().zip(fitted) {
            // Where all is right, the likelihood rises without end.
            *weight = fitted.min(LARGEST_WEIGHT);
        }
        weights
    }

    /// What the components `used` say of the labelled windows at a rank, and their labels.
    fn examples(&self, scores: &[&[f32]], used: Range<usize>, rank: usize) -> (Vec<f32>, Vec<u32>) {
        let all: usize = self.taxa.iter().sum();
        let first: usize = self.taxa[..rank].iter().sum();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let windows = self.windows.iter().cycle();
        for (scores, window) in scores.iter().zip(windows) {
            let Some(label) = window.classes[rank] else { continue };
            labels.push(label);
            for component in scores.chunks_exact(all).take(used.end).skip(used.start) {
                values.extend_from_slice(&component[first..first + self.taxa[rank]]);
            }
        }
        (values, labels)
    }
}

/// Whether a candidate is right more often than the other, by two standard errors of the number of
/// windows that they differ about (McNemar 1947).
fn is_better(candidate: &[bool], other: &[bool]) -> bool {
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count() as f64;
    let (gained, lost) = (only(candidate, other), only(other, candidate));
    gained - lost > 2.0 * (gained + lost).sqrt()
}

/// The mean of the accuracies over the ranks.
pub(crate) fn mean_accuracy(figures: &[Figure]) -> f64 {
    let of = figures.iter().filter(|figure| figure.term == "accuracy");
    let (count, sum) = of.fold((0u32, 0.0), |(count, sum), figure| (count + 1, sum + figure.value));
    sum / f64::from(count.max(1))
}

/// Accuracies of figures by rank, as a line of the log.
pub(crate) fn accuracies(figures: &[Figure]) -> String {
    let of = figures.iter().filter(|figure| figure.term == "accuracy");
    let shown = of.map(|figure| {
        format!("{} {:.1} %", figure.rank.as_deref().unwrap_or_default(), 100.0 * figure.value)
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One component is right about six of ten whole windows, the other about three, but about all
    /// that are masked: it is worth more to both together, and does harm to whole windows.
    #[test]
    fn whole_windows_are_not_given_up_for_masked_ones() {
        let window = |i: usize| Window {
            tokens: Vec::new(),
            phase: None,
            record: i as u32,
            classes: vec![Some(i as u32 % 2)],
        };
        let windows: Vec<Window> = (0..1000).map(window).collect();
        let labelled = Labelled {
            windows: windows.iter().collect(),
            taxa: vec![2],
            ranks: vec!["genus".to_owned()],
            masks: Vec::new(),
        };
        let scores = |i: usize, is_right: [Option<bool>; 2]| {
            let of = |is_right: Option<bool>| match is_right {
                None => [0.0, 0.0],
                Some(is_right) if is_right == i.is_multiple_of(2) => [1.0, 0.0],
                Some(_) => [0.0, 1.0],
            };
            is_right.map(of).concat()
        };
        let seen = |i: usize| [Some(i % 10 < 6), Some(i / 10 % 10 < 3)];
        let whole: Vec<Vec<f32>> = (0..1000).map(|i| scores(i, seen(i))).collect();
        let masked: Vec<Vec<f32>> = (0..1000).map(|i| scores(i, [None, Some(true)])).collect();

        let all: Vec<&[f32]> = whole.iter().chain(&masked).map(Vec::as_slice).collect();
        let likeliest = labelled.fitted(&all, 0..2, 2, 0);
        assert!(likeliest[1] > likeliest[0] && likeliest[0] > 0.0, "{likeliest:?}");
        let weights = labelled.weights(&whole, &masked, &[1, 1]);
        assert!(weights[0][0] > 0.0 && weights[1][0] == 0.0, "{weights:?}");

        // As parts of one branch, too: whole windows alone decide.
        let weights = labelled.weights(&whole, &masked, &[2]);
        assert!(weights[0][0] > 0.0 && weights[1][0] == 0.0, "{weights:?}");
        // Where nothing is lost, masked windows have their say.
        let weights = labelled.weights(&masked, &masked, &[1, 1]);
        assert!(weights[1][0] > 0.0, "{weights:?}");
    }

    #[test]
    fn better_by_chance_is_not_better() {
        let flags = |right: usize| (0..100).map(|i| i < right).collect::<Vec<bool>>();
        assert!(is_better(&flags(55), &flags(50)));
        assert!(!is_better(&flags(54), &flags(50)));
        assert!(!is_better(&flags(50), &flags(50)));
        assert!(!is_better(&flags(50), &flags(60)));
    }
}
