//! Windows of which some tokens are hidden, as a linear model sees them.

use rand::RngExt;
use readlens_random::stream;

use crate::case::{Case, Features, Scale};
use crate::features::{SHAPE_FEATURES, append};
use crate::masks::Masks;

/// Features that tokens are counted in: by their number modulo it, which for k-mers of more than
/// six letters is their last six.
const TOKEN_FEATURES: usize = 4096;

/// Who chooses tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The mask: its largest values.
    Mask,
    /// Chance.
    RandomTokens,
    /// Chance, in runs that are as long as the mask's are on average in the window.
    BlurredNoise,
}

impl Choice {
    /// In the order of [`crate::retrained::Retrained`].
    pub(crate) const ALL: [Self; 3] = [Self::Mask, Self::RandomTokens, Self::BlurredNoise];

    /// Its name as the variant of an operator; none for the mask itself.
    pub(crate) fn variant(self) -> Option<&'static str> {
        match self {
            Self::Mask => None,
            Self::RandomTokens => Some("random_tokens"),
            Self::BlurredNoise => Some("blurred_noise"),
        }
    }
}

/// What is shown of every window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Who chooses.
    pub(crate) choice: Choice,
    /// Whether the chosen tokens are shown; they are hidden otherwise.
    pub(crate) keeps: bool,
    /// Share of the tokens that is chosen.
    pub(crate) share: f32,
    /// Stretches of the window in which the shown tokens are counted; 0 where a model must not see
    /// where they lie.
    pub(crate) bins: usize,
    /// Draws of each window.
    pub(crate) draws: usize,
}

/// The windows of a case under one view.
pub(crate) struct Seen {
    /// Features of all shown tokens.
    tokens: Vec<u16>,
    /// End of those of each window and draw among them.
    ends: Vec<usize>,
    /// Where the shown tokens lie, by window and draw.
    places: Vec<f32>,
    scale: Scale,
    width: usize,
    draws: usize,
}

impl Seen {
    pub(crate) fn new(case: &Case, masks: &Masks, view: View, seed: u64) -> Self {
        let width = if view.bins == 0 { 0 } else { view.bins + SHAPE_FEATURES.len() };
        let (mut tokens, mut ends, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (&place, draw) in
            case.places.iter().flat_map(|place| (0..view.draws).map(move |draw| (place, draw)))
        {
            let window = &masks.windows[place];
            let count = count_of(view.share, window.tokens.len());
            let mut shown = vec![!view.keeps; window.tokens.len()];
            for token in choose(view.choice, window, count, (seed, draw)) {
                shown[token] = view.keeps;
            }
            let shown_tokens = window.tokens.iter().zip(&shown).filter(|(_, shown)| **shown);
            tokens.extend(shown_tokens.map(|(token, _)| token));
            ends.push(tokens.len());
            if view.bins > 0 {
                let factors: Vec<f32> = shown.iter().map(|&is| f32::from(u8::from(is))).collect();
                append(&factors, &shown, view.bins, &mut places);
            }
        }
        let scale = Scale::of(width, places.chunks_exact(width.max(1)));
        Self { tokens, ends, places, scale, width, draws: view.draws }
    }
}

impl Features for Seen {
    fn width(&self) -> usize {
        TOKEN_FEATURES + self.width
    }

    fn draws(&self) -> usize {
        self.draws
    }

    /// Square roots of the counts, which keep a frequent token from drowning the others, and where
    /// the tokens lie.
    fn write(&self, window: usize, draw: usize, features: &mut [f32]) {
        let row = window * self.draws + draw;
        let (counts, places) = features.split_at_mut(TOKEN_FEATURES);
        counts.fill(0.0);
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        let tokens = &self.tokens[start..self.ends[row]];
        tokens.iter().for_each(|&token| counts[usize::from(token)] += 1.0);
        counts.iter_mut().filter(|count| **count > 1.0).for_each(|count| *count = count.sqrt());
        self.scale.write(&self.places[row * self.width..][..self.width], places);
    }
}

/// A window whose tokens may be hidden.
#[derive(Debug)]
pub(crate) struct Window {
    /// Its row in the tokens table, from 1: what chance is drawn by.
    pub(crate) ordinal: u64,
    /// Feature of each token.
    pub(crate) tokens: Box<[u16]>,
    /// Tokens from the largest mask value to the smallest, ties in token order.
    pub(crate) order: Box<[u32]>,
}

impl Window {
    /// A window by its real tokens and a value of the mask for each.
    pub(crate) fn new(ordinal: u64, tokens: &[u32], mask: &[f32]) -> Self {
        let mut order: Vec<u32> = (0..mask.len() as u32).collect();
        order.sort_by(|&a, &b| mask[b as usize].total_cmp(&mask[a as usize]));
        let feature = |&token: &u32| (token % TOKEN_FEATURES as u32) as u16;
        Self { ordinal, tokens: tokens.iter().map(feature).collect(), order: order.into() }
    }
}

/// Number of tokens that make up `share` of `tokens`: the nearest, but at least one of any.
fn count_of(share: f32, tokens: usize) -> usize {
    ((f64::from(share) * tokens as f64).round() as usize).clamp(1.min(tokens), tokens)
}

/// `count` tokens of a window.
fn choose(choice: Choice, window: &Window, count: usize, (seed, draw): (u64, usize)) -> Vec<usize> {
    let marked = || window.order[..count].iter().map(|&token| token as usize).collect();
    let mut rng = stream(seed, &format!("retrain/{choice:?}/{count}/{draw}/{}", window.ordinal));
    let mut noise = |values| (0..values).map(|_| rng.random()).collect::<Vec<f64>>();
    match choice {
        Choice::Mask => marked(),
        Choice::RandomTokens => largest(&noise(window.tokens.len()), count),
        Choice::BlurredNoise => {
            let length = run_length(marked());
            let runs = count.div_ceil(length);
            // Runs and hidden tokens in a random order: every place is as likely as another.
            let mut order = vec![false; window.tokens.len() - count + runs];
            largest(&noise(order.len()), runs).into_iter().for_each(|run| order[run] = true);
            let (mut chosen, mut token) = (Vec::with_capacity(count), 0);
            for is_run in order {
                let end = token + if is_run { length.min(count - chosen.len()) } else { 1 };
                chosen.extend((token..end).filter(|_| is_run));
                token = end;
            }
            chosen
        }
    }
}

/// Places of the `count` largest values, the first of equal ones.
fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order.truncate(count);
    order
}

/// Mean length of the runs of neighbours among `tokens`, to the nearest number; at least 1.
fn run_length(mut tokens: Vec<usize>) -> usize {
    tokens.sort_unstable();
    let runs = tokens.chunk_by(|a, b| a + 1 == *b).count().max(1);
    ((tokens.len() as f64 / runs as f64).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_blurred_as_the_mask() {
        let mask: Vec<f32> = (0..400).map(|token| f32::from(u8::from(token % 40 < 8))).collect();
        let window = Window::new(7, &[5; 400], &mask);
        let runs = |choice| run_length(choose(choice, &window, 80, (1, 0)));
        assert_eq!(runs(Choice::Mask), 8);
        assert_eq!(runs(Choice::RandomTokens), 1);
        assert!((8..12).contains(&runs(Choice::BlurredNoise)), "{}", runs(Choice::BlurredNoise));
        for choice in Choice::ALL {
            let mut chosen = choose(choice, &window, 80, (1, 0));
            assert_eq!(chosen, choose(choice, &window, 80, (1, 0)));
            assert_eq!(chosen == choose(choice, &window, 80, (1, 1)), choice == Choice::Mask);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 80);
        }
    }

    #[test]
    fn long_runs_lie_anywhere() {
        // One run of 25 tokens among 100.
        let mask: Vec<f32> = (0..100).map(|token| f32::from(u8::from(token < 25))).collect();
        let mut starts = [0; 76];
        for ordinal in 0..7600 {
            let window = Window::new(ordinal, &[5; 100], &mask);
            let chosen = choose(Choice::BlurredNoise, &window, 25, (1, 0));
            assert_eq!(chosen, (chosen[0]..chosen[0] + 25).collect::<Vec<_>>());
            starts[chosen[0]] += 1;
        }
        // 100 are expected of each, with a standard deviation of 10.
        assert!(starts.iter().all(|starts| (50..150).contains(starts)), "{starts:?}");
    }

    #[test]
    fn runs_have_a_mean_length() {
        assert_eq!(run_length(vec![9, 3, 4, 8, 20]), 2);
        assert_eq!(run_length(Vec::new()), 1);
    }
}
