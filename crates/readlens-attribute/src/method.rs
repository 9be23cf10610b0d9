use std::fmt;
use std::str::FromStr;

use readlens_tables::vocabulary::AttributionMethod;
use serde::{Serialize, Serializer};

/// An attribution method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Scores that are drawn: the control of methods that mark scattered tokens.
    RandomTokens,
    /// Scores that fall with the distance from a random block: the control of methods that mark stretches.
    RandomBlocks,
    /// The gradient to the mask at the whole input.
    GradientInput,
    /// The gradient to the mask, averaged from the hidden to the whole input (Sundararajan et al. 2017).
    IntegratedGradients,
    /// What hiding a stretch costs (Zeiler & Fergus 2014).
    Occlusion,
    /// What hiding one token costs.
    LeaveOneOut,
    /// Attention followed through the blocks (Abnar & Zuidema 2020).
    AttentionRollout,
    /// A linear model of the classifier around the window (Ribeiro et al. 2016).
    Lime,
    /// Shapley values by weighted regression (Lundberg & Lee 2017).
    KernelShap,
    /// A mask trained for this window alone, with DiffMask's aim (De Cao et al. 2020).
    OptimizedMask,
}

impl Method {
    /// All, from the cheapest idea to the most costly.
    pub const ALL: [Self; 10] = [
        Self::RandomTokens,
        Self::RandomBlocks,
        Self::GradientInput,
        Self::IntegratedGradients,
        Self::Occlusion,
        Self::LeaveOneOut,
        Self::AttentionRollout,
        Self::Lime,
        Self::KernelShap,
        Self::OptimizedMask,
    ];

    /// The method as the tables know it.
    pub fn word(self) -> AttributionMethod {
        match self {
            Self::RandomTokens => AttributionMethod::RandomTokens,
            Self::RandomBlocks => AttributionMethod::RandomBlocks,
            Self::GradientInput => AttributionMethod::GradientInput,
            Self::IntegratedGradients => AttributionMethod::IntegratedGradients,
            Self::Occlusion => AttributionMethod::Occlusion,
            Self::LeaveOneOut => AttributionMethod::LeaveOneOut,
            Self::AttentionRollout => AttributionMethod::AttentionRollout,
            Self::Lime => AttributionMethod::Lime,
            Self::KernelShap => AttributionMethod::KernelShap,
            Self::OptimizedMask => AttributionMethod::OptimizedMask,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word().name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.word().name() == text).ok_or_else(|| {
            format!(
                "expected one of {}, found {text:?}",
                Self::ALL.map(|method| method.word().name()).join(", ")
            )
        })
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word().name())
    }
}
