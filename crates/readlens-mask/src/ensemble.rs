//! One Explainer, or several whose scores are averaged.

use std::path::PathBuf;

use readlens_batch::explain;
use readlens_fault::{Fault, Result};
use readlens_nn::masking::{select, z_scores};
use readlens_nn::scores::Averaging;
use readlens_nn::{
    Classifier, DeviceKind, Explainer, ExplainerConfig, Selection, WindowTokens, load_explainer,
};

use crate::config::{AddedGradient, Config};

/// Values of the real tokens, `[row][mask][token]`.
pub(crate) type Logits = Vec<Vec<Vec<f32>>>;

/// What one Explainer or several say of some windows.
#[derive(Debug)]
pub(crate) struct Explained {
    /// Mask logits: a single Explainer's, or the mean of the z-scores of several, averaged as is
    /// asked for.
    pub(crate) logits: Logits,
    /// Standard deviation of the masks of several; none of a single one.
    pub(crate) deviations: Option<Logits>,
}

/// Explainers of the same masks, tokenization and selection.
#[derive(Debug)]
pub(crate) struct Ensemble {
    first: Explainer,
    others: Vec<Explainer>,
    averaging: Averaging,
    selection: Selection,
}

impl Ensemble {
    pub(crate) fn load(
        config: &Config,
        directories: &[PathBuf],
        device: DeviceKind,
    ) -> Result<Self> {
        let device = device.open(config.precision)?;
        let mut members: Vec<Explainer> = Vec::with_capacity(directories.len());
        for directory in directories {
            let mut member = load_explainer(directory, &device)?.with_precision(config.precision);
            if let Some(AddedGradient { levels, weight }) = &config.gradient {
                member = member.with_gradient(levels.clone(), *weight)?;
            }
            if let Some(first) = members.first().map(Explainer::config) {
                let own = member.config();
                let alike = first.masks == own.masks && first.tokenization == own.tokenization;
                if !alike {
                    return Err(Fault::input(directory)
                        .expected("the masks and the tokenization of the first Explainer")
                        .found(format!("masks {:?}", own.masks))
                        .remedy("average Explainers that were trained alike, with other seeds")
                        .into());
                }
            }
            members.push(member);
        }
        let mut members = members.into_iter();
        let Some(first) = members.next() else {
            return Err(Fault::usage("pass at least one --explainer"));
        };
        let others: Vec<Explainer> = members.collect();
        let selection = config.selection.unwrap_or(first.config().selection);
        if !others.is_empty() && selection == Selection::Threshold {
            return Err(Fault::usage(
                "averaged scores have no threshold: pass --area, the fraction of the tokens to keep",
            ));
        }
        Ok(Self { first, others, averaging: config.averaging, selection })
    }

    /// The first member's shape.
    pub(crate) fn shape(&self) -> &ExplainerConfig {
        self.first.config()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Explainer> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The first of them, which stands for all.
    pub(crate) fn first(&self) -> &Explainer {
        &self.first
    }

    /// Which tokens count as read.
    pub(crate) fn selection(&self) -> Selection {
        self.selection
    }

    /// Whether a member must be told of the classifier.
    pub(crate) fn needs_classifier(&self) -> bool {
        self.members().any(Explainer::needs_classifier)
    }

    /// What the Explainers say of `rows`, for what the classifier predicts or for the classes that
    /// `asked` has for each row.
    pub(crate) fn explain(
        &self,
        classifier: Option<&Classifier>,
        rows: &[WindowTokens],
        asked: Option<&[Vec<u32>]>,
    ) -> Result<Explained> {
        let first = explain(&self.first, classifier, rows, asked)?;
        if self.others.is_empty() {
            return Ok(Explained { logits: self.averaged(first), deviations: None });
        }
        let mut members = vec![first];
        for member in &self.others {
            members.push(explain(member, classifier, rows, asked)?);
        }
        let share = 1.0 / members.len() as f32;
        let mut means = members[0].clone();
        for (row, masks) in means.iter_mut().enumerate() {
            for (output, mean) in masks.iter_mut().enumerate() {
                mean.fill(0.0);
                for member in &members {
                    let scores = z_scores(&member[row][output]);
                    mean.iter_mut().zip(scores).for_each(|(mean, score)| *mean += share * score);
                }
            }
        }
        let members: Vec<Logits> =
            members.into_iter().map(|logits| self.averaged(logits)).collect();
        let deviation = |row: usize, output: usize| {
            let masks = members.iter().map(|logits| select(&logits[row][output], self.selection).0);
            deviations(&masks.collect::<Vec<_>>())
        };
        let of_row = |(row, masks): (usize, &Vec<Vec<f32>>)| {
            (0..masks.len()).map(|output| deviation(row, output)).collect()
        };
        let deviations = means.iter().enumerate().map(of_row).collect();
        Ok(Explained { logits: self.averaged(means), deviations: Some(deviations) })
    }

    /// The mean over neighbours and over blocks, where these are asked for. Where the Explainer
    /// finds the area, that keeps it.
    fn averaged(&self, mut logits: Logits) -> Logits {
        if self.averaging != Averaging::NONE {
            for logits in logits.iter_mut().flatten() {
                let wide: Vec<f64> = logits.iter().map(|&x| f64::from(x)).collect();
                let means = match self.selection {
                    Selection::Threshold => self.averaging.apply_around_zero(&wide),
                    Selection::Share { .. } => self.averaging.apply(&wide),
                };
                *logits = means.into_iter().map(|x| x as f32).collect();
            }
        }
        logits
    }
}

/// Standard deviation of each token's value over several masks of a window.
fn deviations(masks: &[Vec<f32>]) -> Vec<f32> {
    let count = masks.len() as f64;
    let of_token = |token: usize| {
        let values = || masks.iter().map(|mask| f64::from(mask[token]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        variance.sqrt() as f32
    };
    (0..masks.first().map_or(0, Vec::len)).map(of_token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_that_agree_do_not_deviate() {
        let found = deviations(&[vec![0.2, 0.0, 1.0], vec![0.2, 1.0, 0.4], vec![0.2, 0.5, 0.1]]);
        let expected = [0.0, (1.0_f32 / 6.0).sqrt(), 0.14_f32.sqrt()];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(deviations(&[vec![]]), [0.0; 0]);
    }
}
