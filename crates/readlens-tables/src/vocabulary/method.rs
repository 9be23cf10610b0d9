use std::fmt;

use super::name::Name;
use super::words::{Vocabulary, vocabulary};

vocabulary! {
    /// Where masks come from.
    MethodKind, "a kind of method": {
        Explainer = "explainer", "A network that was trained to make masks.";
        Attribution = "attribution", "A method that asks the classifier anew about each window.";
        Control = "control", "Masks that know nothing of the classifier, which others are compared with.";
    }
}

vocabulary! {
    /// The attribution methods and controls of the stage `attribute`, in its order.
    AttributionMethod, "an attribution method": {
        RandomTokens = "random_tokens", "Random scores: the control of methods that mark scattered tokens.";
        RandomBlocks = "random_blocks", "Scores that fall with the distance from a random block: the control of methods that mark stretches.";
        GradientInput = "gradient_input", "The gradient of the target's log-probability with respect to each token's factor, at the whole input.";
        IntegratedGradients = "integrated_gradients", "That gradient averaged along the way from the empty to the whole input (Sundararajan et al. 2017).";
        PathContribution = "path_contribution", "z-scores of that gradient where little and where all is seen, of each rank for itself, added up.";
        ClassQuery = "class_query", "The product of the token's own embedding and of the predicted class's row of the head, before attention.";
        Occlusion = "occlusion", "What the target loses when a stretch around the token is hidden (Zeiler & Fergus 2014).";
        LeaveOneOut = "leave_one_out", "What the target loses when the token alone is hidden.";
        AttentionRollout = "attention_rollout", "Attention followed through the layers (Abnar & Zuidema 2020).";
        Lime = "lime", "The weights of a linear model fitted to predictions of randomly masked inputs (Ribeiro et al. 2016).";
        KernelShap = "kernel_shap", "Shapley values estimated by a weighted linear model (Lundberg & Lee 2017).";
        OptimizedMask = "optimized_mask", "A mask trained for this one window, with DiffMask's aim (De Cao et al. 2020).";
    }
}

impl AttributionMethod {
    /// What its masks are.
    pub const fn kind(self) -> MethodKind {
        match self {
            Self::RandomTokens | Self::RandomBlocks => MethodKind::Control,
            Self::GradientInput
            | Self::IntegratedGradients
            | Self::PathContribution
            | Self::ClassQuery
            | Self::Occlusion
            | Self::LeaveOneOut
            | Self::AttentionRollout
            | Self::Lime
            | Self::KernelShap
            | Self::OptimizedMask => MethodKind::Attribution,
        }
    }
}

/// What made a mask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method {
    /// Explainers come first, then attribution methods, then controls.
    pub kind: MethodKind,
    /// Name that the user or the stage gave it.
    pub name: Name,
    /// Which of several runs of the same method it is, such as trainings with other seeds: from 1.
    pub replicate: u32,
}

impl Method {
    /// The attribution method that this is, where it is one of the stage `attribute`.
    pub fn known(&self) -> Option<AttributionMethod> {
        AttributionMethod::named(&self.name).filter(|_| self.kind != MethodKind::Explainer)
    }
}

/// The name, and behind it the replicate where it is not the first.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.replicate {
            1 => f.write_str(&self.name),
            replicate => write!(f, "{}, replicate {replicate}", self.name),
        }
    }
}

/// A mask of a window: what made it and what it explains. A window has each at most once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaskName {
    /// What made it.
    pub method: Method,
    /// What it explains.
    pub ranks: super::Ranks,
}

impl fmt::Display for MaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ranks {
            super::Ranks::All => write!(f, "{} for all ranks", self.method),
            super::Ranks::One(rank) => write!(f, "{} for {rank}", self.method),
        }
    }
}

vocabulary! {
    /// Which taxon a mask explains.
    TargetKind, "a kind of target": {
        Predicted = "predicted", "The taxon that the classifier predicts for the untouched window.";
        Label = "label", "The taxon that the table of tokens gives the record.";
        Other = "other", "The taxon that the classifier predicts for another window: a control.";
    }
}
