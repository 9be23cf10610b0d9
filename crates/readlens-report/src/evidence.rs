//! Which curves the page draws of the methods' figures.

use readlens_tables::vocabulary::{Metric, Name, Operator};

use crate::methods::ListedMethod;
use crate::metrics_table::{Figure, Figures, Point, Subject};
use crate::text::{decimal, listed, spaced};
use crate::view::curves::{Curve, CurvePlot, Entry, Level, Numbers, Panel, Spacing, Spot, Style};

const CONTROL: &str = "random block of that size";
const WHOLE: &str = "whole sequence";
const FLOOR: &str = "most common taxon";
const SOFT: &str = "soft mask at its mean";
const HARD: &str = "hard mask at its own area";

/// A kind of plot with a curve per method.
struct Plan {
    heading: &'static str,
    reading: &'static str,
    x_title: &'static str,
    operator: Operator,
    control: Operator,
    /// Metric; none for accuracy, or agreement where nothing is labelled.
    metric: Option<Metric>,
    /// Metric of the area under the curve.
    area: Option<Metric>,
    spacing: Spacing,
    /// Operators of the ends: nothing and everything kept or removed.
    ends: Option<[Operator; 2]>,
    /// Operator of the single figure of the shown method.
    own: Option<Operator>,
}

const PLANS: [Plan; 4] = [
    Plan {
        heading: "How much must be kept",
        reading: "The tokens with the largest mask values are shown, as many as the axis says, and all others are hidden. The curve of a mask that found the evidence rises early and lies far above that of random blocks of the same size. The axis is drawn by its square root, so that small fractions can be read. The ring is the hard mask of the method that this page shows, at its own area.",
        x_title: "% of the tokens kept",
        operator: Operator::KeepTop,
        control: Operator::KeepBlock,
        metric: None,
        area: None,
        spacing: Spacing::SquareRoot,
        ends: None,
        own: Some(Operator::HardMasked),
    },
    Plan {
        heading: "What is lost when it is removed",
        reading: "The tokens with the largest mask values are hidden and all others are shown. The curve of a mask that found all of the evidence falls early. Where evidence is redundant, it may fall no earlier than that of random blocks.",
        x_title: "% of the tokens removed",
        operator: Operator::RemoveTop,
        control: Operator::RemoveBlock,
        metric: None,
        area: None,
        spacing: Spacing::SquareRoot,
        ends: None,
        own: None,
    },
    Plan {
        heading: "Insertion",
        reading: "This is the mean probability of the taxon that is predicted for the whole sequence, while tokens are added from the largest mask value to the smallest. A larger area under the curve is better.",
        x_title: "% of the tokens kept",
        operator: Operator::KeepTop,
        control: Operator::KeepBlock,
        metric: Some(Metric::PTarget),
        area: Some(Metric::InsertionAuc),
        spacing: Spacing::Even,
        ends: Some([Operator::AllZero, Operator::Unmasked]),
        own: None,
    },
    Plan {
        heading: "Deletion",
        reading: "This is the same probability while tokens are removed from the largest mask value to the smallest. A smaller area under the curve is better.",
        x_title: "% of the tokens removed",
        operator: Operator::RemoveTop,
        control: Operator::RemoveBlock,
        metric: Some(Metric::PTarget),
        area: Some(Metric::DeletionAuc),
        spacing: Spacing::Even,
        ends: Some([Operator::Unmasked, Operator::AllZero]),
        own: None,
    },
];

/// Figures by which the curves are looked up.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    figures: &'a Figures,
    methods: &'a [ListedMethod],
    ranks: &'a [Name],
}

/// All plots that there are figures for.
pub(crate) fn curve_plots(
    figures: &Figures,
    methods: &[ListedMethod],
    ranks: &[Name],
) -> Vec<CurvePlot> {
    let source = Source { figures, methods, ranks };
    let plots = PLANS.iter().filter_map(|plan| source.plot(plan));
    plots.chain(source.dose_response()).collect()
}

impl Source<'_> {
    /// The masks that a method's curves are of: those for all ranks where there are some. Without
    /// a method the figures that need no mask.
    fn subject<'a>(&self, method: Option<&'a ListedMethod>) -> Subject<'a> {
        method.map_or(Subject::NO_MASK, |listed| self.figures.subject(&listed.method))
    }

    fn find(
        &self,
        method: Option<&ListedMethod>,
        operator: Operator,
        rank: &Name,
        metric: Metric,
    ) -> Option<Figure> {
        let found = self.figures.get(self.subject(method), &operator.into(), rank, metric);
        found.filter(|figure| figure.value.is_finite())
    }

    fn curve(
        &self,
        method: Option<&ListedMethod>,
        operator: Operator,
        rank: &Name,
        metric: Metric,
    ) -> &[Point] {
        self.figures.curve(self.subject(method), &operator.into(), rank, metric)
    }

    /// Accuracy, or agreement where the curve of `operator` has no accuracy; with words for it.
    fn measure(&self, operator: Operator) -> (Metric, &'static str) {
        let has = |method: Option<&ListedMethod>| {
            let curve = |rank| self.curve(method, operator, rank, Metric::Accuracy);
            self.ranks.iter().any(|rank| !curve(rank).is_empty())
        };
        if has(None) || self.methods.iter().any(|method| has(Some(method))) {
            (Metric::Accuracy, "Accuracy in %")
        } else {
            (Metric::Agreement, "Agreement with the prediction for the whole sequence in %")
        }
    }

    fn levels(&self, rank: &Name, metric: Metric) -> Vec<Level> {
        let level = |operator, name, style| {
            let value = self.find(None, operator, rank, metric)?.value;
            Some(Level { name, style, value })
        };
        let levels = [
            level(Operator::Unmasked, WHOLE, "whole-level"),
            level(Operator::MajorityClass, FLOOR, "floor"),
        ];
        levels.into_iter().flatten().collect()
    }

    /// The shown method's figure under an operator, at the fraction that it keeps.
    fn spot(
        &self,
        operator: Operator,
        rank: &Name,
        metric: Metric,
        name: &'static str,
        style: &'static str,
    ) -> Option<Spot> {
        let method = self.methods.iter().find(|method| method.is_shown)?;
        let share = self.find(Some(method), operator, rank, Metric::KeptArea)?.value;
        let found = self.find(Some(method), operator, rank, metric)?;
        Some(Spot { name, style, point: (share, found) })
    }

    fn plot(&self, plan: &Plan) -> Option<CurvePlot> {
        let (metric, caption) = match plan.metric {
            Some(metric) => (metric, "Mean probability in %"),
            None => self.measure(plan.operator),
        };
        let points = |method: Option<&ListedMethod>, operator, rank: &Name| -> Vec<Point> {
            let mut points = self.curve(method, operator, rank, metric).to_vec();
            if let (Some(ends), false) = (plan.ends, points.is_empty()) {
                let end = |place: usize| self.find(None, ends[place], rank, metric);
                points.splice(0..0, end(0).map(|found| (0.0, found)));
                points.extend(end(1).map(|found| (1.0, found)));
            }
            points
        };
        let mut panels = Vec::new();
        let mut numbers = Vec::new();
        let mut is_drawn = vec![false; self.methods.len()];
        let mut has_control = false;
        let (mut levels_seen, mut has_own) = (Vec::new(), false);
        for rank in self.ranks {
            let mut curves: Vec<Curve<'_>> = Vec::new();
            for (method, is_drawn) in self.methods.iter().zip(&mut is_drawn) {
                let points = points(Some(method), plan.operator, rank);
                *is_drawn |= !points.is_empty();
                curves.push(Curve {
                    name: &method.title,
                    style: style(method),
                    points,
                    has_band: method.is_explainer() && method.colour.is_some(),
                });
            }
            if curves.iter().all(|curve| curve.points.is_empty()) {
                continue;
            }
            let control = points(None, plan.control, rank);
            has_control |= !control.is_empty();
            curves.push(Curve {
                name: CONTROL,
                style: Style::Control,
                points: control,
                has_band: false,
            });
            let levels = if plan.metric.is_none() { self.levels(rank, metric) } else { vec![] };
            levels_seen.extend(levels.iter().map(|level| (level.name, level.style)));
            let own = plan.own.and_then(|own| self.spot(own, rank, metric, HARD, "own"));
            has_own |= own.is_some();
            let spots: Vec<Spot> = own.into_iter().collect();
            let rank = spaced(rank);
            numbers.push(Numbers::of(format!("{caption}: {rank}"), &curves));
            panels.push(Panel::of(rank, plan.heading, plan.spacing, &curves, &levels, &spots));
        }
        if panels.is_empty() {
            return None;
        }
        let areas = |method: Option<&ListedMethod>, operator| {
            plan.area.map_or_else(String::new, |area| self.areas(method, operator, area))
        };
        let drawn = || self.methods.iter().zip(&is_drawn).filter(|(_, is)| **is).map(|(m, _)| m);
        let mut legend: Vec<Entry> = drawn()
            .filter(|method| method.colour.is_some())
            .map(|m| Entry::of_curve(&m.title, style(m), areas(Some(m), plan.operator)))
            .collect();
        if has_control {
            let areas = areas(None, plan.control);
            legend.push(Entry::of_curve(CONTROL, Style::Control, areas));
        }
        for (name, style) in [(WHOLE, "whole-level"), (FLOOR, "floor")] {
            if levels_seen.contains(&(name, style)) {
                legend.push(Entry::of_level(name, style));
            }
        }
        if has_own {
            legend.push(Entry::of_spot(HARD, "own"));
        }
        let grey: Vec<String> = drawn()
            .filter(|method| method.colour.is_none())
            .map(|method| match areas(Some(method), plan.operator) {
                areas if areas.is_empty() => method.title.clone(),
                areas => format!("{} ({areas})", method.title),
            })
            .collect();
        if !grey.is_empty() {
            legend.push(Entry::of_curve(&listed(&grey), Style::Grey, String::new()));
        }
        Some(CurvePlot {
            is_of_methods: true,
            heading: plan.heading,
            reading: plan.reading,
            caption: caption.to_owned(),
            x_title: plan.x_title,
            panels,
            legend,
            numbers,
        })
    }

    /// The areas under a method's curves, rank by rank; empty where there is none.
    fn areas(&self, method: Option<&ListedMethod>, operator: Operator, metric: Metric) -> String {
        let values: Vec<Option<Figure>> =
            self.ranks.iter().map(|rank| self.find(method, operator, rank, metric)).collect();
        if values.iter().all(Option::is_none) {
            return String::new();
        }
        let shown = values.iter().map(|found| found.map_or("–".to_owned(), |f| decimal(f.value)));
        format!("AUC {}", shown.collect::<Vec<_>>().join(" / "))
    }

    /// What multiplying every token by the same number does, and where the shown mask stands.
    fn dose_response(&self) -> Option<CurvePlot> {
        const NAME: &str = "every token multiplied by this number";
        let (metric, caption) = self.measure(Operator::Constant);
        let mut panels = Vec::new();
        let mut numbers = Vec::new();
        let (mut spots_seen, mut levels_seen) = (Vec::new(), Vec::new());
        for rank in self.ranks {
            let points = self.curve(None, Operator::Constant, rank, metric).to_vec();
            if points.is_empty() {
                continue;
            }
            let curves = [Curve { name: NAME, style: Style::Plain, points, has_band: true }];
            let levels = self.levels(rank, metric);
            levels_seen.extend(levels.iter().map(|level| level.name));
            let soft = self.spot(Operator::Masked, rank, metric, SOFT, "soft-spot");
            let hard = self.spot(Operator::HardMasked, rank, metric, HARD, "own");
            let spots: Vec<Spot> = soft.into_iter().chain(hard).collect();
            spots_seen.extend(spots.iter().map(|spot| spot.name));
            let rank = spaced(rank);
            numbers.push(Numbers::of(format!("{caption}: {rank}"), &curves));
            let what = "Dose-response";
            panels.push(Panel::of(rank, what, Spacing::Even, &curves, &levels, &spots));
        }
        if panels.is_empty() {
            return None;
        }
        let mut legend = vec![Entry::of_curve(NAME, Style::Plain, String::new())];
        for (name, style) in [(SOFT, "soft-spot"), (HARD, "own")] {
            if spots_seen.contains(&name) {
                legend.push(Entry::of_spot(name, style));
            }
        }
        for (name, style) in [(WHOLE, "whole-level"), (FLOOR, "floor")] {
            if levels_seen.contains(&name) {
                legend.push(Entry::of_level(name, style));
            }
        }
        Some(CurvePlot {
            is_of_methods: false,
            heading: "Dose-response",
            reading: "Every token is multiplied by the same number between 0 and 1. No mask is used. Where the curve is high at the mask's mean, multiplying hides little from this classifier, and the figures of the soft mask prove nothing. The hard mask shows or hides each token completely.",
            caption: caption.to_owned(),
            x_title: "factor on every token, or fraction kept, in %",
            panels,
            legend,
            numbers,
        })
    }
}

fn style(method: &ListedMethod) -> Style {
    method
        .colour
        .map_or(Style::Grey, |colour| Style::Method { colour, is_explainer: method.is_explainer() })
}
