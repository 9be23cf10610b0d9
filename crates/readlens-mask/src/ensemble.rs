//! One Explainer, or several whose scores are averaged.

use std::path::PathBuf;

use readlens_batch::explain;
use readlens_fault::{Fault, Result};
use readlens_nn::masking::z_scores;
use readlens_nn::scores::Averaging;
use readlens_nn::{
    Classifier, DeviceKind, Explainer, ExplainerConfig, Selection, WindowTokens, load_explainer,
};

use crate::config::{AddedGradient, Config};

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

    /// Mask logits of the real tokens of `rows`, `[row][mask][token]`, for what the classifier
    /// predicts or for the classes that `asked` has for each row: a single Explainer's, or the
    /// mean of the z-scores of several; then the mean over neighbours and over blocks, where these
    /// are asked for. Where the Explainer finds the area, that keeps it.
    pub(crate) fn logits(
        &self,
        classifier: Option<&Classifier>,
        rows: &[WindowTokens],
        asked: Option<&[Vec<u32>]>,
    ) -> Result<Vec<Vec<Vec<f32>>>> {
        let mut logits = explain(&self.first, classifier, rows, asked)?;
        if !self.others.is_empty() {
            let share = 1.0 / self.members().count() as f32;
            let each = |logits: &mut Vec<f32>| {
                *logits = z_scores(logits).into_iter().map(|score| score * share).collect();
            };
            logits.iter_mut().flatten().for_each(each);
            for member in &self.others {
                let others = explain(member, classifier, rows, asked)?;
                for (sum, other) in logits.iter_mut().flatten().zip(others.iter().flatten()) {
                    sum.iter_mut().zip(z_scores(other)).for_each(|(sum, z)| *sum += share * z);
                }
            }
        }
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
        Ok(logits)
    }
}
