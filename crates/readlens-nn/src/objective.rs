//! What an Explainer learns from: its objective, with everything that decides the loss.

mod composite;
mod distillation;
mod frozen;
mod keep_and_remove;

use candle_core::{DType, Result, Tensor};
use rand::{Rng, RngExt};
use readlens_fault::Fault;
use serde::{Deserialize, Serialize};

use crate::explained::Explained;
use crate::explainer::{Explainer, GradientUse};
use crate::pass::Pass;
use crate::selection::Selection;

pub use frozen::{Budgets, Frozen};

/// Uniform masks at which an objective takes the classifier's gradient by default.
pub const LEVELS: [f64; 1] = [0.15];
/// Fraction of tokens that counts as read by default, for objectives whose Explainer does not
/// decide it.
const AREA: f64 = 0.1;

/// The loss of a part of a batch.
#[derive(Debug)]
pub struct Loss {
    /// Scalar to differentiate; the parts of a batch add up to the batch's loss.
    pub total: Tensor,
    /// Terms of it worth a curve, by name and before their weights; they add up over parts
    /// likewise.
    pub terms: Vec<(&'static str, f64)>,
}

/// What an Explainer learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The weighted sum of terms on the masked prediction, the inverse-masked prediction and the
    /// mask (Berman et al. 2026). The masked cross-entropy has weight 1.
    Composite {
        /// How the mask becomes what the classifier sees.
        mask: MaskTraining,
        /// Weights of the other terms.
        weights: LossWeights,
    },
    /// The mean squared difference between the z-scores of the logits and those of the classifier's
    /// gradient with respect to uniform masks ([`crate::mask_gradient`]).
    Distilled {
        /// Values of the uniform masks, each in `(0, 1]`.
        levels: Vec<f64>,
        /// Fraction of tokens that counts as read at inference, in `(0, 1]`.
        area: f64,
    },
    /// `(1 − p | keep) + (p | remove)` with `p` the probability of the target: the classifier sees
    /// the `a · n` tokens with the largest logits, and everything but the `b · n` largest.
    KeepAndRemove {
        /// Values of the uniform masks at which the Explainer reads the classifier's gradient, each
        /// in `(0, 1]`; none where it reads no gradient.
        levels: Vec<f64>,
        /// What `a` and `b` are drawn from, each for itself.
        budgets: BudgetRange,
        /// Fraction of tokens that counts as read at inference, in `(0, 1]`.
        area: f64,
    },
}

/// How the mask becomes what the classifier sees under [`Objective::Composite`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MaskTraining {
    /// The soft mask itself, as in the paper.
    Soft,
    /// `1[m > 1/2]` forward, the gradient of `m` backward; the Explainer decides the area.
    Threshold,
    /// The `a · n` tokens with the largest logits, `a` drawn for each window; for redundant
    /// evidence, where any small part suffices and no area is the right one.
    Budget {
        /// What `a` is drawn from.
        budgets: BudgetRange,
        /// Fraction of tokens that counts as read at inference, in `(0, 1]`.
        area: f64,
    },
}

/// Fractions of a window's tokens, drawn log-uniformly: `0 < smallest <= largest <= 1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetRange {
    /// Smallest fraction.
    pub smallest: f64,
    /// Largest fraction.
    pub largest: f64,
}

/// Weights of the terms of [`Objective::Composite`], 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// `1 − H/ln K` of the inverse-masked prediction.
    pub entropy: f64,
    /// `KL(u‖p)/ln K` of the inverse-masked prediction.
    pub uniform_kl: f64,
    /// Mean mask.
    pub area: f64,
    /// Mean absolute difference of neighbours.
    pub total_variation: f64,
}

impl Objective {
    /// Straight-through hard masks and uniform-kl: the Explainer finds the area. For evidence that
    /// stands in one place.
    pub fn hard() -> Self {
        let weights =
            LossWeights { entropy: 0.0, uniform_kl: 1.0, area: 1.0, total_variation: 0.1 };
        Self::Composite { mask: MaskTraining::Threshold, weights }
    }

    /// Straight-through hard masks and the paper's terms: for Explainers that query the classifier.
    /// Soft masks mislead where a layer norm follows the embedding and undoes them.
    pub fn query() -> Self {
        let weights =
            LossWeights { entropy: 1.0, uniform_kl: 0.0, area: 1.0, total_variation: 0.1 };
        Self::Composite { mask: MaskTraining::Threshold, weights }
    }

    /// The paper's: soft masks, classification, entropy, area and total variation.
    pub fn paper() -> Self {
        let weights =
            LossWeights { entropy: 1.0, uniform_kl: 0.0, area: 1.0, total_variation: 0.1 };
        Self::Composite { mask: MaskTraining::Soft, weights }
    }

    /// Budgeted top-k masks and the masked cross-entropy alone: for redundant evidence.
    pub fn budget() -> Self {
        let budgets = BudgetRange { smallest: 0.03, largest: 0.3 };
        let weights =
            LossWeights { entropy: 0.0, uniform_kl: 0.0, area: 0.0, total_variation: 0.0 };
        Self::Composite { mask: MaskTraining::Budget { budgets, area: AREA }, weights }
    }

    /// Learns the classifier's gradient at a low uniform mask, so that none is needed at inference.
    pub fn distilled() -> Self {
        Self::Distilled { levels: LEVELS.to_vec(), area: AREA }
    }

    /// Reads the gradient and learns to keep and to remove at budgets of all sizes.
    pub fn gradient_fed() -> Self {
        let budgets = BudgetRange { smallest: 0.01, largest: 0.5 };
        Self::KeepAndRemove { levels: LEVELS.to_vec(), budgets, area: AREA }
    }

    /// The same without the gradient: for Explainers that query the classifier.
    pub fn keep_and_remove() -> Self {
        let budgets = BudgetRange { smallest: 0.01, largest: 0.5 };
        Self::KeepAndRemove { levels: Vec::new(), budgets, area: AREA }
    }

    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the option to change.
    pub fn validate(&self) -> readlens_fault::Result<()> {
        match self {
            Self::Composite { mask, weights } => {
                weights.validate()?;
                match mask {
                    MaskTraining::Budget { budgets, area } => {
                        budgets.validate()?;
                        check_area(*area)?;
                        budgets.check_holds(*area)
                    }
                    MaskTraining::Soft | MaskTraining::Threshold => Ok(()),
                }
            }
            Self::Distilled { levels, area } => {
                check_levels(levels)?;
                check_area(*area)
            }
            Self::KeepAndRemove { levels, budgets, area } => {
                if !levels.is_empty() {
                    check_levels(levels)?;
                }
                budgets.validate()?;
                check_area(*area)?;
                budgets.check_holds(*area)
            }
        }
    }

    /// Which tokens count as read at inference.
    pub fn selection(&self) -> Selection {
        match self {
            Self::Composite { mask: MaskTraining::Soft | MaskTraining::Threshold, .. } => {
                Selection::Threshold
            }
            Self::Composite { mask: MaskTraining::Budget { area, .. }, .. }
            | Self::Distilled { area, .. }
            | Self::KeepAndRemove { area, .. } => Selection::Share { share: *area },
        }
    }

    /// How an Explainer that learns from it uses the classifier's gradient, if it uses one.
    pub fn gradient(&self) -> Option<GradientUse> {
        match self {
            Self::KeepAndRemove { levels, .. } if !levels.is_empty() => {
                Some(GradientUse::Read { levels: levels.clone() })
            }
            Self::Composite { .. } | Self::Distilled { .. } | Self::KeepAndRemove { .. } => None,
        }
    }

    /// Weight of the mask's area in the loss; 0 where it is no part of it.
    pub fn area_weight(&self) -> f64 {
        match self {
            Self::Composite { weights, .. } => weights.area,
            Self::Distilled { .. } | Self::KeepAndRemove { .. } => 0.0,
        }
    }

    /// The same with this weight of the mask's area, where it is part of the loss.
    #[must_use]
    pub fn with_area_weight(&self, area: f64) -> Self {
        match self {
            Self::Composite { mask, weights } => {
                Self::Composite { mask: *mask, weights: LossWeights { area, ..*weights } }
            }
            other => other.clone(),
        }
    }

    /// Draws the budgets of one row.
    pub fn draw(&self, rng: &mut impl Rng) -> Budgets {
        match self {
            Self::Composite { mask: MaskTraining::Budget { budgets, .. }, .. } => {
                let keep = budgets.draw(rng);
                Budgets { keep, remove: keep }
            }
            Self::Composite { .. } => Budgets::WHOLE,
            Self::Distilled { .. } => {
                // Not used, but the augmentation of the next row follows it in the stream, and with
                // it every Explainer that was distilled so far.
                let _: f64 = rng.random();
                Budgets::WHOLE
            }
            Self::KeepAndRemove { budgets, .. } => {
                let keep = budgets.draw(rng);
                Budgets { keep, remove: budgets.draw(rng) }
            }
        }
    }

    /// The loss of `explainer` on the rows of `frozen`; the Explainer computes in `pass`, the
    /// classifier in passes of inference.
    ///
    /// # Errors
    /// The Explainer does not use the gradient as [`Objective::gradient`] says, candle refuses an
    /// operation, or rows do not fit a network.
    pub fn loss(&self, explainer: &Explainer, frozen: &Frozen, pass: &mut Pass) -> Result<Loss> {
        let Frozen { classifier, batch, .. } = *frozen;
        let (expected, found) = (self.gradient(), &explainer.config().gradient);
        if *found != expected {
            candle_core::bail!(
                "the objective expects an Explainer whose use of the gradient is {expected:?}, \
                 found {found:?}"
            );
        }
        let explained = explainer.config().explained();
        let hints = explainer.hints(classifier, batch)?;
        let logits = match self {
            Self::Distilled { .. } => explainer.network_logits(batch, &hints, pass)?,
            Self::Composite { .. } | Self::KeepAndRemove { .. } => {
                explainer.forward(batch, &hints, pass)?
            }
        };
        self.loss_of_logits(&logits, frozen, &explained)
    }

    /// The loss of mask `logits`, `(batch, tokens, masks)`, one mask for each of `explained`.
    ///
    /// # Errors
    /// candle refuses an operation, or rows do not fit the classifier.
    pub fn loss_of_logits(
        &self,
        logits: &Tensor,
        frozen: &Frozen,
        explained: &[Explained],
    ) -> Result<Loss> {
        match self {
            Self::Composite { mask, weights } => {
                composite::loss(*mask, weights, frozen, logits, explained)
            }
            Self::Distilled { levels, .. } => distillation::loss(frozen, logits, levels, explained),
            Self::KeepAndRemove { .. } => keep_and_remove::loss(frozen, logits, explained),
        }
    }
}

impl LossWeights {
    fn validate(&self) -> readlens_fault::Result<()> {
        let Self { entropy, uniform_kl, area, total_variation } = *self;
        let weights = [
            ("entropy-weight", entropy),
            ("uniform-kl-weight", uniform_kl),
            ("area-weight", area),
            ("total-variation-weight", total_variation),
        ];
        match weights.iter().find(|(_, weight)| !(*weight >= 0.0 && weight.is_finite())) {
            Some((name, weight)) => {
                Err(Fault::usage(format!("{name} must be 0 or more, not {weight}")))
            }
            None => Ok(()),
        }
    }
}

impl BudgetRange {
    fn validate(self) -> readlens_fault::Result<()> {
        let Self { smallest, largest } = self;
        if 0.0 < smallest && smallest <= largest && largest <= 1.0 {
            return Ok(());
        }
        Err(Fault::usage(format!(
            "budgets must satisfy 0 < smallest <= largest <= 1, not {smallest} and {largest}"
        )))
    }

    /// Refuses an area at inference that training never draws.
    fn check_holds(self, area: f64) -> readlens_fault::Result<()> {
        let Self { smallest, largest } = self;
        if (smallest..=largest).contains(&area) {
            return Ok(());
        }
        Err(Fault::usage(format!(
            "area {area} is outside of the budgets {smallest} to {largest} that training draws: give \
             another --area, or --smallest-budget and --largest-budget around it"
        )))
    }

    fn draw(self, rng: &mut impl Rng) -> f64 {
        let Self { smallest, largest } = self;
        if smallest < largest {
            rng.random_range(smallest.ln()..largest.ln()).exp()
        } else {
            smallest
        }
    }
}

fn check_area(area: f64) -> readlens_fault::Result<()> {
    if 0.0 < area && area <= 1.0 {
        return Ok(());
    }
    Err(Fault::usage(format!("area must be in (0, 1], not {area}")))
}

/// Refuses levels of uniform masks at which there is no gradient to take.
pub(crate) fn check_levels(levels: &[f64]) -> readlens_fault::Result<()> {
    let sound = |level: &f64| *level > 0.0 && *level <= 1.0;
    if levels.is_empty() || levels.len() > 100 || !levels.iter().all(sound) {
        return Err(Fault::usage(format!(
            "gradient-levels must be 1 to 100 numbers in (0, 1], not {levels:?}"
        )));
    }
    Ok(())
}

fn value(t: &Tensor) -> Result<f64> {
    t.to_dtype(DType::F64)?.to_scalar::<f64>()
}
