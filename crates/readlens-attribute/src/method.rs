use std::fmt;
use std::str::FromStr;

use readlens_tables::vocabulary::AttributionMethod;
use serde::Serialize;

use crate::settings::{IntegratedGradients, KernelShap, Lime, Occlusion, OptimizedMask, Setting};

/// An attribution method with its own settings.
///
/// It is written as its name and then the settings that differ from the defaults, joined by colons.
///
/// ```
/// use readlens_attribute::{Lime, Method};
///
/// let method: Method = "lime:samples=100:ridge=0.5".parse().unwrap();
/// assert_eq!(method, Method::Lime(Lime { samples: 100, ridge: 0.5, ..Lime::default() }));
/// assert!("gradient_input:samples=100".parse::<Method>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Method {
    /// Scores that are drawn: the control of methods that mark scattered tokens.
    RandomTokens,
    /// Scores that fall with the distance from a random block: the control of methods that mark
    /// stretches.
    RandomBlocks,
    /// The gradient to the mask at the whole input.
    GradientInput,
    /// The gradient to the mask, averaged from the hidden to the whole input (Sundararajan et al.
    /// 2017).
    IntegratedGradients(IntegratedGradients),
    /// z-scores of the gradient to the mask where little and where all is seen, of each rank for
    /// itself, added up: for a bag, which is linear in the mask, the contributions of its tokens.
    PathContribution,
    /// How the token's own embedding speaks for the class, before attention.
    ClassQuery,
    /// What hiding a stretch costs (Zeiler & Fergus 2014).
    Occlusion(Occlusion),
    /// What hiding one token costs.
    LeaveOneOut,
    /// Attention followed through the blocks (Abnar & Zuidema 2020).
    AttentionRollout,
    /// A linear model of the classifier around the window (Ribeiro et al. 2016).
    Lime(Lime),
    /// Shapley values by weighted regression (Lundberg & Lee 2017).
    KernelShap(KernelShap),
    /// A mask trained for this window alone, with DiffMask's aim (De Cao et al. 2020).
    OptimizedMask(OptimizedMask),
}

impl Method {
    /// All methods with their default settings, in the order of the vocabulary.
    pub fn all() -> Vec<Self> {
        AttributionMethod::ALL.iter().copied().map(Self::with_defaults).collect()
    }

    /// The method with its default settings.
    fn with_defaults(word: AttributionMethod) -> Self {
        match word {
            AttributionMethod::RandomTokens => Self::RandomTokens,
            AttributionMethod::RandomBlocks => Self::RandomBlocks,
            AttributionMethod::GradientInput => Self::GradientInput,
            AttributionMethod::IntegratedGradients => {
                Self::IntegratedGradients(IntegratedGradients::default())
            }
            AttributionMethod::PathContribution => Self::PathContribution,
            AttributionMethod::ClassQuery => Self::ClassQuery,
            AttributionMethod::Occlusion => Self::Occlusion(Occlusion::default()),
            AttributionMethod::LeaveOneOut => Self::LeaveOneOut,
            AttributionMethod::AttentionRollout => Self::AttentionRollout,
            AttributionMethod::Lime => Self::Lime(Lime::default()),
            AttributionMethod::KernelShap => Self::KernelShap(KernelShap::default()),
            AttributionMethod::OptimizedMask => Self::OptimizedMask(OptimizedMask::default()),
        }
    }

    /// The method as the tables know it.
    pub fn word(self) -> AttributionMethod {
        match self {
            Self::RandomTokens => AttributionMethod::RandomTokens,
            Self::RandomBlocks => AttributionMethod::RandomBlocks,
            Self::GradientInput => AttributionMethod::GradientInput,
            Self::IntegratedGradients(_) => AttributionMethod::IntegratedGradients,
            Self::PathContribution => AttributionMethod::PathContribution,
            Self::ClassQuery => AttributionMethod::ClassQuery,
            Self::Occlusion(_) => AttributionMethod::Occlusion,
            Self::LeaveOneOut => AttributionMethod::LeaveOneOut,
            Self::AttentionRollout => AttributionMethod::AttentionRollout,
            Self::Lime(_) => AttributionMethod::Lime,
            Self::KernelShap(_) => AttributionMethod::KernelShap,
            Self::OptimizedMask(_) => AttributionMethod::OptimizedMask,
        }
    }

    /// The method's name in the tables.
    pub fn name(self) -> &'static str {
        self.word().name()
    }

    /// Whether its scores are for a given taxon.
    pub fn explains_a_taxon(self) -> bool {
        !matches!(self, Self::RandomTokens | Self::RandomBlocks | Self::AttentionRollout)
    }

    /// What it needs besides predictions; none where these are enough, so that it can explain a
    /// program of somebody else's.
    pub fn looks_inside(self) -> Option<&'static str> {
        match self {
            Self::RandomTokens
            | Self::RandomBlocks
            | Self::Occlusion(_)
            | Self::LeaveOneOut
            | Self::Lime(_)
            | Self::KernelShap(_) => None,
            Self::GradientInput
            | Self::IntegratedGradients(_)
            | Self::PathContribution
            | Self::OptimizedMask(_) => Some("needs gradients"),
            Self::ClassQuery => Some("reads embeddings"),
            Self::AttentionRollout => Some("follows attention"),
        }
    }

    /// All methods and their settings with defaults, one a line.
    pub fn list() -> String {
        let mut lines = String::new();
        for mut method in Self::all() {
            lines += &format!("- {}: {}\n", method.name(), method.word().meaning());
            for setting in method.settings() {
                let (name, value) = (setting.name, setting.text());
                lines += &format!("    - {name}={value}: {}\n", setting.meaning);
            }
        }
        lines
    }

    /// The method's settings, by the names that [`FromStr`] and `Display` use.
    fn settings(&mut self) -> Vec<Setting<'_>> {
        match self {
            Self::RandomTokens
            | Self::RandomBlocks
            | Self::GradientInput
            | Self::PathContribution
            | Self::ClassQuery
            | Self::LeaveOneOut
            | Self::AttentionRollout => Vec::new(),
            Self::IntegratedGradients(of) => {
                vec![Setting::count("steps", &mut of.steps, "points of the path")]
            }
            Self::Occlusion(of) => vec![
                Setting::count("width", &mut of.width, "tokens hidden together"),
                Setting::count(
                    "stride",
                    &mut of.stride,
                    "tokens from one hidden stretch to the next, at most the width",
                ),
            ],
            Self::Lime(of) => vec![
                Setting::count("samples", &mut of.samples, "masked inputs per window"),
                Setting::count("segment", &mut of.segment, "tokens of a feature"),
                Setting::positive(
                    "kernel-width",
                    &mut of.kernel_width,
                    "width of the weights, in cosine distance; the lime package has 0.25",
                ),
                Setting::positive("ridge", &mut of.ridge, "weight of the squared coefficients"),
            ],
            Self::KernelShap(of) => vec![
                Setting::count(
                    "samples",
                    &mut of.samples,
                    "masked inputs per window; exact where they cover all combinations",
                ),
                Setting::count("segment", &mut of.segment, "tokens of a player"),
            ],
            Self::OptimizedMask(of) => vec![
                Setting::count("steps", &mut of.steps, "steps of the optimiser Adam"),
                Setting::positive("learning-rate", &mut of.learning_rate, "learning rate of Adam"),
                Setting::weight(
                    "area-weight",
                    &mut of.area_weight,
                    "weight of the mask's area in the loss; more gives smaller masks",
                ),
            ],
        }
    }

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// What is wrong, with the names of the method and the setting.
    pub fn check(self) -> Result<(), String> {
        let mut copy = self;
        copy.settings()
            .iter()
            .try_for_each(Setting::check)
            .map_err(|problem| format!("{}: {problem}", self.name()))?;
        match self {
            Self::Occlusion(Occlusion { width, stride }) if stride > width => Err(format!(
                "occlusion: stride must be at most the width of {width}, so that no token is \
                 skipped, not {stride}"
            )),
            _ => Ok(()),
        }
    }

    /// Why the setting `name` is refused: what the method knows instead, and whose it is.
    fn unknown(mut self, name: &str) -> String {
        let method = self.name();
        let known: Vec<&str> = self.settings().iter().map(|setting| setting.name).collect();
        let knows = match known.as_slice() {
            [] => "it has no settings".to_owned(),
            names => format!("it knows {}", names.join(", ")),
        };
        let has_it = |other: &Self| {
            let mut copy = *other;
            copy.settings().iter().any(|setting| setting.name == name)
        };
        let owners: Vec<&str> =
            Self::all().into_iter().filter(has_it).map(|other| other.name()).collect();
        match owners.as_slice() {
            [] => format!("{method} has no setting {name:?}: {knows}"),
            owners => format!(
                "{method} has no setting {name:?}, which belongs to {}: {knows}",
                owners.join(", ")
            ),
        }
    }
}

/// The name and all settings, as they can be typed.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut copy = *self;
        copy.settings()
            .iter()
            .try_for_each(|setting| write!(f, ":{}={}", setting.name, setting.text()))
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let mut method =
            Self::all().into_iter().find(|method| method.name() == name).ok_or_else(|| {
                let names: Vec<&str> =
                    AttributionMethod::ALL.iter().map(|word| word.name()).collect();
                let names = names.join(", ");
                let remedy = if name.contains('=') {
                    "; settings follow their method behind colons, as in lime:samples=500:ridge=1"
                } else {
                    ""
                };
                format!("expected one of {names}, found {name:?}{remedy}")
            })?;
        let mut given: Vec<&str> = Vec::new();
        for part in parts {
            let Some((setting, value)) = part.split_once('=') else {
                return Err(format!(
                    "{name}: expected SETTING=VALUE behind the colon, found {part:?}"
                ));
            };
            if given.contains(&setting) {
                return Err(format!("{name}: {setting} is given twice"));
            }
            given.push(setting);
            let mut settings = method.settings();
            match settings.iter_mut().find(|known| known.name == setting) {
                Some(known) => known.set(value).map_err(|problem| format!("{name}: {problem}"))?,
                None => return Err(method.unknown(setting)),
            }
        }
        method.check()?;
        Ok(method)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<Method>().unwrap_err()
    }

    #[test]
    fn a_method_is_read_as_it_is_written() {
        for method in Method::all() {
            assert_eq!(method.to_string().parse(), Ok(method));
            assert_eq!(method.name().parse(), Ok(method), "a bare name has the defaults");
        }
        let text = "optimized_mask:steps=7:learning-rate=0.25:area-weight=0";
        let method: Method = text.parse().unwrap();
        let of = OptimizedMask { steps: 7, learning_rate: 0.25, area_weight: 0.0 };
        assert_eq!(method, Method::OptimizedMask(of));
        assert_eq!(method.to_string(), text);
        let of = Occlusion { width: 3, stride: 1 };
        assert_eq!("occlusion:stride=1:width=3".parse(), Ok(Method::Occlusion(of)));
    }

    #[test]
    fn a_manifest_has_the_name_and_the_settings() {
        let json = |text: &str| serde_json::to_string(&text.parse::<Method>().unwrap()).unwrap();
        assert_eq!(json("leave_one_out"), r#"{"name":"leave_one_out"}"#);
        assert_eq!(
            json("lime:samples=9"),
            r#"{"name":"lime","samples":9,"segment":2,"kernel_width":1.0,"ridge":1.0}"#
        );
        for method in Method::all() {
            let value = serde_json::to_value(method).unwrap();
            assert_eq!(value["name"], method.name());
        }
    }

    #[test]
    fn a_setting_of_another_method_is_refused_with_what_the_method_knows() {
        assert_eq!(
            refusal("lime:width=3"),
            "lime has no setting \"width\", which belongs to occlusion: it knows samples, \
             segment, kernel-width, ridge"
        );
        assert_eq!(
            refusal("gradient_input:samples=3"),
            "gradient_input has no setting \"samples\", which belongs to lime, kernel_shap: it \
             has no settings"
        );
        assert_eq!(
            refusal("kernel_shap:sample=3"),
            "kernel_shap has no setting \"sample\": it knows samples, segment"
        );
    }

    #[test]
    fn what_is_no_method_or_setting_is_refused() {
        let cases = [
            ("", "expected one of random_tokens"),
            ("saliency", "found \"saliency\""),
            ("ridge=1", "settings follow their method behind colons"),
            ("lime:", "lime: expected SETTING=VALUE"),
            ("lime:samples", "found \"samples\""),
            ("lime:samples=5:samples=6", "samples is given twice"),
            ("lime:samples=many", "samples must be a whole number from 1 to 1048576, not many"),
            ("lime:samples=0", "samples must be a whole number from 1"),
            ("kernel_shap:segment=-1", "not -1"),
            ("integrated_gradients:steps=1048577", "not 1048577"),
            ("lime:ridge=0", "ridge must be a number above 0, not 0"),
            ("lime:kernel-width=inf", "kernel-width must be a number above 0, not inf"),
            ("optimized_mask:learning-rate=NaN", "not NaN"),
            ("optimized_mask:area-weight=-1", "area-weight must be a number of at least 0"),
            ("occlusion:width=1", "stride must be at most the width of 1"),
        ];
        for (text, part) in cases {
            assert!(refusal(text).contains(part), "{text}: {}", refusal(text));
        }
    }
}
