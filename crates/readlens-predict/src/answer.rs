//! What is read off the probabilities of one rank.

use readlens_batch::{most_likely, relative_entropy};

/// The prediction of one rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Class of the most probable taxon.
    pub(crate) class: usize,
    pub(crate) probability: f32,
    /// Class and probability of the second most probable taxon, if there are two.
    pub(crate) runner_up: Option<(usize, f32)>,
    /// Entropy divided by its maximum.
    pub(crate) entropy: f32,
    /// Probability at the fitted temperature.
    pub(crate) confidence: f32,
}

impl Answer {
    /// Of probabilities `p`, one per taxon, and their logarithms with the temperature, where one
    /// was fitted. Of equally probable taxa the first comes first.
    pub(crate) fn of(p: &[f32], calibrated: Option<(&[f64], f64)>) -> Self {
        let class = most_likely(p);
        let others = (0..p.len()).filter(|other| *other != class);
        let runner_up = others.reduce(|best, other| if p[other] > p[best] { other } else { best });
        let confidence =
            calibrated.map(|(log_p, temperature)| at(log_p, class, temperature) as f32);
        Self {
            class,
            probability: p[class],
            runner_up: runner_up.map(|other| (other, p[other])),
            entropy: relative_entropy(p),
            confidence: confidence.unwrap_or(p[class]),
        }
    }
}

/// Probability of a class where the logarithms of the probabilities, up to a constant, are divided
/// by `temperature`.
pub(crate) fn at(log_p: &[f64], class: usize, temperature: f64) -> f64 {
    let largest = log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let of = |log_p: f64| ((log_p - largest) / temperature).exp();
    of(log_p[class]) / log_p.iter().copied().map(of).sum::<f64>()
}

/// Logarithms of the probabilities of these scores.
pub(crate) fn log_probabilities(scores: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let largest = scores.clone().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.clone().map(|score| (score - largest).exp()).sum();
    let log_total = largest + total.ln();
    scores.map(|score| score - log_total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_taxa_have_closed_forms() {
        let p = [0.2f32, 0.8];
        let log_p = p.map(|p| f64::from(p).ln());
        let answer = Answer::of(&p, Some((&log_p, 2.0)));
        assert_eq!((answer.class, answer.probability), (1, 0.8));
        assert_eq!(answer.runner_up, Some((0, 0.2)));
        // The square roots of .2 and .8 are as 1 to 2.
        assert!((answer.confidence - 2.0 / 3.0).abs() < 1e-6, "{answer:?}");
        let entropy = -(0.2f32 * 0.2f32.log2() + 0.8 * 0.8f32.log2());
        assert!((answer.entropy - entropy).abs() < 1e-6);
        assert_eq!(Answer::of(&p, None).confidence, 0.8);
    }

    #[test]
    fn a_single_taxon_is_certain_and_ties_go_to_the_first() {
        let alone = Answer::of(&[1.0], Some((&[0.0], 3.0)));
        assert_eq!((alone.runner_up, alone.entropy, alone.confidence), (None, 0.0, 1.0));
        let tied = Answer::of(&[0.25, 0.375, 0.375], None);
        assert_eq!((tied.class, tied.runner_up), (1, Some((2, 0.375))));
    }

    #[test]
    fn scores_of_any_size_have_logarithms_that_add_up_to_one() {
        let log_p = log_probabilities([1000.0, 1000.0 + 3f64.ln(), -1000.0].into_iter());
        assert!((log_p[0] - 0.25f64.ln()).abs() < 1e-12 && (log_p[1] - 0.75f64.ln()).abs() < 1e-12);
        assert!((log_p[2] + 2000.0 - 0.25f64.ln()).abs() < 1e-9, "finite, however improbable");
    }
}
