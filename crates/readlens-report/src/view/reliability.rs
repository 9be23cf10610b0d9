use super::axis::Scale;
use super::frame::{Frame, Size, line};
use crate::text::{count_of, percent, px};

/// The drawing: the diagram above, and below it how many predictions each bin has.
const SIZE: Size =
    Size { width: 340.0, height: 320.0, left: 46.0, right: 19.0, top: 12.0, bottom: 40.0 };
/// Height of the bars, and the space above them.
const BARS: (f64, f64) = (42.0, 12.0);

/// Predictions of about one probability, as they are drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// The probabilities are above the first and reach up to the second.
    pub(crate) bounds: (f64, f64),
    pub(crate) probability: f64,
    pub(crate) accuracy: f64,
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) predictions: u64,
}

/// One set of bins.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) colour: usize,
    pub(crate) line: String,
    pub(crate) marks: Vec<Mark>,
}

/// A bin of a series.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) x: String,
    pub(crate) y: String,
    /// Ends of the interval, if there is one.
    pub(crate) whisker: Option<(String, String)>,
    /// Left and top end, width and height of the bar.
    pub(crate) bar: (String, String, String, String),
    pub(crate) note: String,
}

/// How often predictions are right, over how probable they are.
#[derive(Clone, Debug)]
pub(crate) struct Reliability {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) frame: Frame,
    /// Where a prediction is as often right as it is probable.
    pub(crate) diagonal: String,
    pub(crate) ground: String,
    pub(crate) series: Vec<Series>,
}

impl Reliability {
    /// The diagram of some sets of bins, each with its name; none where no set has a bin.
    pub(crate) fn of(title: String, sets: &[(&str, Vec<Point>)]) -> Option<Self> {
        let sets: Vec<_> = sets.iter().filter(|(_, points)| !points.is_empty()).collect();
        if sets.is_empty() {
            return None;
        }
        let (x, _) = SIZE.scales((0.0, 1.0), (0.0, 1.0));
        let ground = SIZE.height - SIZE.bottom;
        let y = Scale { from: (0.0, 1.0), to: (ground - BARS.0 - BARS.1, SIZE.top) };
        let most = sets.iter().flat_map(|(_, points)| points).map(|point| point.predictions).max();
        let bars = Scale { from: (0.0, most.unwrap_or(1) as f64), to: (0.0, BARS.0) };
        let mut told = Vec::new();
        let series = sets.iter().enumerate().map(|(place, (name, points))| {
            let shares: Vec<String> = points.iter().map(said).collect();
            told.push(format!("{name}: {}", shares.join("; ")));
            let mark = |point: &Point| {
                let (left, right) = (x.place(point.bounds.0), x.place(point.bounds.1));
                // Bars of several series stand beside one another.
                let wide = (right - left) / sets.len() as f64;
                let height = bars.place(point.predictions as f64).max(0.8);
                Mark {
                    x: x.at(point.probability),
                    y: y.at(point.accuracy),
                    whisker: point.interval.map(|(low, high)| (y.at(low), y.at(high))),
                    bar: (
                        px(left + wide * place as f64 + 0.5),
                        px(ground - height),
                        px((wide - 1.0).max(0.8)),
                        px(height),
                    ),
                    note: format!("{name}: {}", said(point)),
                }
            };
            Series {
                name: (*name).to_owned(),
                colour: place,
                line: line(points.iter().map(|p| (x.place(p.probability), y.place(p.accuracy)))),
                marks: points.iter().map(mark).collect(),
            }
        });
        let series = series.collect();
        Some(Self {
            description: format!("{title}. {}", told.join(". ")),
            title,
            frame: SIZE.frame(x.ticks(5, 100.0, " %"), y.ticks(5, 100.0, " %")),
            diagonal: line([0.0, 1.0].map(|share| (x.place(share), y.place(share))).into_iter()),
            ground: px(ground - BARS.0 - BARS.1),
            series,
        })
    }
}

fn said(point: &Point) -> String {
    let interval = point.interval.map_or_else(String::new, |(low, high)| {
        format!(" (95 % interval {}–{})", percent(low), percent(high))
    });
    format!(
        "mean probability {} %, right {} %{interval}, n = {}",
        percent(point.probability),
        percent(point.accuracy),
        count_of(point.predictions)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn points_lie_where_their_bins_say() {
        let point = |low: f64, probability, accuracy, predictions| Point {
            bounds: (low, low + 0.2),
            probability,
            accuracy,
            interval: None,
            predictions,
        };
        let sets = [
            ("before", vec![point(0.0, 0.0, 1.0, 10), point(0.8, 1.0, 0.0, 40)]),
            ("after", vec![]),
        ];
        let drawn = Reliability::of("genus".to_owned(), &sets).unwrap();
        assert_eq!(drawn.series.len(), 1, "a set without bins is not drawn");
        let [first, last] = drawn.series[0].marks.as_slice() else { panic!() };
        // Plot area: 46 to 321 across; 12 to 226 down, with the bars on 280.
        assert_eq!((first.x.as_str(), first.y.as_str()), ("46", "12"));
        assert_eq!((last.x.as_str(), last.y.as_str()), ("321", "226"));
        assert_eq!(drawn.diagonal, "M46 226L321 12");
        assert_eq!((last.bar.1.as_str(), last.bar.3.as_str()), ("238", "42"));
        assert_eq!(first.bar.3, "10.5");
        assert!(Reliability::of(String::new(), &sets[1..]).is_none());
    }
}
