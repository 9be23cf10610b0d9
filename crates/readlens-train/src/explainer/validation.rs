//! Hard-mask figures on the validation split.

use readlens_batch::{most_likely, predict};
use readlens_fault::Result;
use readlens_fit::{Figure, Split};
use readlens_nn::masking::select;
use readlens_nn::objective::{LossWeights, Objective};
use readlens_nn::{Classifier, Explained, Selection, WindowTokens};

use super::collapse::mean_correlation;
use super::cost::{classification, of_shape, uninformative};
use super::price::{Pricing, weights_of};

/// Name of the figure of the hard masks' mean area.
pub(crate) const HARD_AREA: &str = "hard_area";
/// Name of the figure of the mean correlation between the masks of different windows.
pub(crate) const MASK_CORRELATION: &str = "mask_correlation";

/// What the validation needs to know beside the windows.
#[derive(Clone, Debug)]
pub(crate) struct Validation {
    pub(crate) selection: Selection,
    /// Names of the classifier's ranks.
    pub(crate) ranks: Vec<String>,
    pub(crate) score: Score,
    /// Target of each validation window, per rank; none where a label is missing.
    pub(crate) targets: Vec<Vec<Option<usize>>>,
}

/// What tells a better epoch: a larger score.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Score {
    /// Minus the loss of the hard masks, with these weights: of Explainers that find their area at
    /// a price that stays.
    Loss(LossWeights),
    /// The target's probability under the hard mask less that under its inverse, averaged over
    /// ranks: of masks of a given area, and where the price of a token moves from step to step.
    /// Then the area counts with this weight.
    Probability { area_weight: f64 },
}

impl Score {
    /// Of an objective and what its tokens cost.
    pub(crate) fn of(objective: &Objective, pricing: &Pricing) -> Self {
        match weights_of(objective) {
            Some(weights) if !pricing.moves() => {
                Self::Loss(LossWeights { area: pricing.weight(), ..*weights })
            }
            Some(_) => Self::Probability { area_weight: 1.0 },
            None => Self::Probability { area_weight: objective.area_weight() },
        }
    }
}

/// Figures of the epoch, and the score.
pub(crate) fn validate(
    validation: &Validation,
    classifier: &Classifier,
    rows: &[WindowTokens],
    logits: &[Vec<Vec<f32>>],
    epoch: u32,
) -> Result<(Vec<Figure>, Option<f64>)> {
    if rows.is_empty() {
        return Ok((Vec::new(), None));
    }
    let figure = |rank: Option<&str>, term: &str, value: f64| Figure {
        epoch,
        step: None,
        split: Split::Valid,
        rank: rank.map(str::to_owned),
        term: term.to_owned(),
        value,
    };
    let ranks = validation.ranks.len();
    let outputs = logits.first().map_or(0, Vec::len);
    let n = rows.len() as f64;
    let mut figures = Vec::new();
    let mut scores = Vec::new();
    for (output, explained) in Explained::by(outputs).into_iter().enumerate() {
        let masks: Vec<Vec<f32>> = logits
            .iter()
            .map(|row| select(&row[output], validation.selection).1)
            .map(|hard| hard.into_iter().map(|h| f32::from(u8::from(h))).collect())
            .collect();
        let inverse: Vec<Vec<f32>> =
            masks.iter().map(|mask| mask.iter().map(|m| 1.0 - m).collect()).collect();
        let area_of =
            |mask: &Vec<f32>| f64::from(mask.iter().sum::<f32>()) / mask.len().max(1) as f64;
        let area = masks.iter().map(area_of).sum::<f64>() / n;
        let shape = match &validation.score {
            Score::Loss(weights) => of_shape(&masks, weights),
            Score::Probability { area_weight } => area_weight * area,
        };
        let kept = predict(classifier, rows, Some(&masks))?;
        let hidden = predict(classifier, rows, Some(&inverse))?;
        for rank in explained.ranks(ranks) {
            let name = Some(validation.ranks[rank].as_str());
            let mut probability = [0.0; 2];
            let known: Vec<(usize, usize)> = validation
                .targets
                .iter()
                .enumerate()
                .filter_map(|(window, targets)| Some((window, targets[rank]?)))
                .collect();
            if known.is_empty() {
                continue;
            }
            let count = known.len() as f64;
            let sides = [("hard_masked_agreement", &kept), ("hard_inverse_agreement", &hidden)];
            for ((term, predictions), probability) in sides.into_iter().zip(&mut probability) {
                let of = |window: usize| &predictions[window][rank];
                let is_right =
                    |&&(window, target): &&(usize, usize)| most_likely(of(window)) == target;
                let agreeing = known.iter().filter(is_right).count();
                figures.push(figure(name, term, agreeing as f64 / count));
                let sum: f64 =
                    known.iter().map(|&(window, target)| f64::from(of(window)[target])).sum();
                *probability = sum / count;
            }
            let evidence = match &validation.score {
                Score::Loss(weights) => {
                    let kept = classification(&kept, &validation.targets, rank).unwrap_or(0.0);
                    -kept - uninformative(&hidden, rank, weights)
                }
                Score::Probability { .. } => probability[0] - probability[1],
            };
            scores.push(evidence - shape);
        }
        let whose = (outputs > 1).then(|| validation.ranks[output].as_str());
        figures.push(figure(whose, HARD_AREA, area));
        figures.push(figure(whose, MASK_CORRELATION, mean_correlation(logits, output)));
    }
    if scores.is_empty() {
        return Ok((figures, None));
    }
    let score = scores.iter().sum::<f64>() / scores.len() as f64;
    figures.push(figure(None, "score", score));
    Ok((figures, Some(score)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::explainer::Price;

    #[test]
    fn explainers_that_find_their_area_are_judged_by_the_loss() {
        let score = |price, objective: &Objective| {
            Score::of(objective, &Pricing::new(price, objective, None).unwrap())
        };
        assert!(
            matches!(score(Price::Weight, &Objective::hard()), Score::Loss(weights) if weights.area == 1.0)
        );
        let given = Objective::distilled();
        assert!(
            matches!(score(Price::Weight, &given), Score::Probability { area_weight } if area_weight == 0.0)
        );
    }
}
