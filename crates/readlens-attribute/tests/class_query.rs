//! What needs no search: the query of a class against a computation by hand, and path
//! contributions against gradients.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod networks;

use networks::{all_outputs, config, designs, drawn, frozen, scores, tokens, windows};
use readlens_attribute::{Masked, Method, Objective};
use readlens_nn::NormPlace;
use readlens_tests::classifier_shape;

fn z_scores(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    values.iter().map(|v| if deviation > 0.0 { (v - mean) / deviation } else { 0.0 }).collect()
}

/// The mean over all ranks first, then each rank.
fn outputs(by_rank: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mean = |i: usize| by_rank.iter().map(|rank| rank[i]).sum::<f64>() / by_rank.len() as f64;
    let all = (0..by_rank[0].len()).map(mean).collect();
    std::iter::once(all).chain(by_rank.iter().cloned()).collect()
}

#[test]
fn the_query_of_a_class_is_that_of_the_hand() {
    for patch in [1, 2, 3] {
        let mut shape = classifier_shape();
        let encoder = &mut shape.transformer_mut().unwrap().encoder;
        (encoder.patch, encoder.norm, encoder.embedding_norm) = (patch, NormPlace::Pre, true);
        let dim = encoder.dim;
        let tensors = drawn(&shape, 5);
        let matrix = |name: &str| -> Vec<Vec<f64>> {
            let values: Vec<Vec<f32>> = tensors[name].to_vec2().unwrap();
            values.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect()
        };
        let vector = |name: &str| -> Vec<f64> {
            tensors[name].to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
        };
        let classifier = frozen(&shape, &tensors);
        let rows = tokens(&classifier.config().tokenization);
        let found = scores(&classifier, &rows, &config(Method::ClassQuery));
        let (token, position) = (matrix("tok.weight"), matrix("pos"));
        let (scale, shift) = (vector("emb_ln.weight"), vector("emb_ln.bias"));
        let pooler = matrix("pooler.weight");
        for ((row, window), found) in rows.iter().zip(windows(&classifier, &rows)).zip(&found) {
            let part = |t: usize| -> Vec<f64> {
                let x: Vec<f64> =
                    (0..dim).map(|d| token[row[t + 1] as usize][d] + position[t + 1][d]).collect();
                let mean = x.iter().sum::<f64>() / dim as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / dim as f64;
                let normed: Vec<f64> = (0..dim)
                    .map(|d| (x[d] - mean) / (variance + 1e-5).sqrt() * scale[d] + shift[d])
                    .collect();
                if patch == 1 {
                    return normed;
                }
                let stem = matrix("stem.weight");
                let place = t % patch * dim;
                let dot = |row: &Vec<f64>| (0..dim).map(|d| row[place + d] * normed[d]).sum();
                stem.iter().map(dot).collect()
            };
            let mut above = 0;
            let by_rank: Vec<Vec<f64>> = (0..shape.ranks.len())
                .map(|rank| {
                    let head = matrix(&format!("heads.{rank}.weight"));
                    // Class rows taken back through the pooler, less their mean.
                    let back = |row: &Vec<f64>, d: usize| -> f64 {
                        (0..dim).map(|i| row[above + i] * pooler[i][d]).sum()
                    };
                    let query: Vec<f64> = (0..dim)
                        .map(|d| {
                            let all: Vec<f64> = head.iter().map(|row| back(row, d)).collect();
                            let mean = all.iter().sum::<f64>() / all.len() as f64;
                            all[window.targets[rank] as usize] - mean
                        })
                        .collect();
                    above += head.len();
                    let score = |t: usize| part(t).iter().zip(&query).map(|(a, b)| a * b).sum();
                    z_scores(&(0..window.real).map(score).collect::<Vec<f64>>())
                })
                .collect();
            for (found, expected) in found.iter().zip(outputs(&by_rank)) {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-3, "{patch}: {found}, not {expected}");
                }
            }
        }
        assert!(found[0][0].iter().any(|score| score.abs() > 0.5), "nothing to tell apart");
    }
}

/// The gradients themselves are checked by finite differences elsewhere.
#[test]
fn path_contributions_are_z_scores_of_gradients_of_the_ranks() {
    for (design, classifier) in designs() {
        let rows = tokens(&classifier.config().tokenization);
        let found = scores(&classifier, &rows, &config(Method::PathContribution));
        let (windows, all) = (windows(&classifier, &rows), all_outputs(&classifier));
        let objective = Objective::new(&classifier, &windows, &all, &|| Ok(()));
        for (place, (window, found)) in windows.iter().zip(&found).enumerate() {
            let mut by_rank = vec![vec![0.0; window.real]; all.len() - 1];
            for level in [0.15, 1.0] {
                let mask = Masked { window: place, factors: vec![level; window.real] };
                let gradients = objective.gradients(&[mask]).unwrap().remove(0);
                // The first of the outputs is of all ranks.
                for (sum, gradient) in by_rank.iter_mut().zip(&gradients[1..]) {
                    sum.iter_mut().zip(z_scores(gradient)).for_each(|(sum, z)| *sum += z);
                }
            }
            for (found, expected) in found.iter().zip(outputs(&by_rank)) {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-3, "{design}: {found}, not {expected}");
                }
            }
        }
    }
}
