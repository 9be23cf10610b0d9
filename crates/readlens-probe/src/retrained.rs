//! Models that learn from windows with hidden tokens.
//!
//! A classifier may err on what a mask leaves because such input is strange to it. A model that is
//! *taught* with such input has no such excuse. ROAR (Hooker et al. 2019) removes what masks mark
//! and retrains; its counterpart keeps it. Removing long stretches harms more than removing
//! scattered tokens, wherever they lie (Rong et al. 2022), so noise as blurred as the mask stands
//! beside random tokens. EVAL-X (Jethani et al. 2021) asks a model that was taught with random
//! tokens, and STRIPE-X (Puli et al. 2024) takes off what the choice of tokens tells by itself.

use readlens_fault::{Fault, Result};

use crate::case::Case;
use crate::masks::Masks;
use crate::seen::{Choice, Seen, View};

/// Steps of the optimiser, at least.
const STEPS: usize = 300;

/// Draws of random tokens that the surrogate is taught with: it must know every token, also those
/// that a mask prefers and chance seldom shows.
const DRAWS: usize = 8;

/// What models of a case say, window by window.
#[derive(Debug)]
pub(crate) struct Retrained {
    /// Of models that were taught with kept tokens, by [`Choice`].
    pub(crate) kept: [Answers; 3],
    /// Of models that were taught with what is left where the tokens are removed.
    pub(crate) removed: [Answers; 3],
    /// Of the model of random tokens, asked with the mask's.
    pub(crate) surrogate: Answers,
}

/// What a model says of each window, taught by the half of the records that the window is not in.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Whether it is right.
    pub(crate) right: Vec<bool>,
    /// Log-likelihood of the label, in nats.
    pub(crate) likelihood: Vec<f64>,
}

/// Teaches and asks all models where `share` of the tokens are chosen; `bins` are those of a mask's
/// features, `watch` is told the share that is done.
pub(crate) fn retrain(
    case: &Case,
    masks: &Masks,
    share: f32,
    bins: usize,
    seed: u64,
    mut watch: impl FnMut(f64) -> Result<()>,
) -> Result<Retrained> {
    let see = |choice, keeps, bins, draws| {
        Seen::new(case, masks, View { choice, keeps, share, bins, draws }, seed)
    };
    let mut models = 0.0;
    let mut ask = |taught: &Seen, asked: &Seen| {
        let found = ask(case, taught, asked, seed, |share| watch((models + share) / 7.0))?;
        models += 1.0;
        Ok::<_, Fault>(found)
    };
    let mut own = |keeps| {
        let [mask, chance, noise] = Choice::ALL.map(|choice| see(choice, keeps, bins, 1));
        Ok::<_, Fault>([ask(&mask, &mask)?, ask(&chance, &chance)?, ask(&noise, &noise)?])
    };
    let (kept, removed) = (own(true)?, own(false)?);
    // Where random tokens lie tells nothing, and their model must not read it from a mask.
    let random = see(Choice::RandomTokens, true, 0, DRAWS);
    let surrogate = ask(&random, &see(Choice::Mask, true, 0, 1))?;
    Ok(Retrained { kept, removed, surrogate })
}

/// What a model that was taught with `taught` says of the windows as `asked` shows them.
fn ask(
    case: &Case,
    taught: &Seen,
    asked: &Seen,
    seed: u64,
    mut watch: impl FnMut(f64) -> Result<()>,
) -> Result<Answers> {
    let windows = case.classes.len();
    let mut answers = Answers { right: vec![false; windows], likelihood: vec![0.0; windows] };
    for half in [0, 1] {
        let done = f64::from(half) / 2.0;
        let model = case.teach(half, taught, (STEPS, seed), |share| watch(done + share / 2.0))?;
        let test = case.half(half, false);
        let examples = case.examples(asked, test.clone());
        let found = model.predict(&examples).into_iter().zip(model.log_likelihoods(&examples));
        for (&window, (class, likelihood)) in test.iter().zip(found) {
            answers.right[window] = class == case.classes[window];
            answers.likelihood[window] = likelihood;
        }
    }
    Ok(answers)
}
