//! The attribution methods that have figures: their titles, and which of them get a colour.

use readlens_tables::vocabulary::{
    AttributionMethod, MaskName, Method, MethodKind, Metric, Name, Operator, Ranks,
};

use crate::metrics_table::Figures;
use crate::text::spaced;

/// Colours of the style sheet for methods; further ones are thin and grey.
pub(crate) const COLOURS: usize = 8;

/// One method of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedMethod {
    pub(crate) method: Method,
    pub(crate) title: String,
    /// Whether it is the one that the page shows.
    pub(crate) is_shown: bool,
    /// Place of its colour, where it has one.
    pub(crate) colour: Option<usize>,
}

impl ListedMethod {
    /// Whether the masks come from a trained network.
    pub(crate) fn is_explainer(&self) -> bool {
        is_explainer(&self.method)
    }
}

fn is_explainer(method: &Method) -> bool {
    method.kind == MethodKind::Explainer
}

/// The Explainer `distilled` as `Explainer (distilled)`, its second replicate as
/// `Explainer (distilled), replicate 2`.
pub(crate) fn title_of(method: &Method) -> String {
    let title = match method.known() {
        Some(known) => known_title(known).to_owned(),
        None if !is_explainer(method) => spaced(&method.name),
        None if method.name == *Name::EXPLAINER => "Explainer".to_owned(),
        None => format!("Explainer ({})", spaced(&method.name)),
    };
    match method.replicate {
        1 => title,
        replicate => format!("{title}, replicate {replicate}"),
    }
}

const fn known_title(method: AttributionMethod) -> &'static str {
    match method {
        AttributionMethod::RandomTokens => "random tokens",
        AttributionMethod::RandomBlocks => "random blocks",
        AttributionMethod::GradientInput => "gradient × input",
        AttributionMethod::IntegratedGradients => "integrated gradients",
        AttributionMethod::PathContribution => "path contributions",
        AttributionMethod::ClassQuery => "class query",
        AttributionMethod::Occlusion => "occlusion",
        AttributionMethod::LeaveOneOut => "leave one out",
        AttributionMethod::AttentionRollout => "attention rollout",
        AttributionMethod::Lime => "LIME",
        AttributionMethod::KernelShap => "kernel SHAP",
        AttributionMethod::OptimizedMask => "optimised mask",
    }
}

/// `Explainer, mask for all ranks`.
pub(crate) fn title_of_mask(mask: &MaskName) -> String {
    format!("{}, mask for {}", title_of(&mask.method), ranks_in_words(&mask.ranks))
}

/// `all ranks`, or the rank.
pub(crate) fn ranks_in_words(ranks: &Ranks) -> String {
    match ranks {
        Ranks::All => "all ranks".to_owned(),
        Ranks::One(rank) => spaced(rank),
    }
}

/// The methods of the metrics table: the one that is shown, other Explainers, other methods; each
/// group by how much it keeps, best first.
///
/// The method that is shown and the best of both groups have colours: four for each group, and
/// what one group does not need is the other's. Further replicates of a method have none.
pub(crate) fn methods(
    figures: &Figures,
    shown: Option<&Method>,
    ranks: &[Name],
) -> Vec<ListedMethod> {
    let mut ordered: Vec<(&Method, f64)> =
        figures.methods.iter().map(|method| (method, kept(figures, method, ranks))).collect();
    // The order of the table stands where there is nothing to choose by.
    ordered.sort_by(|(a, kept_a), (b, kept_b)| {
        let place = |method: &Method| (Some(method) != shown, !is_explainer(method));
        place(a).cmp(&place(b)).then_with(|| kept_b.total_cmp(kept_a))
    });
    let may_have_colour = |method: &Method| method.replicate == 1 || Some(method) == shown;
    let candidates =
        || ordered.iter().map(|(method, _)| *method).filter(|method| may_have_colour(method));
    let explainers = candidates().filter(|method| is_explainer(method)).count();
    let others = candidates().count() - explainers;
    let for_explainers = explainers.min((COLOURS / 2).max(COLOURS.saturating_sub(others)));
    let mut left = [for_explainers, COLOURS - for_explainers];
    let mut next = 0;
    let methods = ordered.into_iter().map(|(method, _)| {
        let left = &mut left[usize::from(!is_explainer(method))];
        let colour = (*left > 0 && may_have_colour(method)).then(|| {
            *left -= 1;
            next += 1;
            next - 1
        });
        ListedMethod {
            title: title_of(method),
            is_shown: Some(method) == shown,
            colour,
            method: method.clone(),
        }
    });
    methods.collect()
}

/// Mean over ranks of what is kept: the area under the insertion curve, or the accuracy of the hard
/// mask where there is none; −1 without both.
fn kept(figures: &Figures, method: &Method, ranks: &[Name]) -> f64 {
    let subject = figures.subject(method);
    let mean = |operator: Operator, metric| {
        let treatment = operator.into();
        let found = ranks.iter().filter_map(|rank| figures.get(subject, &treatment, rank, metric));
        let values: Vec<f64> = found.map(|f| f.value).filter(|value| value.is_finite()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    mean(Operator::KeepTop, Metric::InsertionAuc)
        .or_else(|| mean(Operator::HardMasked, Metric::Accuracy))
        .unwrap_or(-1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn method(kind: MethodKind, name: &str, replicate: u32) -> Method {
        Method { kind, name: name.parse().unwrap(), replicate }
    }

    fn explainer(name: &str) -> Method {
        method(MethodKind::Explainer, name, 1)
    }

    fn attribution(name: &str) -> Method {
        method(MethodKind::Attribution, name, 1)
    }

    fn coloured(known: &[Method]) -> Vec<String> {
        let mut figures = Figures::default();
        figures.methods = known.to_vec();
        let methods = methods(&figures, Some(&explainer("b")), &[]);
        assert_eq!(methods.len(), known.len());
        methods.into_iter().filter(|m| m.colour.is_some()).map(|m| m.title).collect()
    }

    #[test]
    fn titles_say_what_made_the_masks() {
        assert_eq!(title_of(&explainer("explainer")), "Explainer");
        assert_eq!(title_of(&explainer("gradient_fed")), "Explainer (gradient fed)");
        assert_eq!(title_of(&attribution("lime")), "LIME");
        assert_eq!(title_of(&attribution("my_own")), "my own");
        // A rival that only looks like one of ours, and an Explainer that only looks like a rival.
        assert_eq!(title_of(&attribution("explainer_x")), "explainer x");
        assert_eq!(title_of(&explainer("lime")), "Explainer (lime)");
        let third = method(MethodKind::Explainer, "distilled", 3);
        assert_eq!(title_of(&third), "Explainer (distilled), replicate 3");
    }

    #[test]
    fn colours_go_to_both_groups_and_to_the_shown_method_first() {
        let few = coloured(&[
            attribution("lime"),
            explainer("a"),
            explainer("b"),
            attribution("occlusion"),
        ]);
        assert_eq!(few, ["Explainer (b)", "Explainer (a)", "LIME", "occlusion"]);
        let mut known: Vec<Method> = (0..9).map(|i| explainer(&i.to_string())).collect();
        assert_eq!(coloured(&known).len(), COLOURS);
        let explainers =
            |titles: &[String]| titles.iter().filter(|t| t.starts_with("Explainer")).count();
        known.extend(["a", "b"].map(attribution));
        assert_eq!(explainers(&coloured(&known)), 6);
        known.extend(["c", "d", "e", "f"].map(attribution));
        assert_eq!(explainers(&coloured(&known)), 4);
        assert_eq!(coloured(&known).len(), COLOURS);
        // Further replicates are grey.
        let second = method(MethodKind::Explainer, "b", 2);
        let replicates = coloured(&[explainer("b"), second, attribution("lime")]);
        assert_eq!(replicates, ["Explainer (b)", "LIME"]);
    }
}
