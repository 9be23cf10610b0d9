//! What a token costs an Explainer, measured by what tokens are worth to the frozen classifier.
//!
//! With Δ the loss with nothing shown less the loss with everything shown, evidence that is spread
//! out evenly is worth Δ/n for each of n tokens. The area term charges λ/n for a token that is
//! kept. Below λ = Δ every token pays for itself, and all are kept, whatever they say.

use std::sync::{Mutex, PoisonError};

use rand::seq::SliceRandom;
use readlens_batch::{Dataset, Window, predict};
use readlens_fault::{Fault, Result};
use readlens_nn::objective::{LossWeights, MaskTraining, Objective};
use readlens_nn::{Classifier, WindowTokens};
use readlens_random::stream;
use serde::{Deserialize, Serialize};

use super::config::Target;
use super::cost::{classification, uninformative};
use super::targets::targets_of;

/// Training windows that Δ is measured on.
const MEASURED: usize = 1000;
/// Most that a whole training changes the weight by, as a logarithm, were every step at the largest
/// learning rate and as far off as can be. Masks follow the weight with a lag of tens of steps: in
/// few steps it moves fast, but not faster than they can follow.
const REACH: f64 = 30.0;
/// Most that one step changes it by.
const LARGEST_STEP: f64 = 0.1;
/// Smallest and largest weight, in multiples of Δ.
const BOUNDS: (f64, f64) = (1e-3, 1e3);

/// How the weight λ of the mask's area is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Price {
    /// It is the objective's.
    #[default]
    Weight,
    /// A multiple of Δ: 1 keeps what is worth more than the average token.
    Worth(f64),
    /// It begins at Δ, and rises and falls until masks have this area, above 0 and below 1.
    Area(f64),
    /// It begins at Δ, and rises and falls until the masked classification loss is within this
    /// share of what it costs to hide everything, above 0 and below 1.
    Loss(f64),
}

/// What tokens are worth to a classifier, in units of the loss: means over training windows and
/// ranks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Worth {
    /// Δ of all terms but area and total variation.
    pub all: f64,
    /// Its part of the classification loss.
    pub classification: f64,
    /// The classification loss with everything shown.
    pub whole: f64,
}

/// The weight of the area while an Explainer is trained.
#[derive(Debug)]
pub(crate) struct Pricing {
    price: Price,
    worth: Option<Worth>,
    /// Most that a step changes the weight by, as a logarithm.
    step: f64,
    weight: Mutex<f64>,
}

impl Price {
    /// Refuses values that cannot work, and prices of an objective that masks have no area in.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub(crate) fn validate(self, objective: &Objective) -> Result<()> {
        let (name, value, most, bounds) = match self {
            Self::Weight => return Ok(()),
            Self::Worth(times) => ("token-price", times, f64::INFINITY, "a finite number above 0"),
            Self::Area(area) => ("area", area, 1.0, "above 0 and below 1"),
            Self::Loss(share) => ("loss-within", share, 1.0, "above 0 and below 1"),
        };
        if !(value > 0.0 && value < most) {
            return Err(Fault::usage(format!("{name} must be {bounds}, not {value}")));
        }
        match weights_of(objective) {
            Some(_) => Ok(()),
            None => Err(Fault::usage(format!(
                "{name} is for objectives whose Explainer finds the area: hard, query and paper"
            ))),
        }
    }
}

/// The weights of an objective whose masks find their own area.
pub(super) fn weights_of(objective: &Objective) -> Option<&LossWeights> {
    match objective {
        Objective::Composite { mask: MaskTraining::Soft | MaskTraining::Threshold, weights } => {
            Some(weights)
        }
        _ => None,
    }
}

/// The training windows that are measured on, in a drawn order.
pub(super) fn measured(data: &Dataset, seed: u64) -> Vec<&Window> {
    let mut windows: Vec<&Window> = data.train.iter().collect();
    windows.shuffle(&mut stream(seed, "windows that tokens are priced by"));
    windows.truncate(MEASURED);
    windows
}

impl Worth {
    /// Measures on at most a thousand of the training windows; none where the objective's masks
    /// have no area of their own.
    ///
    /// # Errors
    /// The classifier cannot compute.
    pub(crate) fn measure(
        objective: &Objective,
        target: Target,
        classifier: &Classifier,
        data: &Dataset,
        seed: u64,
    ) -> Result<Option<Self>> {
        let Some(weights) = weights_of(objective) else { return Ok(None) };
        let windows = measured(data, seed);
        let rows: Vec<WindowTokens> = windows.iter().map(|window| window.as_read()).collect();
        let cls = usize::from(data.tokenization.cls);
        let nothing: Vec<Vec<f32>> =
            windows.iter().map(|window| vec![0.0; window.tokens.len() - cls]).collect();
        let shown = predict(classifier, &rows, None)?;
        let hidden = predict(classifier, &rows, Some(&nothing))?;
        let targets = targets_of(target, &shown, windows.iter().copied());
        let ranks = data.ranks.len();
        let mean = |of_rank: &dyn Fn(usize) -> f64| {
            (0..ranks).map(of_rank).sum::<f64>() / ranks.max(1) as f64
        };
        let loss = |predictions: &[Vec<Vec<f32>>]| {
            mean(&|rank| classification(predictions, &targets, rank).unwrap_or(0.0))
        };
        let (whole, nothing) = (loss(&shown), loss(&hidden));
        // Under a whole mask the inverse shows nothing, and the other way round.
        let inverse = mean(&|rank| {
            uninformative(&shown, rank, weights) - uninformative(&hidden, rank, weights)
        });
        Ok(Some(Self { all: nothing - whole + inverse, classification: nothing - whole, whole }))
    }
}

impl Pricing {
    /// Where the weight begins.
    ///
    /// # Errors
    /// Tokens are worth nothing to the classifier, and the price is a multiple of that.
    pub(crate) fn new(price: Price, objective: &Objective, worth: Option<Worth>) -> Result<Self> {
        let own = objective.area_weight();
        let weight = match (price, worth) {
            (Price::Weight, None) => own,
            (Price::Weight, Some(Worth { all, .. })) => {
                if own < all {
                    tracing::info!(
                        "the tokens of a window are worth {all:.2} of the loss together, more than \
                         the area's weight of {own}: where evidence is spread out every token pays for \
                         itself"
                    );
                }
                own
            }
            (_, Some(Worth { all, classification, .. })) if all > 0.0 && classification > 0.0 => {
                match price {
                    Price::Worth(times) => times * all,
                    _ => all,
                }
            }
            (_, worth) => {
                let found = worth.map_or(0.0, |worth| worth.all.min(worth.classification));
                return Err(Fault::usage(format!(
                    "hiding a whole window costs the classifier {found:.3} of the loss, so its tokens \
                     have no price: it ignores its input; train it longer, or give --area-weight"
                )));
            }
        };
        if let (true, Some(Worth { all, whole, .. })) = (price != Price::Weight, worth) {
            tracing::info!(
                "tokens of a window are worth {all:.3} of the loss together, which is {whole:.3} for \
                 classification with all of them; the area's weight begins at {weight:.3}"
            );
        }
        Ok(Self { price, worth, step: LARGEST_STEP, weight: Mutex::new(weight) })
    }

    /// For a training of `steps` steps.
    pub(crate) fn paced(self, steps: usize) -> Self {
        Self { step: (REACH / steps.max(1) as f64).min(LARGEST_STEP), ..self }
    }

    /// The weight at this step.
    pub(crate) fn weight(&self) -> f64 {
        *self.weight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it changes from step to step.
    pub(crate) fn moves(&self) -> bool {
        matches!(self.price, Price::Area(_) | Price::Loss(_))
    }

    /// Moves the weight after a step with masks of this mean area and classification loss: dual
    /// ascent on its logarithm. `pace` is the share of the largest learning rate that networks move
    /// with.
    pub(crate) fn learn(&self, area: f64, classification: f64, pace: f64) {
        let Some(worth) = self.worth else { return };
        let off = match self.price {
            Price::Weight | Price::Worth(_) => return,
            Price::Area(wanted) => (area - wanted) / wanted,
            Price::Loss(within) => {
                let lost = (classification - worth.whole) / worth.classification;
                (within - lost) / within
            }
        };
        let change = self.step * pace * off.clamp(-1.0, 1.0);
        let mut weight = self.weight.lock().unwrap_or_else(PoisonError::into_inner);
        *weight = (*weight * change.exp()).clamp(BOUNDS.0 * worth.all, BOUNDS.1 * worth.all);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const WORTH: Worth = Worth { all: 3.0, classification: 2.0, whole: 0.1 };

    fn pricing(price: Price) -> Pricing {
        Pricing::new(price, &Objective::paper(), Some(WORTH)).unwrap()
    }

    #[test]
    fn a_price_is_a_multiple_of_what_tokens_are_worth() {
        assert_eq!(pricing(Price::Worth(0.5)).weight(), 1.5);
        assert_eq!(pricing(Price::Weight).weight(), Objective::paper().area_weight());
        assert_eq!(pricing(Price::Area(0.2)).weight(), 3.0);
        let nothing = Worth { all: -0.1, ..WORTH };
        let fault =
            Pricing::new(Price::Worth(1.0), &Objective::paper(), Some(nothing)).unwrap_err();
        assert!(fault.to_string().contains("it ignores its input"), "{fault}");
    }

    /// Masks that answer the price late, as networks do: the area settles where it is wanted, and
    /// so does the loss.
    #[test]
    fn the_price_moves_until_masks_are_as_wanted() {
        for (steps, lag) in [(600, 20.0), (3000, 50.0), (20_000, 50.0)] {
            let made = |price| pricing(price).paced(steps);
            let (by_area, by_loss) = (made(Price::Area(0.1)), made(Price::Loss(0.1)));
            let (mut area, mut kept, mut least) = (0.5f64, 0.5f64, 1.0f64);
            for step in 0..steps {
                // As the schedule of a training.
                let progress = step as f64 / steps as f64;
                let pace = if progress < 0.1 {
                    progress * 10.0
                } else {
                    0.5 + 0.5 * ((progress - 0.1) / 0.9 * std::f64::consts::PI).cos()
                };
                // The dearer a token, the fewer are kept, and the more is lost.
                let answer = |weight: f64| (-weight / 3.0).exp();
                area += pace * (answer(by_area.weight()) - area) / lag;
                kept += pace * (answer(by_loss.weight()) - kept) / lag;
                least = least.min(area);
                by_area.learn(area, 0.0, pace);
                by_loss.learn(0.0, WORTH.whole + (1.0 - kept) * WORTH.classification, pace);
            }
            assert!((area - 0.1).abs() < 0.01, "area {area} after {steps} steps");
            assert!((kept - 0.9).abs() < 0.02, "kept {kept} after {steps} steps");
            assert!(least > 0.03, "down to {least} in {steps} steps");
        }
        assert!(pricing(Price::Area(0.1)).moves() && !pricing(Price::Worth(1.0)).moves());
    }

    #[test]
    fn prices_that_cannot_work_are_refused() {
        let refused = |price: Price, objective: Objective, part: &str| {
            let fault = price.validate(&objective).unwrap_err();
            assert!(fault.to_string().contains(part), "{fault}");
        };
        refused(
            Price::Worth(0.0),
            Objective::paper(),
            "token-price must be a finite number above 0, not 0",
        );
        refused(
            Price::Worth(f64::INFINITY),
            Objective::paper(),
            "a finite number above 0, not inf",
        );
        refused(Price::Area(1.0), Objective::hard(), "area must be above 0 and below 1, not 1");
        refused(Price::Loss(-0.1), Objective::hard(), "loss-within must be above 0 and below 1");
        refused(Price::Worth(1.0), Objective::budget(), "hard, query and paper");
        refused(Price::Area(0.1), Objective::distilled(), "hard, query and paper");
        assert!(Price::Weight.validate(&Objective::distilled()).is_ok());
    }
}
