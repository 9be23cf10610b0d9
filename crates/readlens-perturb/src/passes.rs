//! The forward passes of a window: which network reads what, and which rows of the table say so.

use std::borrow::Cow;

use rand::RngExt;
use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_random::stream;
use readlens_tables::masks::MaskRow;
use readlens_tables::vocabulary::{MaskName, Operator, Removal};

use crate::config::Config;
use crate::donors::{Donor, foreign};
use crate::graded::{LEVELS, SHARES, block_of, first_of, inverse, order, subset_of};
use crate::operators::{OF_OWN_MASK, UNDER_EVERY_REMOVAL, draw, factors};
use crate::removal::{replace, replaces_tokens};
use crate::selection::Masked;

/// Who predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// The classifier.
    Own,
    /// The classifier with mean embeddings in the place of hidden tokens.
    Mean,
    /// The independent judge.
    Judge,
}

/// A row of the table per rank that a pass ends in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) mask: Option<&'a MaskRow>,
    pub(crate) operator: Operator,
    pub(crate) share: Option<f32>,
    pub(crate) removal: Removal,
}

/// One forward pass.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    pub(crate) network: Network,
    pub(crate) tokens: Cow<'a, [u32]>,
    /// What is kept of each real token.
    pub(crate) factors: Vec<f32>,
    /// Whether the factors are multiplied in; otherwise hidden tokens have already been replaced.
    pub(crate) multiplies: bool,
    /// One or more: figures that the same pass answers share it.
    pub(crate) outcomes: Vec<Outcome<'a>>,
}

/// Which passes can be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    /// Whether there are mean embeddings to put in the place of hidden tokens.
    pub(crate) has_mean: bool,
    /// Whether there is a judge.
    pub(crate) has_judge: bool,
    /// Whether tokens can be hidden in part.
    pub(crate) reads_soft_masks: bool,
}

/// The operators that hide tokens in part, besides the levels of `constant` between 0 and 1.
const SOFT: [Operator; 2] = [Operator::Masked, Operator::Inverse];

impl Abilities {
    /// Whether the operator can be applied to any mask: a mask that happens to be hard makes no
    /// exception, as figures of an operator are means over windows.
    fn can_apply(&self, operator: Operator) -> bool {
        self.reads_soft_masks || !SOFT.contains(&operator)
    }

    fn can_read(&self, factors: &[f32]) -> bool {
        self.reads_soft_masks || factors.iter().all(|factor| *factor == 0.0 || *factor == 1.0)
    }

    /// Says which operators are left out.
    pub(crate) fn say(&self) {
        if !self.reads_soft_masks {
            let [masked, inverse] = SOFT;
            tracing::warn!(
                "the predictor reads letters, so that a token is seen or hidden: {masked}, \
                 {inverse} and {} between 0 and 1 are left out, which hide in part",
                Operator::Constant
            );
        }
        if !self.has_mean {
            let operator = Removal::Mean.of_everything();
            tracing::info!("a predictor gives no embeddings: {operator} is left out");
        }
    }
}

/// Decides on the passes of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) tokenization: &'a Tokenization,
    pub(crate) donors: &'a [Donor],
    pub(crate) abilities: Abilities,
}

impl<'a> Planner<'a> {
    /// Maximum number of passes of a window that do not depend on its masks: passes that are alike
    /// are made once. Groups of windows are as large as this number lets them be.
    fn plain_count(&self) -> usize {
        let blocks = if self.config.graded { 2 * SHARES.len() } else { 0 };
        let removals = self.replacing().count();
        2 + LEVELS.len()
            + removals
            + blocks
            + self.config.subsets as usize
            + usize::from(self.abilities.has_judge)
    }

    /// Passes of a window with `masks` masks.
    pub(crate) fn count(&self, masks: usize) -> usize {
        let others = self.removals().count() - 1;
        let graded = if self.config.graded { 2 * SHARES.len() * (1 + others) } else { 0 };
        let soft = 2 * self.config.soft_draws as usize;
        let judged = if self.abilities.has_judge { 2 } else { 0 };
        self.plain_count()
            + masks
                * (OF_OWN_MASK.len()
                    + 1
                    + UNDER_EVERY_REMOVAL.len() * others
                    + graded
                    + soft
                    + judged)
    }

    /// The removals to try: the classifier's own and those asked for.
    fn removals(&self) -> impl Iterator<Item = Removal> {
        let asked = self.config.removals.clone();
        let all = Removal::ALL.iter().copied();
        all.filter(move |r| *r == Removal::Own || asked.contains(r))
    }

    /// Those that replace tokens.
    fn replacing(&self) -> impl Iterator<Item = Removal> {
        self.removals().filter(|removal| replaces_tokens(*removal))
    }

    /// The untouched window, whose prediction is the target of all others.
    pub(crate) fn untouched(&self, window: &'a Masked) -> Pass<'a> {
        let mut pass =
            self.factors(window, None, Operator::Unmasked, None, vec![1.0; self.real(window)]);
        let operator = Operator::Constant;
        pass.outcomes.push(Outcome { operator, share: Some(1.0), ..pass.outcomes[0] });
        pass
    }

    /// Passes that need no mask, besides the untouched window.
    pub(crate) fn plain(&self, window: &'a Masked) -> Result<Vec<Pass<'a>>> {
        let real = self.real(window);
        let mut passes = Vec::new();
        let is_asked = |level: &f32| *level < 1.0 && self.abilities.can_read(&[*level]);
        for level in LEVELS.into_iter().filter(is_asked) {
            let factors = vec![level; real];
            let mut pass = self.factors(window, None, Operator::Constant, Some(level), factors);
            if level == 0.0 {
                let operator = Removal::Own.of_everything();
                pass.outcomes.insert(0, Outcome { operator, share: None, ..pass.outcomes[0] });
            }
            passes.push(pass);
        }
        let nothing = vec![0.0; real];
        let mean = self.abilities.has_mean.then_some(Removal::Mean);
        for removal in mean.into_iter().chain(self.replacing()) {
            let operator = removal.of_everything();
            passes.push(self.removed(window, None, operator, None, removal, &nothing)?);
        }
        if self.abilities.has_judge {
            let operator = Operator::JudgeUnmasked;
            let pass = self.factors(window, None, operator, None, vec![1.0; real]);
            passes.push(Pass { network: Network::Judge, ..pass });
        }
        if self.config.graded {
            for share in SHARES {
                let mut rng = self.stream(window, &format!("block/{share}"));
                let block = block_of(real, share, &mut rng);
                let rest = inverse(&block);
                for (operator, factors) in
                    [(Operator::KeepBlock, block), (Operator::RemoveBlock, rest)]
                {
                    passes.push(self.factors(window, None, operator, Some(share), factors));
                }
            }
        }
        for draw in 0..self.config.subsets {
            let share = (draw as f32 + 0.5) / self.config.subsets as f32;
            let mut rng = self.stream(window, &format!("{}/{draw}", Operator::RandomSubset));
            let subset = subset_of(real, share, &mut rng);
            let mut pass = self.factors(window, None, Operator::RandomSubset, Some(share), subset);
            let outcome = pass.outcomes[0];
            let of_mask = |mask| Outcome { mask: Some(mask), ..outcome };
            pass.outcomes =
                window.masks.iter().filter(|mask| !mask.is_wrong()).map(of_mask).collect();
            passes.extend((!pass.outcomes.is_empty()).then_some(pass));
        }
        Ok(passes)
    }

    /// Passes of one mask of the window, which the classifier takes for `class` at the lowest rank.
    pub(crate) fn masked(
        &self,
        window: &'a Masked,
        mask: &'a MaskRow,
        class: usize,
    ) -> Result<Vec<Pass<'a>>> {
        let mut passes = Vec::new();
        let whose = Some(mask);
        let stream = |name: &str| self.stream_of(window, mask, name);
        let of = |operator: Operator| {
            factors(operator, &mask.mask, &mask.hard, &mut stream(draw(operator)))
        };
        if mask.is_wrong() {
            let controls = [
                (Operator::HardMasked, Operator::WrongClass),
                (Operator::RandomBlock, Operator::WrongClassBlock),
            ];
            let pass = |(made, operator)| {
                of(made).map(|made| self.factors(window, whose, operator, None, made))
            };
            return Ok(controls.into_iter().filter_map(pass).collect());
        }
        let is_asked = |operator: &Operator| self.abilities.can_apply(*operator);
        for operator in OF_OWN_MASK.into_iter().filter(is_asked) {
            let made = of(operator).map(|made| self.factors(window, whose, operator, None, made));
            passes.extend(made);
        }
        let operator = Operator::ForeignMask;
        let mut rng = stream(operator.name());
        if let Some(factors) = foreign(self.donors, window.row, class, mask, &mut rng) {
            passes.push(self.factors(window, whose, operator, None, factors));
        }
        for removal in self.removals().filter(|removal| *removal != Removal::Own) {
            for operator in UNDER_EVERY_REMOVAL {
                let Some(made) = of(operator) else { continue };
                passes.push(self.removed(window, whose, operator, None, removal, &made)?);
            }
        }
        if self.config.graded {
            let order = order(&mask.mask);
            for removal in self.removals() {
                for share in SHARES {
                    let kept = first_of(&order, share);
                    let rest = inverse(&kept);
                    let share = Some(share);
                    for (operator, factors) in
                        [(Operator::KeepTop, &kept), (Operator::RemoveTop, &rest)]
                    {
                        let pass = self.removed(window, whose, operator, share, removal, factors);
                        passes.push(pass?);
                    }
                }
            }
        }
        for number in 0..self.config.soft_draws {
            for (operator, keeps) in [(Operator::SoftKeep, true), (Operator::SoftRemove, false)] {
                let mut rng = stream(&format!("{operator}/{number}"));
                let mut keep = |&m: &f32| {
                    let probability = f64::from(if keeps { m } else { 1.0 - m });
                    f32::from(u8::from(rng.random_bool(probability)))
                };
                let factors = mask.mask.iter().map(&mut keep).collect();
                passes.push(self.factors(window, whose, operator, None, factors));
            }
        }
        if self.abilities.has_judge {
            for (operator, judged) in [
                (Operator::HardMasked, Operator::JudgeHardMasked),
                (Operator::RandomBlock, Operator::JudgeRandomBlock),
            ] {
                let Some(made) = of(operator) else { continue };
                let pass = self.factors(window, whose, judged, None, made);
                passes.push(Pass { network: Network::Judge, ..pass });
            }
        }
        Ok(passes)
    }

    fn real(&self, window: &Masked) -> usize {
        window.window.tokens.len() - usize::from(self.tokenization.cls)
    }

    fn stream(&self, window: &Masked, purpose: &str) -> impl rand::Rng + use<> {
        let window = &window.window;
        stream(self.config.seed, &format!("{purpose}/{}/{}", window.window, window.id))
    }

    fn stream_of(&self, window: &Masked, mask: &MaskRow, purpose: &str) -> impl rand::Rng + use<> {
        let window = &window.window;
        let mask = stream_name(&mask.name());
        let purpose = format!("{purpose}/{}/{mask}/{}", window.window, window.id);
        stream(self.config.seed, &purpose)
    }

    /// The classifier under `factors`, in its own way.
    fn factors(
        &self,
        window: &'a Masked,
        mask: Option<&'a MaskRow>,
        operator: Operator,
        share: Option<f32>,
        factors: Vec<f32>,
    ) -> Pass<'a> {
        Pass {
            network: Network::Own,
            tokens: Cow::Borrowed(&window.window.tokens),
            factors,
            multiplies: true,
            outcomes: vec![Outcome { mask, operator, share, removal: Removal::Own }],
        }
    }

    /// The classifier where what `factors` (0 or 1) hide is removed in another way.
    fn removed(
        &self,
        window: &'a Masked,
        mask: Option<&'a MaskRow>,
        operator: Operator,
        share: Option<f32>,
        removal: Removal,
        factors: &[f32],
    ) -> Result<Pass<'a>> {
        let mut pass = self.factors(window, mask, operator, share, factors.to_vec());
        pass.outcomes[0].removal = removal;
        if removal == Removal::Mean {
            pass.network = Network::Mean;
        }
        if replaces_tokens(removal) {
            let purpose = format!("bases/{operator}/{share:?}");
            let tokens = &window.window.tokens;
            let replaced = match mask {
                Some(mask) => {
                    let mut rng = self.stream_of(window, mask, &purpose);
                    replace(removal, tokens, factors, self.tokenization, &mut rng)?
                }
                None => {
                    let mut rng = self.stream(window, &purpose);
                    replace(removal, tokens, factors, self.tokenization, &mut rng)?
                }
            };
            pass.tokens = Cow::Owned(replaced);
            pass.multiplies = false;
        }
        Ok(pass)
    }
}

/// The mask in the names of random streams. Every draw depends on this text, so it stays as it is.
fn stream_name(mask: &MaskName) -> String {
    let MaskName { method, ranks } = mask;
    match method.replicate {
        1 => format!("{}/{ranks}", method.name),
        replicate => format!("{}#{replicate}/{ranks}", method.name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use readlens_tables::vocabulary::{Method, MethodKind, Name, Ranks};

    #[test]
    fn streams_of_masks_keep_their_names() {
        let name = |replicate, ranks| {
            let name = Name::new("distilled").unwrap();
            let method = Method { kind: MethodKind::Explainer, name, replicate };
            stream_name(&MaskName { method, ranks })
        };
        assert_eq!(name(1, Ranks::All), "distilled/all");
        assert_eq!(name(2, Ranks::One(Name::new("genus").unwrap())), "distilled#2/genus");
    }
}
