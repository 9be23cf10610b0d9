//! The loss of every objective against its closed form, in plain numbers from what the classifier
//! and the Explainer say.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use std::ops::Range;

use candle_core::{DType, Tensor};
use network::{
    CPU, ROWS, TAXA, batch, classifier_config, convolutional, encoder, explainer_config,
    frozen_classifier, trainable_explainer,
};
use rand::RngExt;
use readlens_nn::objective::{BudgetRange, Budgets, Frozen, LossWeights, MaskTraining};
use readlens_nn::{
    Classifier, Explainer, ExplainerConfig, GradientUse, MaskSite, NormPlace, Objective, Pass,
    Pooling, Targets, TokenBatch, mask_gradient,
};
use readlens_random::stream;

const RANKS: usize = TAXA.len();
/// `(1 − p | keep) + (p | remove)` and the like are sums of some ten numbers near 1.
const TOLERANCE: f64 = 1e-12;
/// The threshold of a budgeted mask is computed in f32.
const BUDGET_TOLERANCE: f64 = 1e-6;
/// Of 7, 5 and 7 tokens: 2, 3 and 4 are kept, 1, 2 and 5 removed.
const BUDGETS: [Budgets; ROWS.len()] = [
    Budgets { keep: 0.3, remove: 0.2 },
    Budgets { keep: 0.6, remove: 0.4 },
    Budgets { keep: 0.6, remove: 0.7 },
];

/// One number per real token, row by row.
type OfTokens = Vec<Vec<f64>>;

struct Case {
    classifier: Classifier,
    explainer: Explainer,
    batch: TokenBatch,
    targets: Vec<Targets>,
}

impl Case {
    fn new(masks: &[&str], objective: &Objective) -> Self {
        let shape = encoder(NormPlace::Pre, 2, MaskSite::Embedding);
        let config = ExplainerConfig {
            masks: masks.iter().map(|&name| name.to_owned()).collect(),
            gradient: objective.gradient(),
            ..explainer_config(convolutional(), 3)
        };
        Self {
            classifier: frozen_classifier(&classifier_config(shape, Pooling::Mean), DType::F64),
            explainer: trainable_explainer(&config, DType::F64).0,
            batch: batch(&ROWS, DType::F64),
            // The second row has no label at the lower rank.
            targets: vec![
                Targets { classes: vec![0, 1, 1], weights: vec![0.2, 0.15, 0.15] },
                Targets { classes: vec![2, 0, 1], weights: vec![0.25, 0.0, 0.25] },
            ],
        }
    }

    fn loss(&self, objective: &Objective) -> candle_core::Result<f64> {
        let Self { classifier, explainer, batch, targets } = self;
        let batch_rows = ROWS.len();
        let frozen = Frozen { classifier, batch, targets, budgets: &BUDGETS, batch_rows };
        objective.loss(explainer, &frozen, &mut Pass::composed())?.total.to_scalar()
    }

    /// Number of masks.
    fn masks(&self) -> usize {
        self.explainer.config().masks.len()
    }

    /// The ranks that a mask explains.
    fn ranks(&self, mask: usize) -> Range<usize> {
        if self.masks() == 1 { 0..RANKS } else { mask..mask + 1 }
    }

    /// One mask of a tensor `(batch, tokens, masks)`; CLS is the first token of every row.
    fn of_mask(values: &Tensor, mask: usize) -> OfTokens {
        let values: Vec<Vec<Vec<f64>>> = values.to_vec3().unwrap();
        let rows = values.iter().zip(ROWS);
        rows.map(|(row, ids)| row[1..ids.len()].iter().map(|token| token[mask]).collect()).collect()
    }

    /// The Explainer's logits, smoothed or as the network gives them.
    fn logits(&self, is_smoothed: bool) -> Tensor {
        let Self { explainer, batch, .. } = self;
        let hints = explainer.hints(&self.classifier, batch).unwrap();
        let pass = &mut Pass::composed();
        match is_smoothed {
            true => explainer.forward(batch, &hints, pass).unwrap(),
            false => explainer.network_logits(batch, &hints, pass).unwrap(),
        }
    }

    /// Probabilities of the taxa where the classifier sees the rows through `mask`:
    /// `[rank][row][taxon]`. CLS is always seen, padding never.
    fn probabilities(&self, mask: &OfTokens) -> Vec<Vec<Vec<f64>>> {
        let (rows, tokens) = self.batch.dims().unwrap();
        let mut seen = vec![0.0; rows * tokens];
        for (row, values) in mask.iter().enumerate() {
            seen[row * tokens] = 1.0;
            seen[row * tokens + 1..][..values.len()].copy_from_slice(values);
        }
        let seen = Tensor::from_vec(seen, (rows, tokens), &CPU).unwrap();
        let pass = &mut Pass::composed();
        let logits = self.classifier.forward(&self.batch, Some(&seen), pass).unwrap();
        let of_row = |row: &Vec<f64>| {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(|x| x.exp() / sum).collect()
        };
        let of_rank = |logits: &Tensor| logits.to_vec2().unwrap().iter().map(of_row).collect();
        logits.iter().map(of_rank).collect()
    }
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// `(x − mean) / √(variance + 10⁻⁶)`.
fn z_scores(values: &[f64]) -> Vec<f64> {
    let centre = mean(values.iter().copied());
    let variance = mean(values.iter().map(|x| (x - centre) * (x - centre)));
    values.iter().map(|x| (x - centre) / (variance + 1e-6).sqrt()).collect()
}

/// Values from the largest to the smallest, and how many of them make up the fraction.
fn sorted(values: &[f64], fraction: f64) -> (Vec<f64>, usize) {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    (sorted, (fraction * values.len() as f64).round() as usize)
}

/// 1 on the fraction of tokens with the largest values, otherwise 0.
fn largest(values: &[f64], fraction: f64) -> Vec<f64> {
    let (sorted, kept) = sorted(values, fraction);
    values.iter().map(|value| f64::from(u8::from(*value >= sorted[kept - 1]))).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn inverse(mask: &OfTokens) -> OfTokens {
    mask.iter().map(|row| row.iter().map(|value| 1.0 - value).collect()).collect()
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let difference = (found - expected).abs();
    assert!(difference <= tolerance, "{what}: {found} is not {expected}, off by {difference:e}");
}

const MASKS: [&[&str]; 2] = [&["all"], &["rank0", "rank1"]];

/// `Σ over masks and rows of mean (z(logit) − gradient)² / (masks · rows)`, the mean over the real
/// tokens, of the network's own logits. The gradient is the classifier's, in which every row with a
/// label weighs the same.
#[test]
fn distilled() {
    let objective = Objective::Distilled { levels: vec![0.15, 0.4], area: 0.1 };
    for masks in MASKS {
        let case = Case::new(masks, &objective);
        let logits = case.logits(false);
        let explained = case.explainer.config().explained();
        let weights = [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]];
        let targets = case.targets.iter().zip(weights);
        let targets: Vec<Targets> = targets
            .map(|(t, weights)| Targets { classes: t.classes.clone(), weights: weights.to_vec() })
            .collect();
        let gradient =
            mask_gradient(&case.classifier, &case.batch, &targets, &[0.15, 0.4], &explained);
        let gradient = gradient.unwrap();
        let mut expected = 0.0;
        for mask in 0..masks.len() {
            let rows = Case::of_mask(&logits, mask).into_iter().zip(Case::of_mask(&gradient, mask));
            for (logits, gradient) in rows {
                let differences = z_scores(&logits).into_iter().zip(gradient);
                let error = mean(differences.map(|(a, b)| (a - b) * (a - b)));
                expected += error / (masks.len() * ROWS.len()) as f64;
            }
        }
        let found = case.loss(&objective).unwrap();
        assert_near(found, expected, TOLERANCE, &format!("{masks:?}"));
    }
}

/// `Σ over ranks and rows of w · (1 − p(y | keep) + p(y | remove))`: the classifier sees the kept
/// tokens alone, and all but the removed ones.
#[test]
fn keep_and_remove() {
    let objective = Objective::gradient_fed();
    for masks in MASKS {
        let case = Case::new(masks, &objective);
        let logits = case.logits(true);
        let mut expected = 0.0;
        for mask in 0..masks.len() {
            let logits = Case::of_mask(&logits, mask);
            let chosen = |fraction: fn(&Budgets) -> f64| -> OfTokens {
                let rows = logits.iter().zip(&BUDGETS);
                rows.map(|(row, budgets)| largest(row, fraction(budgets))).collect()
            };
            let kept = case.probabilities(&chosen(|budgets| budgets.keep));
            let removed = case.probabilities(&inverse(&chosen(|budgets| budgets.remove)));
            for rank in case.ranks(mask) {
                let Targets { classes, weights } = &case.targets[rank];
                for (row, (class, weight)) in classes.iter().zip(weights).enumerate() {
                    let p = |of: &[Vec<Vec<f64>>]| of[rank][row][*class as usize];
                    expected += weight * (1.0 - p(&kept) + p(&removed));
                }
            }
        }
        let found = case.loss(&objective).unwrap();
        assert_near(found, expected, TOLERANCE, &format!("{masks:?}"));
    }
}

/// What the classifier sees, and what area and total variation act on.
fn composite_masks(training: MaskTraining, logits: &OfTokens) -> [OfTokens; 2] {
    let soft = || logits.iter().map(|row| row.iter().map(|&x| sigmoid(x)).collect()).collect();
    match training {
        MaskTraining::Soft => [soft(), soft()],
        MaskTraining::Threshold => {
            let hard = |row: &Vec<f64>| row.iter().map(|&x| f64::from(u8::from(x > 0.0))).collect();
            [logits.iter().map(hard).collect(), soft()]
        }
        MaskTraining::Budget { .. } => {
            let rows = logits.iter().zip(&BUDGETS);
            let pairs = rows.map(|(row, budgets)| {
                // Halfway between the last token kept and the first one hidden.
                let scores = z_scores(row);
                let (sorted, kept) = sorted(&scores, budgets.keep);
                let threshold = f64::midpoint(sorted[kept - 1], sorted[kept]);
                let soft = scores.iter().map(|score| sigmoid(score - threshold)).collect();
                (largest(row, budgets.keep), soft)
            });
            let (hard, soft) = pairs.unzip();
            [hard, soft]
        }
    }
}

/// The sum of
/// - `w · −ln p(y)` over ranks and rows, where the classifier sees the mask;
/// - `entropy · (1 − H(q) / ln K) + uniform_kl · (−mean(ln q) / ln K − 1)`, the mean over ranks and
///   rows, where it sees the inverse;
/// - `area · mean(m) + total_variation · mean|m(t+1) − m(t)|` of the soft mask, the mean over masks
///   and rows.
fn check_composite(training: MaskTraining, weights: LossWeights, objective: &Objective, tol: f64) {
    for masks in MASKS {
        let case = Case::new(masks, objective);
        let logits = case.logits(true);
        let mut expected = 0.0;
        for mask in 0..masks.len() {
            let [seen, soft] = composite_masks(training, &Case::of_mask(&logits, mask));
            let masked = case.probabilities(&seen);
            let hidden = case.probabilities(&inverse(&seen));
            for rank in case.ranks(mask) {
                let Targets { classes, weights: of_rows } = &case.targets[rank];
                let most = (TAXA[rank] as f64).ln();
                for row in 0..ROWS.len() {
                    expected -= of_rows[row] * masked[rank][row][classes[row] as usize].ln();
                    let q = &hidden[rank][row];
                    let entropy = 1.0 + q.iter().map(|q| q * q.ln()).sum::<f64>() / most;
                    let uniform_kl = -mean(q.iter().map(|q| q.ln())) / most - 1.0;
                    expected += (weights.entropy * entropy + weights.uniform_kl * uniform_kl)
                        / (RANKS * ROWS.len()) as f64;
                }
            }
            for row in &soft {
                let area = mean(row.iter().copied());
                let variation = mean(row.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
                expected += (weights.area * area + weights.total_variation * variation)
                    / (masks.len() * ROWS.len()) as f64;
            }
        }
        let found = case.loss(objective).unwrap();
        assert_near(found, expected, tol, &format!("{training:?} of {masks:?}"));
    }
}

#[test]
fn composites_of_the_presets() {
    let weights = LossWeights { entropy: 0.0, uniform_kl: 1.0, area: 1.0, total_variation: 0.1 };
    check_composite(MaskTraining::Threshold, weights, &Objective::hard(), TOLERANCE);
    let weights = LossWeights { entropy: 1.0, uniform_kl: 0.0, area: 1.0, total_variation: 0.1 };
    check_composite(MaskTraining::Soft, weights, &Objective::paper(), TOLERANCE);
    let weights = LossWeights { entropy: 0.0, uniform_kl: 0.0, area: 0.0, total_variation: 0.0 };
    let budgets = BudgetRange { smallest: 0.03, largest: 0.3 };
    let training = MaskTraining::Budget { budgets, area: 0.1 };
    check_composite(training, weights, &Objective::budget(), TOLERANCE);
}

#[test]
fn composites_of_all_terms() {
    let budgets = BudgetRange { smallest: 0.03, largest: 0.3 };
    let kinds = [
        (MaskTraining::Soft, TOLERANCE),
        (MaskTraining::Threshold, TOLERANCE),
        (MaskTraining::Budget { budgets, area: 0.1 }, BUDGET_TOLERANCE),
    ];
    let weights = LossWeights { entropy: 0.3, uniform_kl: 0.2, area: 0.4, total_variation: 0.15 };
    for (mask, tolerance) in kinds {
        check_composite(mask, weights, &Objective::Composite { mask, weights }, tolerance);
    }
}

/// A distilled Explainer of today is the one that the same seed gave when every row drew a budget,
/// from `[0.03, 0.3]`, before the augmentation of the next.
#[test]
fn distilled_draws_one_number_for_each_row() {
    let (mut found, mut one, mut budget) = (stream(4, "row"), stream(4, "row"), stream(4, "row"));
    for _ in 0..3 {
        assert_eq!(Objective::distilled().draw(&mut found), Budgets::WHOLE);
        let _: f64 = one.random();
        let _: f64 = budget.random_range(0.03_f64.ln()..0.3_f64.ln());
    }
    let next: u64 = found.random();
    assert_eq!((next, next), (one.random(), budget.random()));
}

#[test]
fn an_explainer_with_another_gradient_is_refused() {
    let objective = Objective::gradient_fed();
    for other in [None, Some(GradientUse::Read { levels: vec![0.3] })] {
        let mut case = Case::new(MASKS[0], &objective);
        let config = ExplainerConfig { gradient: other, ..case.explainer.config().clone() };
        case.explainer = trainable_explainer(&config, DType::F64).0;
        let refusal = case.loss(&objective).unwrap_err().to_string();
        assert!(refusal.contains("use of the gradient"), "{refusal}");
    }
}
