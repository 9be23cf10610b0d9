//! What is fitted on validation windows: weights of components, and temperatures.

use candle_core::Tensor;
use rand::seq::SliceRandom;
use readlens_batch::{Dataset, RandomMasks, Window, for_each_batch, most_likely};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, Split};
use readlens_linear::Scores;
use readlens_nn::{Classifier, Pass, WindowTokens, masking};
use readlens_random::stream;

/// Most scores in memory, in numbers of 32 bits: 1 GiB.
const MOST_SCORES: usize = 1 << 28;

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
    /// There are none.
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
        if chosen.is_empty() {
            return Err(Fault::usage(
                "weights are fitted on windows of the split valid, and the table has none: tokenize \
                 with a split column or split fractions",
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

    /// Weights of the components of a classifier, `[component][rank]`.
    ///
    /// # Errors
    /// The classifier cannot compute.
    pub(crate) fn weights(&self, classifier: &Classifier) -> Result<Vec<Vec<f64>>> {
        let components = |mask: Option<&[Vec<f32>]>| {
            self.scores(classifier, mask, |batch, mask| {
                classifier.components(batch, mask, &mut Pass::inference())
            })
        };
        let mut scores = components(None)?;
        scores.extend(components(Some(&self.masks))?);
        let count = scores.first().map_or(0, Vec::len) / self.taxa.iter().sum::<usize>().max(1);
        let of_rank = |rank: usize| self.fitted(&scores, count, rank);
        let by_rank: Vec<Vec<f64>> = (0..self.taxa.len()).map(of_rank).collect();
        Ok((0..count).map(|c| by_rank.iter().map(|weights| weights[c]).collect()).collect())
    }

    /// Temperatures that make the probabilities of a classifier's answers to whole windows those of
    /// being right, by rank.
    ///
    /// # Errors
    /// The classifier cannot compute.
    pub(crate) fn temperatures(&self, classifier: &Classifier) -> Result<Vec<f64>> {
        let scores = self.logits(classifier)?;
        let of_rank = |rank: usize| {
            let weight = self.fitted(&scores, 1, rank)[0];
            // A rank that nothing can be said of: all probabilities alike.
            (1.0 / weight.max(1e-3)).clamp(1e-3, 1e3)
        };
        Ok((0..self.taxa.len()).map(of_rank).collect())
    }

    /// Accuracy and loss of a classifier on whole windows, as figures of the first epoch, and the
    /// accuracies by rank.
    ///
    /// # Errors
    /// The classifier cannot compute.
    pub(crate) fn figures(&self, classifier: &Classifier) -> Result<Vec<Figure>> {
        let scores = self.logits(classifier)?;
        let mut figures = Vec::new();
        let mut first = 0;
        for (rank, name) in self.ranks.iter().enumerate() {
            let range = first..first + self.taxa[rank];
            first = range.end;
            let labels = self.windows.iter().map(|window| window.classes[rank]);
            let known = scores.iter().zip(labels).filter_map(|(s, label)| Some((s, label?)));
            let (mut count, mut right, mut loss) = (0usize, 0usize, 0f64);
            for (scores, label) in known {
                let logits = &scores[range.clone()];
                count += 1;
                right += usize::from(most_likely(logits) == label as usize);
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let total: f64 = logits.iter().map(|x| f64::from(x - largest).exp()).sum();
                loss += total.ln() - f64::from(logits[label as usize] - largest);
            }
            let n = count.max(1) as f64;
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
        Ok(figures)
    }

    fn logits(&self, classifier: &Classifier) -> Result<Vec<Vec<f32>>> {
        self.scores(classifier, None, |batch, mask| {
            Ok(vec![classifier.forward(batch, mask, &mut Pass::inference())?])
        })
    }

    /// What `compute` gives for each window: components one after the other, of each all ranks.
    fn scores(
        &self,
        classifier: &Classifier,
        masks: Option<&[Vec<f32>]>,
        compute: impl Fn(
            &readlens_nn::TokenBatch,
            Option<&Tensor>,
        ) -> candle_core::Result<Vec<Vec<Tensor>>>
        + Sync,
    ) -> Result<Vec<Vec<f32>>> {
        let rows: Vec<WindowTokens> = self.windows.iter().map(|window| window.as_read()).collect();
        for_each_batch(&rows, classifier.device(), "fitting weights", |batch, indices| {
            let mask = masks.map(|masks| {
                let values: Vec<&[f32]> = indices.iter().map(|&i| masks[i].as_slice()).collect();
                masking::complete(&batch.place(&values)?, batch)
            });
            let components = compute(batch, mask.transpose()?.as_ref())?;
            let all: Vec<&Tensor> = components.iter().flatten().collect();
            Tensor::cat(&all, 1)?.to_vec2()
        })
    }

    /// Weights of `components` at a rank; `scores` repeat the windows as often as they fit.
    fn fitted(&self, scores: &[Vec<f32>], components: usize, rank: usize) -> Vec<f64> {
        let all: usize = self.taxa.iter().sum();
        let first: usize = self.taxa[..rank].iter().sum();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let windows = self.windows.iter().cycle();
        for (scores, window) in scores.iter().zip(windows) {
            let Some(label) = window.classes[rank] else { continue };
            labels.push(label);
            for component in scores.chunks_exact(all) {
                values.extend_from_slice(&component[first..first + self.taxa[rank]]);
            }
        }
        let classes = self.taxa[rank];
        Scores { values: &values, components, classes, labels: &labels }.weights()
    }
}

/// Accuracies of figures by rank, as a line of the log.
pub(crate) fn accuracies(figures: &[Figure]) -> String {
    let of = figures.iter().filter(|figure| figure.term == "accuracy");
    let shown = of.map(|figure| {
        format!("{} {:.1} %", figure.rank.as_deref().unwrap_or_default(), 100.0 * figure.value)
    });
    shown.collect::<Vec<_>>().join(", ")
}
