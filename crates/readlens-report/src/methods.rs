//! The attribution methods that have figures: their names, and which of them get a colour.

use crate::figures::Figures;
use crate::text::spaced;

/// Colours of the style sheet for methods; further ones are thin and grey.
pub(crate) const COLOURS: usize = 8;
/// Methods that are known by these names; others are called as the table calls them.
const NAMES: [(&str, &str); 11] = [
    ("explainer", "Explainer"),
    ("random_tokens", "random tokens"),
    ("random_blocks", "random blocks"),
    ("gradient_input", "gradient × input"),
    ("integrated_gradients", "integrated gradients"),
    ("occlusion", "occlusion"),
    ("leave_one_out", "leave one out"),
    ("attention_rollout", "attention rollout"),
    ("lime", "LIME"),
    ("kernel_shap", "kernel SHAP"),
    ("optimized_mask", "optimised mask"),
];

/// One method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// As the tables call it.
    pub(crate) name: String,
    pub(crate) title: String,
    /// Whether the masks come from a trained network.
    pub(crate) is_explainer: bool,
    /// Whether it is the one that the page shows.
    pub(crate) is_shown: bool,
    /// Place of its colour, where it has one.
    pub(crate) colour: Option<usize>,
}

/// Whether a method's masks come from an Explainer: its name says so.
fn is_explainer(name: &str) -> bool {
    name.starts_with("explainer")
}

/// Whether a name says that the method is another one with another seed, as `explainer_seed2` does.
fn is_repeat(name: &str) -> bool {
    name.rsplit_once("_seed")
        .is_some_and(|(_, seed)| !seed.is_empty() && seed.bytes().all(|b| b.is_ascii_digit()))
}

/// `explainer_distilled` as `Explainer (distilled)`.
pub(crate) fn title_of(name: &str) -> String {
    if let Some((_, title)) = NAMES.iter().find(|(known, _)| *known == name) {
        return (*title).to_owned();
    }
    match name.strip_prefix("explainer_") {
        Some(preset) => format!("Explainer ({})", spaced(preset)),
        None => spaced(name),
    }
}

/// The methods of the metrics table: the one that is shown, other Explainers, other methods; each
/// group by how much it keeps, best first.
///
/// The method that is shown and the best of both groups have colours: four for each group, and
/// what one group does not need is the other's. Other seeds of a method have none.
pub(crate) fn methods(figures: &Figures, shown: Option<&str>, ranks: &[String]) -> Vec<Method> {
    let mut ordered: Vec<(&String, f64)> =
        figures.methods.iter().map(|name| (name, kept(figures, name, ranks))).collect();
    // The order of the table stands where there is nothing to choose by.
    ordered.sort_by(|(a, kept_a), (b, kept_b)| {
        let place = |name: &str| (Some(name) != shown, !is_explainer(name));
        place(a).cmp(&place(b)).then_with(|| kept_b.total_cmp(kept_a))
    });
    let may_have_colour = |name: &str| !is_repeat(name) || Some(name) == shown;
    let candidates = || ordered.iter().map(|(name, _)| name).filter(|name| may_have_colour(name));
    let explainers = candidates().filter(|name| is_explainer(name)).count();
    let others = candidates().count() - explainers;
    let for_explainers = explainers.min((COLOURS / 2).max(COLOURS.saturating_sub(others)));
    let mut left = [for_explainers, COLOURS - for_explainers];
    let mut next = 0;
    let methods = ordered.into_iter().map(|(name, _)| {
        let left = &mut left[usize::from(!is_explainer(name))];
        let colour = (*left > 0 && may_have_colour(name)).then(|| {
            *left -= 1;
            next += 1;
            next - 1
        });
        Method {
            title: title_of(name),
            is_explainer: is_explainer(name),
            is_shown: Some(name.as_str()) == shown,
            colour,
            name: name.clone(),
        }
    });
    methods.collect()
}

/// Mean over ranks of what is kept: the area under the insertion curve, or the accuracy of the hard
/// mask where there is none; −1 without both.
fn kept(figures: &Figures, method: &str, ranks: &[String]) -> f64 {
    let Some(kind) = figures.kinds(method).first().copied() else { return -1.0 };
    let mean = |operator: &str, metric: &str| {
        let found = ranks.iter().filter_map(|r| figures.get(method, kind, operator, r, metric));
        let values: Vec<f64> = found.map(|f| f.value).filter(|value| value.is_finite()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    mean("keep_top", "insertion_auc").or_else(|| mean("hard_masked", "accuracy")).unwrap_or(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coloured(names: &[&str]) -> Vec<String> {
        let mut figures = Figures::default();
        figures.methods = names.iter().map(|name| (*name).to_owned()).collect();
        let methods = methods(&figures, Some("explainer_b"), &[]);
        assert_eq!(methods.len(), names.len());
        methods.into_iter().filter(|m| m.colour.is_some()).map(|m| m.title).collect()
    }

    #[test]
    fn names_are_words() {
        assert_eq!(title_of("explainer"), "Explainer");
        assert_eq!(title_of("explainer_gradient_fed"), "Explainer (gradient fed)");
        assert_eq!(title_of("lime"), "LIME");
        assert_eq!(title_of("my_own"), "my own");
    }

    #[test]
    fn colours_go_to_both_groups_and_to_the_shown_method_first() {
        let few = coloured(&["lime", "explainer_a", "explainer_b", "occlusion"]);
        assert_eq!(few, ["Explainer (b)", "Explainer (a)", "LIME", "occlusion"]);
        let explainers: Vec<String> = (0..9).map(|i| format!("explainer_{i}")).collect();
        let mut names: Vec<&str> = explainers.iter().map(String::as_str).collect();
        assert_eq!(coloured(&names).len(), COLOURS);
        names.extend(["a", "b"]);
        assert_eq!(coloured(&names).iter().filter(|t| t.starts_with("Explainer")).count(), 6);
        names.extend(["c", "d", "e", "f"]);
        assert_eq!(coloured(&names).iter().filter(|t| t.starts_with("Explainer")).count(), 4);
        assert_eq!(coloured(&names).len(), COLOURS);
        // Other seeds are grey; a name that only looks like one is not.
        let seeds = coloured(&["explainer_b", "explainer_b_seed2", "explainer_seedling", "lime"]);
        assert_eq!(seeds, ["Explainer (b)", "Explainer (seedling)", "LIME"]);
    }
}
