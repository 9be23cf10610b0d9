//! The mask alone: a model that sees where a mask lies, and no base.

use readlens_fault::Result;

use crate::case::{Case, Features, Scale};
use crate::masks::Masks;

/// Steps of the optimiser, at least: the problem is small and convex.
const STEPS: usize = 600;

/// Whether the model is right for each window of the case; `width` is the features of a mask.
pub(crate) fn probe(
    case: &Case,
    masks: &Masks,
    width: usize,
    seed: u64,
    mut watch: impl FnMut(f64) -> Result<()>,
) -> Result<Vec<bool>> {
    let row = |window: usize| &masks.features[case.places[window] * width..][..width];
    let mut right = vec![false; case.classes.len()];
    for taught in [0, 1] {
        let train = case.half(taught, true);
        let scale = Scale::of(width, train.iter().map(|&window| row(window)));
        let features = Alone { row, width, scale };
        let done = f64::from(taught) / 2.0;
        let model =
            case.teach(taught, &features, (STEPS, seed), |share| watch(done + share / 2.0))?;
        let test = case.half(taught, false);
        let predicted = model.predict(&case.examples(&features, test.clone()));
        for (window, class) in test.into_iter().zip(predicted) {
            right[window] = class == case.classes[window];
        }
    }
    Ok(right)
}

/// Features of the masks, standardised.
struct Alone<R> {
    row: R,
    width: usize,
    scale: Scale,
}

impl<'r, R: Fn(usize) -> &'r [f32] + Sync> Features for Alone<R> {
    fn width(&self) -> usize {
        self.width
    }

    fn write(&self, window: usize, _: usize, features: &mut [f32]) {
        self.scale.write((self.row)(window), features);
    }
}
