//! Every method against a closed form, finite differences or an independent computation.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod networks;

use networks::{
    all_outputs, config, contribution, designs, drawn, frozen, log_p, logistic, scores, tokens,
    windows,
};
use readlens_attribute::{
    Config, IntegratedGradients, KernelShap, Lime, Masked, Method, Objective, Occlusion,
    OptimizedMask,
};
use readlens_nn::{NormPlace, Pooling};
use readlens_tests::classifier_shape;

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "{what}, token {i}: {a}, not {b}");
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// `F` of the [`logistic`] classifier's first taxon, or of the second one, where the tokens add up
/// to `s`.
fn log_sigmoid(s: f64, target: u32) -> f64 {
    let sign = if target == 0 { 1.0 } else { -1.0 };
    -(-sign * s).exp().ln_1p()
}

#[test]
fn the_closed_forms_of_a_logistic_sum() {
    let classifier = logistic();
    let mut rows = tokens(&classifier.config().tokenization);
    // The sums of those are above 0.
    rows.push(vec![7, 14, 6, 21, 28]);
    let windows = windows(&classifier, &rows);
    let of = |method| scores(&classifier, &rows, &config(method));
    let gradients = of(Method::GradientInput);
    let integrated = of(Method::IntegratedGradients(IntegratedGradients { steps: 300 }));
    let left_out = of(Method::LeaveOneOut);
    let targets: Vec<u32> = windows.iter().map(|window| window.targets[0]).collect();
    assert!(targets.contains(&0) && targets.contains(&1), "one target only: {targets:?}");
    for (i, (row, &target)) in rows.iter().zip(&targets).enumerate() {
        let parts: Vec<f64> =
            row.iter().map(|&token| contribution(token) / row.len() as f64).collect();
        let sum: f64 = parts.iter().sum();
        let sign = if target == 0 { 1.0 } else { -1.0 };
        let p = log_sigmoid(sum, target).exp();
        // The derivative of F to s is sign (1 − p), and that of s to the mask the token's part.
        let gradient: Vec<f64> = parts.iter().map(|part| sign * (1.0 - p) * part).collect();
        assert_close(&gradients[i][0], &gradient, 1e-5, "gradient");
        // F is a function of a sum that the path scales, so every token has its share of the
        // difference.
        let difference = log_sigmoid(sum, target) - log_sigmoid(0.0, target);
        let shares: Vec<f64> = parts.iter().map(|part| part / sum * difference).collect();
        assert_close(&integrated[i][0], &shares, 1e-5, "integrated gradients");
        let without: Vec<f64> = parts
            .iter()
            .map(|part| log_sigmoid(sum, target) - log_sigmoid(sum - part, target))
            .collect();
        assert_close(&left_out[i][0], &without, 1e-5, "leave one out");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f32 = 0.01;
    for (design, classifier) in designs() {
        let rows = tokens(&classifier.config().tokenization);
        let windows = windows(&classifier, &rows);
        let outputs = all_outputs(&classifier);
        let objective = Objective::new(&classifier, &windows, &outputs, &|| Ok(()));
        // At the whole input, and inside the path.
        for factor in [1.0f32, 0.3] {
            let masks: Vec<Masked> = (0..windows.len())
                .map(|window| Masked { window, factors: vec![factor; windows[window].real] })
                .collect();
            let gradients = objective.gradients(&masks).unwrap();
            for (window, gradients) in gradients.iter().enumerate() {
                let mut moved = Vec::new();
                for token in 0..windows[window].real {
                    for step in [STEP, -STEP] {
                        let mut factors = masks[window].factors.clone();
                        factors[token] += step;
                        moved.push(Masked { window, factors });
                    }
                }
                let values = objective.values(&moved).unwrap();
                for (output, gradient) in gradients.iter().enumerate() {
                    let differences: Vec<f64> = values
                        .chunks(2)
                        .map(|pair| (pair[0][output] - pair[1][output]) / f64::from(2.0 * STEP))
                        .collect();
                    // F in f32 and the third derivative.
                    let tolerance = 5e-4 + 5e-3 * largest(&differences);
                    assert_close(gradient, &differences, tolerance, design);
                }
            }
        }
        let input = scores(&classifier, &rows, &config(Method::GradientInput));
        assert!(input.iter().flatten().flatten().any(|score| score.abs() > 0.05), "{design}: flat");
    }
}

/// `Σ |Σ scores − (F(1) − F(0))|` over windows and outputs.
fn completeness(classifier: &readlens_nn::Classifier, rows: &[Vec<u32>], steps: usize) -> f64 {
    let config = config(Method::IntegratedGradients(IntegratedGradients { steps }));
    let scores = scores(classifier, rows, &config);
    let mut error = 0.0;
    for (window, scores) in windows(classifier, rows).iter().zip(&scores) {
        let whole = log_p(classifier, window, &vec![1.0; window.real]);
        let hidden = log_p(classifier, window, &vec![0.0; window.real]);
        for ((scores, whole), hidden) in scores.iter().zip(whole).zip(hidden) {
            error += (scores.iter().sum::<f64>() - (whole - hidden)).abs();
        }
    }
    error
}

#[test]
fn integrated_gradients_add_up_the_better_the_more_steps() {
    for (design, classifier) in designs() {
        let rows = tokens(&classifier.config().tokenization);
        let errors = [2, 8, 32, 256].map(|steps| completeness(&classifier, &rows, steps));
        assert!(errors.windows(2).all(|pair| pair[1] < pair[0]), "{design}: {errors:?}");
        // The midpoint rule converges with the square of the steps where the path is smooth.
        assert!(errors[3] < errors[0] / 50.0, "{design}: {errors:?}");
    }
}

#[test]
fn occlusion_is_what_predict_says_without_the_stretch() {
    for (design, classifier) in designs() {
        let rows = tokens(&classifier.config().tokenization);
        let windows = windows(&classifier, &rows);
        for occlusion in [
            Occlusion { width: 1, stride: 1 },
            Occlusion { width: 3, stride: 2 },
            Occlusion { width: 4, stride: 4 },
            Occlusion { width: 50, stride: 7 },
        ] {
            let found = scores(&classifier, &rows, &config(Method::Occlusion(occlusion)));
            for (window, found) in windows.iter().zip(&found) {
                let whole = log_p(&classifier, window, &vec![1.0; window.real]);
                // One stretch after the other until the last token is covered.
                let mut covering: Vec<Vec<Vec<f64>>> = vec![Vec::new(); window.real];
                let mut start = 0;
                loop {
                    let end = (start + occlusion.width).min(window.real);
                    let factors: Vec<f32> = (0..window.real)
                        .map(|t| if (start..end).contains(&t) { 0.0 } else { 1.0 })
                        .collect();
                    let hidden = log_p(&classifier, window, &factors);
                    let lost: Vec<f64> = whole.iter().zip(hidden).map(|(w, h)| w - h).collect();
                    covering[start..end].iter_mut().for_each(|list| list.push(lost.clone()));
                    if end == window.real {
                        break;
                    }
                    start += occlusion.stride;
                }
                for (output, found) in found.iter().enumerate() {
                    let expected: Vec<f64> = covering
                        .iter()
                        .map(|l| l.iter().map(|lost| lost[output]).sum::<f64>() / l.len() as f64)
                        .collect();
                    assert_close(found, &expected, 2e-5, design);
                }
            }
            if occlusion == (Occlusion { width: 1, stride: 1 }) {
                let left_out = scores(&classifier, &rows, &config(Method::LeaveOneOut));
                assert!(found == left_out, "{design}: leave one out is another thing");
            }
        }
    }
}

/// Every subset's value, `F` with the tokens of its players kept: Shapley's own formula.
fn shapley_values(players: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let of_player = |player: usize| {
        let without = (0..1usize << players).filter(|subset| subset >> player & 1 == 0);
        let added = without.map(|subset| {
            let size = subset.count_ones() as usize;
            let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
            weight * (value(subset | 1 << player) - value(subset))
        });
        added.sum()
    };
    (0..players).map(of_player).collect()
}

#[test]
fn kernel_shap_is_shapleys_formula_where_all_coalitions_are_asked() {
    for (design, classifier) in designs() {
        let rows = tokens(&classifier.config().tokenization);
        // 16 tokens are 6 players of at most three: 62 coalitions.
        let config = config(Method::KernelShap(KernelShap { segment: 3, samples: 62 }));
        let found = scores(&classifier, &rows, &config);
        for (window, found) in windows(&classifier, &rows).iter().zip(&found) {
            let players = window.real.div_ceil(3);
            let values: Vec<Vec<f64>> = (0..1usize << players)
                .map(|subset| {
                    let factors: Vec<f32> = (0..window.real)
                        .map(|t| f32::from((subset >> (t / 3) & 1) as u8))
                        .collect();
                    log_p(&classifier, window, &factors)
                })
                .collect();
            for (output, found) in found.iter().enumerate() {
                let shares = shapley_values(players, |subset| values[subset][output]);
                let expected: Vec<f64> = (0..window.real)
                    .map(|t| shares[t / 3] / 3.min(window.real - t / 3 * 3) as f64)
                    .collect();
                assert_close(found, &expected, 1e-4, design);
            }
        }
    }
}

#[test]
fn lime_follows_a_classifier_that_is_nearly_linear() {
    let classifier = logistic();
    let rows = vec![(5..25).collect::<Vec<u32>>()];
    let by_token = Lime { segment: 1, samples: 4000, kernel_width: 0.25, ridge: 1e-6 };
    let found = &scores(&classifier, &rows, &config(Method::Lime(by_token)))[0][0];
    let gradient = &scores(&classifier, &rows, &config(Method::GradientInput))[0][0];
    // The slope of F is 1 − p, which rises from the whole input to 1/2 at the hidden one; LIME's is
    // between the two.
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let ratio = product(found, gradient) / product(gradient, gradient);
    let sum: f64 = rows[0].iter().map(|&token| contribution(token)).sum::<f64>() / 20.0;
    let steepest = 0.5 / (1.0 - log_sigmoid(sum, 0).exp());
    assert!(sum > 0.0 && ratio > 1.0 && ratio < steepest, "{ratio}, at most {steepest}");
    let expected: Vec<f64> = gradient.iter().map(|g| ratio * g).collect();
    // 4,000 draws of twenty tokens.
    assert_close(found, &expected, 0.03 * largest(gradient), "lime");
}

#[test]
fn attention_is_rolled_out_by_hand() {
    for (pooling, patch) in [(Pooling::Mean, 1), (Pooling::Cls, 1), (Pooling::Mean, 2)] {
        let mut shape = classifier_shape();
        shape.transformer_mut().unwrap().encoder.layers = 2;
        shape.transformer_mut().unwrap().encoder.patch = patch;
        shape.transformer_mut().unwrap().pooling = pooling;
        shape.transformer_mut().unwrap().encoder.norm = NormPlace::Pre;
        shape.transformer_mut().unwrap().encoder.embedding_norm = false;
        let mut tensors = drawn(&shape, 5);
        // The blocks add nothing to the states, so both attend to the same ones.
        for (name, tensor) in &mut tensors {
            let adds = [".out.weight", ".out.bias", ".ff2.weight", ".ff2.bias"];
            if adds.iter().any(|end| name.ends_with(end)) {
                *tensor = tensor.zeros_like().unwrap();
            }
        }
        let matrix = |name: &str| -> Vec<Vec<f64>> {
            let values: Vec<Vec<f32>> = tensors[name].to_vec2().unwrap();
            values.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect()
        };
        let vector = |name: &str| -> Vec<f64> {
            let values: Vec<f32> = tensors[name].to_vec1().unwrap();
            values.into_iter().map(f64::from).collect()
        };
        let affine = |name: &str, x: &[f64]| -> Vec<f64> {
            let bias = vector(&format!("{name}.bias"));
            let rows = matrix(&format!("{name}.weight"));
            let dot = |row: &Vec<f64>| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
            rows.iter().zip(bias).map(|(row, b)| dot(row) + b).collect()
        };
        let row: Vec<u32> = vec![2, 10, 33, 7, 64, 21];
        let (token, position) = (matrix("tok.weight"), matrix("pos"));
        let embedded: Vec<Vec<f64>> = row
            .iter()
            .zip(&position)
            .map(|(&id, p)| token[id as usize].iter().zip(p).map(|(a, b)| a + b).collect())
            .collect();
        let states: Vec<Vec<f64>> = if patch == 1 {
            embedded
        } else {
            let empty = vec![0.0; shape.transformer().unwrap().encoder.dim];
            let patches = embedded[1..].chunks(patch).map(|tokens| {
                let joined = (0..patch).flat_map(|i| tokens.get(i).unwrap_or(&empty)).copied();
                affine("stem", &joined.collect::<Vec<_>>())
            });
            std::iter::once(embedded[0].clone()).chain(patches).collect()
        };
        let n = states.len();
        let mut rolled: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        for layer in 0..2 {
            let (scale, shift) = (
                vector(&format!("blocks.{layer}.ln1.weight")),
                vector(&format!("blocks.{layer}.ln1.bias")),
            );
            let qkv: Vec<Vec<f64>> = states
                .iter()
                .map(|x| {
                    let mean = x.iter().sum::<f64>() / x.len() as f64;
                    let variance =
                        x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
                    let normal: Vec<f64> = (0..x.len())
                        .map(|i| (x[i] - mean) / (variance + 1e-5).sqrt() * scale[i] + shift[i])
                        .collect();
                    affine(&format!("blocks.{layer}.qkv"), &normal)
                })
                .collect();
            let (dim, heads) = (
                shape.transformer().unwrap().encoder.dim,
                shape.transformer().unwrap().encoder.heads,
            );
            let width = dim / heads;
            let mut with_residual = vec![vec![0.0; n]; n];
            for i in 0..n {
                with_residual[i][i] += 0.5;
                for head in 0..heads {
                    let exponentials: Vec<f64> = (0..n)
                        .map(|j| {
                            let dot: f64 = (0..width)
                                .map(|d| qkv[i][head * width + d] * qkv[j][dim + head * width + d])
                                .sum();
                            (dot / (width as f64).sqrt()).exp()
                        })
                        .collect();
                    let sum: f64 = exponentials.iter().sum();
                    for j in 0..n {
                        with_residual[i][j] += 0.5 * exponentials[j] / sum / heads as f64;
                    }
                }
            }
            rolled = with_residual
                .iter()
                .map(|row| (0..n).map(|j| (0..n).map(|k| row[k] * rolled[k][j]).sum()).collect())
                .collect();
        }
        let pooled: Vec<f64> = match pooling {
            Pooling::Cls => rolled[0].clone(),
            Pooling::Mean => {
                (0..n).map(|j| rolled.iter().map(|row| row[j]).sum::<f64>() / n as f64).collect()
            }
        };
        assert!((pooled.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let expected: Vec<f64> = (0..5).map(|t| pooled[1 + t / patch]).collect();
        let classifier = frozen(&shape, &tensors);
        let found = scores(&classifier, &[row], &config(Method::AttentionRollout));
        for found in &found[0] {
            assert_close(found, &expected, 1e-5, &format!("{pooling:?}, patches of {patch}"));
        }
        assert!(expected[0] != expected[2], "nothing to tell apart");
    }
}

#[test]
fn an_optimised_mask_keeps_what_speaks_for_the_prediction() {
    let classifier = logistic();
    let rows = tokens(&classifier.config().tokenization);
    let optimized = OptimizedMask { steps: 200, learning_rate: 0.1, area_weight: 0.3 };
    let found = scores(&classifier, &rows, &config(Method::OptimizedMask(optimized)));
    for ((row, window), found) in rows.iter().zip(windows(&classifier, &rows)).zip(&found) {
        let sign = if window.targets[0] == 0 { 1.0 } else { -1.0 };
        // The objective falls with every token kept that speaks for the target, and rises with
        // every other one.
        for (&token, logit) in row.iter().zip(&found[0]) {
            let speaks_for = sign * contribution(token) > 1.0;
            let speaks_against = sign * contribution(token) < 0.0;
            assert!(!speaks_for || *logit > 0.0, "{token} is removed: {logit}");
            assert!(!speaks_against || *logit < 0.0, "{token} is kept: {logit}");
        }
    }
}

#[test]
fn random_scores_are_drawn_anew_for_every_window_and_rank() {
    let classifier = logistic();
    let rows = vec![(5..25).collect::<Vec<u32>>(); 400];
    let drawn = scores(&classifier, &rows, &config(Method::RandomTokens));
    let all: Vec<f64> = drawn.iter().flat_map(|window| window[0].clone()).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    // 8,000 uniform draws: the mean's standard deviation is .0032.
    assert!((mean - 0.5).abs() < 0.015 && all.iter().all(|x| (0.0..1.0).contains(x)), "{mean}");
    assert!(drawn[0][0] != drawn[1][0] && drawn[0][0] != drawn[0][1], "drawn once only");
    assert!(drawn == scores(&classifier, &rows, &config(Method::RandomTokens)));
    let other = Config { seed: 2, ..config(Method::RandomTokens) };
    assert!(drawn != scores(&classifier, &rows, &other));

    // A fourth of twenty tokens is a block of five, which starts anywhere with equal chance.
    let blocks = scores(&classifier, &rows, &config(Method::RandomBlocks));
    let mut starts = [0u32; 16];
    for scores in blocks.iter().flatten() {
        for kept in [1, 2, 5, 9, 20] {
            let mut order: Vec<usize> = (0..20).collect();
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
            order[..kept].sort_unstable();
            let is_block = order[..kept].windows(2).all(|pair| pair[0] + 1 == pair[1]);
            assert!(is_block, "{kept} tokens: {scores:?}");
            if kept == 5 {
                starts[order[0]] += 1;
            }
        }
    }
    // 800 blocks, 50 expected of each start, with a standard deviation of 6.8.
    assert!(starts.iter().all(|&count| (20..=85).contains(&count)), "{starts:?}");
}
