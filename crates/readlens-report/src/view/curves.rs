//! Curves over a share or level: small multiples, one per rank, with one legend for all.

use std::fmt::Write;

use super::axis::{Scale, Tick};
use super::frame::{Frame, Size, line};
use crate::metrics_table::Point;
use crate::text::{percent, px};

/// Ticks of an axis on which small shares are drawn wide.
const SQUARE_ROOT_TICKS: [f64; 7] = [0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.9];
/// Shapes of the points, in turn.
const SHAPES: usize = 4;

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A method with a colour; Explainers with solid lines, others broken.
    Method { colour: usize, is_explainer: bool },
    /// A method without a colour.
    Grey,
    /// A control that reads no mask.
    Control,
    /// The only curve of a chart, which is no method's.
    Plain,
}

impl Style {
    fn class(self) -> String {
        match self {
            Self::Method { colour, is_explainer: true } => format!("m{colour}"),
            Self::Method { colour, is_explainer: false } => format!("m{colour} other"),
            Self::Grey => "grey".to_owned(),
            Self::Control => "random".to_owned(),
            Self::Plain => "plain".to_owned(),
        }
    }

    /// Curves drawn later lie above those before.
    fn layer(self) -> usize {
        match self {
            Self::Grey => 0,
            Self::Control => 1,
            Self::Method { colour, .. } => 100 - colour.min(90),
            Self::Plain => 100,
        }
    }

    fn points(self, places: impl Iterator<Item = (f64, f64)>) -> String {
        let shape = match self {
            Self::Method { colour, .. } => colour % SHAPES,
            Self::Plain => 0,
            Self::Grey | Self::Control => return String::new(),
        };
        places.fold(String::new(), |mut path, (x, y)| {
            let _ = match shape {
                0 => write!(path, "M{} {}a3 3 0 1 0 6 0a3 3 0 1 0-6 0", px(x - 3.0), px(y)),
                1 => write!(path, "M{} {}h5.4v5.4h-5.4z", px(x - 2.7), px(y - 2.7)),
                2 => write!(path, "M{} {}l3.4 6h-6.8z", px(x), px(y - 3.8)),
                _ => write!(path, "M{} {}l3.7 3.7l-3.7 3.7l-3.7-3.7z", px(x), px(y - 3.7)),
            };
            path
        })
    }
}

/// A curve to draw.
#[derive(Clone, Debug)]
pub(crate) struct Curve<'a> {
    pub(crate) name: &'a str,
    pub(crate) style: Style,
    pub(crate) points: Vec<Point>,
    /// Whether the intervals are drawn as a band.
    pub(crate) has_band: bool,
}

/// A figure that has no share: a line across the panel.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) name: &'static str,
    pub(crate) style: &'static str,
    pub(crate) value: f64,
}

/// A single figure at its own place.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) name: &'static str,
    pub(crate) style: &'static str,
    pub(crate) point: Point,
}

/// How shares are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spacing {
    Even,
    /// By the square root: what happens at a few percent can be seen.
    SquareRoot,
}

impl Spacing {
    fn of(self, share: f64) -> f64 {
        match self {
            Self::Even => share,
            Self::SquareRoot => share.max(0.0).sqrt(),
        }
    }
}

/// One drawn curve.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) class: String,
    pub(crate) path: String,
    /// Empty without one.
    pub(crate) band: String,
    pub(crate) points: String,
    pub(crate) note: String,
    layer: usize,
}

/// A line across the panel.
#[derive(Clone, Debug)]
pub(crate) struct Across {
    pub(crate) style: &'static str,
    pub(crate) y: String,
    pub(crate) note: String,
}

/// A single figure.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) style: &'static str,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) whisker: Option<(String, String)>,
    pub(crate) note: String,
}

/// The curves of one rank.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) heading: String,
    pub(crate) description: String,
    pub(crate) frame: Frame,
    pub(crate) curves: Vec<Drawn>,
    pub(crate) levels: Vec<Across>,
    pub(crate) marks: Vec<Mark>,
}

impl Panel {
    /// Draws figures from 0 to 1; the axis is never cut, as lines must not exaggerate.
    pub(crate) fn of(
        heading: String,
        what: &str,
        spacing: Spacing,
        curves: &[Curve<'_>],
        levels: &[Level],
        spots: &[Spot],
    ) -> Self {
        let (x, y) = Size::LARGE.scales((0.0, 1.0), (0.0, 1.0));
        let place = |share: f64| x.place(spacing.of(share));
        let x_ticks = match spacing {
            Spacing::Even => x.ticks(5, 100.0, ""),
            Spacing::SquareRoot => SQUARE_ROOT_TICKS
                .iter()
                .map(|share| Tick { at: px(place(*share)), label: format!("{:.0}", 100.0 * share) })
                .collect(),
        };
        let frame = Size::LARGE.frame(x_ticks, y.ticks(5, 100.0, ""));
        let shown = |(share, figure): &Point| {
            format!("{} % at {} %", percent(figure.value), short_percent(*share))
        };
        let mut drawn: Vec<Drawn> = curves
            .iter()
            .filter(|curve| !curve.points.is_empty())
            .map(|curve| {
                let places = || curve.points.iter().map(|(s, f)| (place(*s), y.place(f.value)));
                let notes: Vec<String> = curve.points.iter().map(shown).collect();
                Drawn {
                    class: curve.style.class(),
                    path: line(places()),
                    band: if curve.has_band {
                        band(&curve.points, &place, &y)
                    } else {
                        String::new()
                    },
                    points: curve.style.points(places()),
                    note: format!("{}: {}", curve.name, notes.join(", ")),
                    layer: curve.style.layer(),
                }
            })
            .collect();
        drawn.sort_by_key(|curve| curve.layer);
        let mut ends: Vec<String> = curves
            .iter()
            .filter(|curve| curve.style != Style::Grey)
            .filter_map(|curve| {
                let (first, last) = (curve.points.first()?, curve.points.last()?);
                Some(format!("{} from {} to {}", curve.name, shown(first), shown(last)))
            })
            .collect();
        let named = |name: &str, value: f64| format!("{name} {} %", percent(value));
        ends.extend(levels.iter().map(|level| named(level.name, level.value)));
        ends.extend(spots.iter().map(|spot| format!("{} {}", spot.name, shown(&spot.point))));
        Self {
            description: format!("{what}, {heading}: {}", ends.join("; ")),
            heading,
            frame,
            curves: drawn,
            levels: levels
                .iter()
                .map(|level| Across {
                    style: level.style,
                    y: y.at(level.value),
                    note: named(level.name, level.value),
                })
                .collect(),
            marks: spots
                .iter()
                .map(|Spot { name, style, point: (share, figure) }| Mark {
                    style,
                    x: px(place(*share)),
                    y: y.at(figure.value),
                    whisker: figure.interval.map(|(low, high)| (y.at(low), y.at(high))),
                    note: format!("{name}: {}", shown(&(*share, *figure))),
                })
                .collect(),
        }
    }
}

/// `0.05` as `5`, `0.125` as `12.5`.
pub(crate) fn short_percent(share: f64) -> String {
    let text = percent(share);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The area between the ends of the intervals; empty where fewer than two points have one.
fn band(points: &[Point], place: &dyn Fn(f64) -> f64, y: &Scale) -> String {
    let with: Vec<(f64, (f64, f64))> =
        points.iter().filter_map(|(share, f)| Some((place(*share), f.interval?))).collect();
    if with.len() < 2 {
        return String::new();
    }
    let low = with.iter().map(|(x, (low, _))| (*x, y.place(*low)));
    let high = with.iter().rev().map(|(x, (_, high))| (*x, y.place(*high)));
    format!("{}z", line(low.chain(high)))
}

/// What a line or sign means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) class: String,
    pub(crate) points: String,
    /// Whether the sign is a single dot and not a line.
    pub(crate) is_mark: bool,
    pub(crate) name: String,
    /// Figures that belong to the curve, by rank.
    pub(crate) figures: String,
}

impl Entry {
    pub(crate) fn of_curve(name: &str, style: Style, figures: String) -> Self {
        let points = style.points([(16.0, 6.0)].into_iter());
        Self { class: style.class(), points, is_mark: false, name: name.to_owned(), figures }
    }

    pub(crate) fn of_level(name: &str, style: &str) -> Self {
        let (class, name) = (style.to_owned(), name.to_owned());
        Self { class, points: String::new(), is_mark: false, name, figures: String::new() }
    }

    pub(crate) fn of_spot(name: &str, style: &str) -> Self {
        Self { is_mark: true, ..Self::of_level(name, style) }
    }
}

/// The figures behind the curves of one rank.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) caption: String,
    pub(crate) shares: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

impl Numbers {
    pub(crate) fn of(caption: String, curves: &[Curve<'_>]) -> Self {
        let mut shares: Vec<f64> =
            curves.iter().flat_map(|curve| curve.points.iter().map(|(share, _)| *share)).collect();
        shares.sort_by(f64::total_cmp);
        shares.dedup();
        let rows = curves.iter().filter(|curve| !curve.points.is_empty()).map(|curve| {
            let cells = shares.iter().map(|share| {
                let point = curve.points.iter().find(|(known, _)| known == share);
                point.map_or_else(|| "–".to_owned(), |(_, figure)| percent(figure.value))
            });
            (curve.name.to_owned(), cells.collect())
        });
        Self {
            caption,
            rows: rows.collect(),
            shares: shares.iter().map(|share| format!("{} %", short_percent(*share))).collect(),
        }
    }
}

/// One kind of curve at all ranks.
#[derive(Clone, Debug)]
pub(crate) struct CurvePlot {
    /// Whether it has a curve per method.
    pub(crate) is_of_methods: bool,
    pub(crate) heading: &'static str,
    /// What it shows, and how to read it.
    pub(crate) reading: &'static str,
    pub(crate) caption: String,
    pub(crate) x_title: &'static str,
    pub(crate) panels: Vec<Panel>,
    pub(crate) legend: Vec<Entry>,
    pub(crate) numbers: Vec<Numbers>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics_table::Figure;

    fn points(values: &[(f64, f64)]) -> Vec<Point> {
        let figure = |value| Figure { value, interval: Some((value, value + 0.1)), n: 9 };
        values.iter().map(|(share, value)| (*share, figure(*value))).collect()
    }

    #[test]
    fn a_curve_has_a_point_per_share_and_lies_where_the_scales_say() {
        let style = Style::Method { colour: 1, is_explainer: true };
        let curve = Curve {
            name: "a",
            style,
            points: points(&[(0.0, 0.0), (0.25, 0.5), (1.0, 1.0)]),
            has_band: true,
        };
        let panel = |spacing| {
            Panel::of("genus".into(), "x", spacing, std::slice::from_ref(&curve), &[], &[])
        };
        let even = panel(Spacing::Even);
        assert_eq!(even.curves[0].path, "M44 230L120 120L348 10");
        assert_eq!(even.curves[0].points.matches('M').count(), 3);
        // Down one side of the band and up the other: three points each, joined.
        assert_eq!(even.curves[0].band.matches(['M', 'L']).count(), 6);
        assert_eq!(even.curves[0].note, "a: 0.0 % at 0 %, 50.0 % at 25 %, 100.0 % at 100 %");
        // The root of a quarter is a half.
        assert_eq!(panel(Spacing::SquareRoot).curves[0].path, "M44 230L196 120L348 10");
    }

    #[test]
    fn coloured_curves_lie_above_controls_and_those_above_grey_ones() {
        let curve =
            |style| Curve { name: "", style, points: points(&[(0.5, 0.5)]), has_band: true };
        let method = |colour| curve(Style::Method { colour, is_explainer: false });
        let curves = [method(0), method(3), curve(Style::Control), curve(Style::Grey)];
        let panel = Panel::of(String::new(), "", Spacing::Even, &curves, &[], &[]);
        let classes: Vec<&str> = panel.curves.iter().map(|c| c.class.as_str()).collect();
        assert_eq!(classes, ["grey", "random", "m3 other", "m0 other"]);
        // A single point has no band.
        assert!(panel.curves.iter().all(|curve| curve.band.is_empty()));
    }

    #[test]
    fn the_numbers_have_a_column_per_share_of_any_curve() {
        let curve = |name, values: &[(f64, f64)]| Curve {
            name,
            style: Style::Grey,
            points: points(values),
            has_band: false,
        };
        let curves = [curve("a", &[(0.1, 0.5), (0.125, 0.6)]), curve("b", &[(0.05, 1.0)])];
        let numbers = Numbers::of(String::new(), &curves);
        assert_eq!(numbers.shares, ["5 %", "10 %", "12.5 %"]);
        assert_eq!(numbers.rows[0].1, ["–", "50.0", "60.0"]);
        assert_eq!(numbers.rows[1].1, ["100.0", "–", "–"]);
    }
}
