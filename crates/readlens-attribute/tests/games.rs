//! The regressions of LIME and kernel SHAP on functions that are known.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rand::RngExt;
use readlens_attribute::kernel_shap::Coalitions;
use readlens_attribute::{Lime, lime};
use readlens_random::{normal, stream};

const WEIGHTS: [f64; 7] = [0.5, -2.0, 0.0, 3.0, -0.25, 1.5, 1.0];

fn lime_of(kernel_width: f64, ridge: f64) -> Lime {
    Lime { kernel_width, ridge, ..Lime::default() }
}

fn linear(kept: &[bool], weights: &[f64]) -> f64 {
    0.7 + kept.iter().zip(weights).filter(|(kept, _)| **kept).map(|(_, w)| w).sum::<f64>()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn lime_finds_the_weights_of_a_linear_function() {
    let samples = lime::draw(7, 200, &mut stream(1, "lime"));
    let values: Vec<f64> = samples.iter().map(|kept| linear(kept, &WEIGHTS)).collect();
    let found = lime::fit(&samples, &values, lime_of(0.25, 1e-9)).unwrap();
    assert!(distance(&found, &WEIGHTS) < 1e-7, "{found:?}");
    // The penalty draws them to 0, the intercept stays free.
    let drawn = lime::fit(&samples, &values, lime_of(0.25, 1e9)).unwrap();
    assert!(distance(&drawn, &[0.0; 7]) < 1e-6, "{drawn:?}");
}

#[test]
fn the_weighted_ridge_is_the_closed_form_of_one_feature() {
    let samples = [vec![true], vec![false], vec![true]];
    let values = [3.0, 1.0, 4.0];
    let (width, ridge) = (0.5, 0.2);
    // Weight 1 where the feature is kept; at distance 1 sqrt(exp(−1 / .25)).
    let hidden = (-4.0f64).exp().sqrt();
    let total = 2.0 + hidden;
    let (mean_z, mean_y) = (2.0 / total, (3.0 + 4.0 + hidden) / total);
    let covariance = (1.0 - mean_z) * (3.0 - mean_y)
        + (1.0 - mean_z) * (4.0 - mean_y)
        + hidden * (0.0 - mean_z) * (1.0 - mean_y);
    let variance = 2.0 * (1.0 - mean_z).powi(2) + hidden * mean_z * mean_z;
    let found = lime::fit(&samples, &values, lime_of(width, ridge)).unwrap();
    assert!((found[0] - covariance / (variance + ridge)).abs() < 1e-12, "{found:?}");
}

#[test]
fn lime_hides_one_to_all_features_with_equal_chance() {
    let samples = lime::draw(5, 5001, &mut stream(2, "lime"));
    assert!(samples[0].iter().all(|&kept| kept));
    let mut sizes = [0; 6];
    let mut hidden = [0; 5];
    for kept in &samples[1..] {
        sizes[kept.iter().filter(|&&kept| !kept).count()] += 1;
        (0..5).filter(|&f| !kept[f]).for_each(|f| hidden[f] += 1);
    }
    // 1,000 of each size with a standard deviation of 28; 3,000 times each feature, 35.
    assert!(
        sizes[0] == 0 && sizes[1..].iter().all(|count| (860..1140).contains(count)),
        "{sizes:?}"
    );
    assert!(hidden.iter().all(|count| (2820..3180).contains(count)), "{hidden:?}");
    let nothing = lime::draw(0, 3, &mut stream(2, "lime"));
    assert!(nothing.len() == 3 && nothing.iter().all(Vec::is_empty));
    let lime = lime_of(0.25, 1.0);
    assert!(lime::fit(&nothing, &[1.0; 3], lime).unwrap().is_empty());
}

#[test]
fn kernel_shap_finds_what_an_additive_function_adds() {
    for (players, samples) in [(1, 10), (2, 10), (7, 126), (7, 40), (60, 400)] {
        let mut rng = stream(3, &format!("{players}/{samples}"));
        let weights: Vec<f64> = (0..players).map(|_| normal(&mut rng)).collect();
        let coalitions = Coalitions::draw(players, samples, &mut rng);
        let values: Vec<f64> =
            coalitions.members.iter().map(|kept| linear(kept, &weights)).collect();
        let (nobody, all) = (0.7, linear(&vec![true; players], &weights));
        let found = coalitions.fit(players, &values, nobody, all).unwrap();
        assert!(distance(&found, &weights) < 1e-4, "{players} players: {found:?}");
    }
}

#[test]
fn coalitions_come_in_pairs_by_shapleys_weights() {
    let players = 24;
    let drawn = Coalitions::draw(players, 20_000, &mut stream(4, "pairs"));
    assert!(!drawn.is_complete && drawn.members.len() == 20_000);
    let size = |kept: &Vec<bool>| kept.iter().filter(|&&kept| kept).count();
    let mut of_size = vec![0.0; players + 1];
    for pair in drawn.members.chunks(2) {
        assert!(pair[0].iter().zip(&pair[1]).all(|(a, b)| a != b), "no complement");
        of_size[size(&pair[0])] += 1.0;
        of_size[size(&pair[1])] += 1.0;
    }
    let kernel = |s: usize| 1.0 / (s * (players - s)) as f64;
    let total: f64 = (1..players).map(kernel).sum();
    assert_eq!((of_size[0], of_size[players]), (0.0, 0.0));
    for s in 1..players {
        let expected = 20_000.0 * kernel(s) / total;
        assert!((of_size[s] - expected).abs() < 6.0 * (2.0 * expected).sqrt(), "{s}: {of_size:?}");
    }
}

/// Twelve players, some of whom only count together.
fn game(kept: &[bool]) -> f64 {
    let one = |player: usize| f64::from(u8::from(kept[player]));
    1.0 + 2.0 * one(0) + 3.0 * one(1) * one(2) - 4.0 * one(3) * one(4) * one(5)
        + 0.5 * one(6) * (1.0 - one(7))
}

#[test]
fn drawn_coalitions_come_near_shapleys_values() {
    // Who counts only together shares alike. For x (1 − y): x has 1/2, y −1/2 of the weight.
    let exact =
        [2.0, 1.5, 1.5, -4.0 / 3.0, -4.0 / 3.0, -4.0 / 3.0, 0.25, -0.25, 0.0, 0.0, 0.0, 0.0];
    let fitted = |samples: usize| {
        let coalitions = Coalitions::draw(12, samples, &mut stream(5, "game"));
        let values: Vec<f64> = coalitions.members.iter().map(|kept| game(kept)).collect();
        coalitions.fit(12, &values, game(&[false; 12]), game(&[true; 12])).unwrap()
    };
    let complete = fitted(4094);
    assert!(distance(&complete, &exact) < 1e-9, "{complete:?}");
    let few = distance(&fitted(200), &exact);
    let many = distance(&fitted(4000), &exact);
    assert!(many < 0.06 && many < few, "{many} with 4,000, {few} with 200");
    // Efficiency holds however few.
    let sum: f64 = fitted(16).iter().sum();
    assert!((sum - (game(&[true; 12]) - game(&[false; 12]))).abs() < 1e-9, "{sum}");
}

#[test]
fn values_that_are_not_finite_have_no_solution() {
    let samples = lime::draw(4, 20, &mut stream(6, "lime"));
    let values: Vec<f64> = (0..20).map(|i| if i == 3 { f64::NAN } else { 1.0 }).collect();
    assert!(lime::fit(&samples, &values, lime_of(0.25, 1.0)).is_err());
    let mut rng = stream(6, "shap");
    let coalitions = Coalitions::draw(30, 20, &mut rng);
    let values: Vec<f64> = (0..20).map(|_| rng.random()).collect();
    assert!(coalitions.fit(30, &values, 0.0, f64::INFINITY).is_err());
}
