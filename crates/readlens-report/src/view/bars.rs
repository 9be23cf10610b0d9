use super::axis::{Scale, Tick, round_end};
use super::frame::{Frame, Size};
use crate::tally::{Spread, Tally};
use crate::text::{count_of, figure, percent, px};

/// One bar of a histogram.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) note: String,
}

/// A histogram with axes.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) frame: Frame,
    pub(crate) x_title: String,
    pub(crate) bars: Vec<Bar>,
}

impl Histogram {
    /// How shares are spread, in percent.
    pub(crate) fn of_shares(title: &str, x_title: &str, counted: &str, spread: &Spread) -> Self {
        let (start, width, heights) = spread.bars();
        let end = start + width * heights.len() as f64;
        let drawing = Drawing { start, width, heights: &heights, counted };
        let (x, _) = Size::SMALL.scales((start, end), (0.0, 1.0));
        let range = |low: f64, high: f64| format!("{}–{} %", percent(low), percent(high));
        let description = format!("{title}: mean {} %", percent(spread.mean()));
        drawing.draw(title, description, x_title, &x.ticks(5, 100.0, " %"), x, &range)
    }

    /// How often whole numbers occurred.
    pub(crate) fn of_numbers(title: &str, x_title: &str, counted: &str, tally: &Tally) -> Self {
        let (start, width, heights) = tally.bars(32);
        // Bars stand over their numbers: a bar of width 1 over 3 reaches from 2.5 to 3.5.
        let half = if width == 1 { 0.5 } else { 0.0 };
        let first = start as f64 - half;
        let end = first + (width * heights.len() as u64) as f64;
        let drawing = Drawing { start: first, width: width as f64, heights: &heights, counted };
        let (x, _) = Size::SMALL.scales((first, end), (0.0, 1.0));
        let range = |low: f64, high: f64| {
            if width == 1 {
                figure_of(low + half)
            } else {
                format!("{}–{}", figure_of(low), figure_of(high - 1.0))
            }
        };
        let median = tally.median().map_or_else(|| "–".to_owned(), count_of);
        let description = format!("{title}: mean {}, median {median}", figure(tally.mean()));
        let ticks: Vec<Tick> = x.ticks(heights.len().min(5), 1.0, "");
        drawing.draw(title, description, x_title, &ticks, x, &range)
    }
}

fn figure_of(number: f64) -> String {
    count_of(number.max(0.0) as u64)
}

struct Drawing<'a> {
    start: f64,
    width: f64,
    heights: &'a [u64],
    /// What a bar counts, such as `windows`.
    counted: &'a str,
}

impl Drawing<'_> {
    fn draw(
        &self,
        title: &str,
        description: String,
        x_title: &str,
        x_ticks: &[Tick],
        x: Scale,
        range: &dyn Fn(f64, f64) -> String,
    ) -> Histogram {
        let most = self.heights.iter().copied().max().unwrap_or(0).max(1);
        let (_, y) = Size::SMALL.scales((0.0, 1.0), (0.0, round_end(most as f64, 4)));
        let bars = self.heights.iter().enumerate().filter(|(_, height)| **height > 0);
        let bars = bars.map(|(i, height)| {
            let low = self.start + self.width * i as f64;
            let (left, right) = (x.place(low), x.place(low + self.width));
            let top = y.place(*height as f64);
            Bar {
                x: px(left + 0.5),
                y: px(top),
                width: px((right - left - 1.0).max(0.8)),
                height: px((y.place(0.0) - top).max(0.6)),
                note: format!(
                    "{}: {} {}",
                    range(low, low + self.width),
                    count_of(*height),
                    self.counted
                ),
            }
        });
        let y_ticks = y.ticks(4, 1.0, "");
        let y_ticks = y_ticks.into_iter().filter(|tick| !tick.label.contains('.')).collect();
        Histogram {
            title: title.to_owned(),
            description,
            frame: Size::SMALL.frame(x_ticks.to_vec(), y_ticks),
            x_title: x_title.to_owned(),
            bars: bars.collect(),
        }
    }
}
