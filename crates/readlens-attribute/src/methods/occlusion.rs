//! What hiding a stretch of tokens costs (Zeiler & Fergus 2014).

use std::ops::Range;

use readlens_fault::Result;

use super::constant;
use crate::objective::{Masked, Objective, Scores};
use crate::settings::Occlusion;

/// `F(whole) − F(stretch hidden)`, averaged over the stretches that cover a token.
pub(super) fn scores(objective: &Objective<'_>, occlusion: Occlusion) -> Result<Scores> {
    let mut scores = Vec::with_capacity(objective.windows().len());
    for block in objective.blocks(|window| 1 + stretches(window.real, occlusion).len()) {
        let mut masks = Vec::new();
        for (i, window) in block.clone().zip(&objective.windows()[block.clone()]) {
            masks.push(constant(i, window, 1.0));
            for stretch in stretches(window.real, occlusion) {
                let Masked { window, mut factors } = constant(i, window, 1.0);
                factors[stretch].fill(0.0);
                masks.push(Masked { window, factors });
            }
        }
        let mut values = objective.values(&masks)?.into_iter();
        for window in &objective.windows()[block] {
            let stretches = stretches(window.real, occlusion);
            let mut sums = vec![vec![0.0; window.real]; objective.outputs().len()];
            let mut counts = vec![0.0; window.real];
            let whole = values.next().unwrap_or_default();
            for (stretch, hidden) in stretches.into_iter().zip(&mut values) {
                counts[stretch.clone()].iter_mut().for_each(|count| *count += 1.0);
                for (sum, (whole, hidden)) in sums.iter_mut().zip(whole.iter().zip(hidden)) {
                    sum[stretch.clone()].iter_mut().for_each(|sum| *sum += whole - hidden);
                }
            }
            for sum in &mut sums {
                sum.iter_mut().zip(&counts).for_each(|(sum, count)| *sum /= count);
            }
            scores.push(sums);
        }
    }
    Ok(scores)
}

/// Stretches that cover all tokens; the last one is cut at the end.
fn stretches(tokens: usize, Occlusion { width, stride }: Occlusion) -> Vec<Range<usize>> {
    if tokens == 0 {
        return Vec::new();
    }
    let count = tokens.saturating_sub(width).div_ceil(stride) + 1;
    (0..count).map(|i| i * stride..(i * stride + width).min(tokens)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_every_token_and_end_with_it() {
        let of = |tokens, width, stride| stretches(tokens, Occlusion { width, stride });
        assert_eq!(of(7, 3, 2), [0..3, 2..5, 4..7]);
        assert_eq!(of(8, 3, 2), [0..3, 2..5, 4..7, 6..8]);
        assert_eq!(of(2, 5, 5), [0..2; 1]);
        assert_eq!(of(3, 1, 1), [0..1, 1..2, 2..3]);
        assert!(of(0, 3, 2).is_empty());
        for tokens in 1..30 {
            for width in 1..8 {
                for stride in 1..=width {
                    let all = of(tokens, width, stride);
                    assert!((0..tokens).all(|t| all.iter().any(|s| s.contains(&t))));
                    assert!(all.iter().all(|s| !s.is_empty()));
                }
            }
        }
    }
}
