//! The plot area of a chart: its size, its axes, and lines through it.

use std::fmt::Write;

use super::axis::{Scale, Tick};
use crate::text::px;

/// Size of a chart and the margins around its plot area, in drawing units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Size {
    /// Of histograms and training curves.
    pub(crate) const SMALL: Self =
        Self { width: 340.0, height: 190.0, left: 46.0, right: 19.0, top: 10.0, bottom: 34.0 };
    /// Of the methods' curves.
    pub(crate) const LARGE: Self =
        Self { width: 360.0, height: 270.0, left: 44.0, right: 12.0, top: 10.0, bottom: 40.0 };

    /// Scales of the plot area for these ranges of values.
    pub(crate) fn scales(&self, x: (f64, f64), y: (f64, f64)) -> (Scale, Scale) {
        (
            Scale { from: x, to: (self.left, self.width - self.right) },
            Scale { from: y, to: (self.height - self.bottom, self.top) },
        )
    }

    pub(crate) fn frame(&self, x_ticks: Vec<Tick>, y_ticks: Vec<Tick>) -> Frame {
        Frame {
            width: px(self.width),
            height: px(self.height),
            left: px(self.left),
            right: px(self.width - self.right),
            bottom: px(self.height - self.bottom),
            middle: px((self.left + self.width - self.right) / 2.0),
            x_ticks,
            y_ticks,
        }
    }
}

/// Axes and their ticks.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) bottom: String,
    pub(crate) middle: String,
    pub(crate) x_ticks: Vec<Tick>,
    pub(crate) y_ticks: Vec<Tick>,
}

/// Straight lines from place to place, as the data of an SVG path.
pub(crate) fn line(places: impl Iterator<Item = (f64, f64)>) -> String {
    places.enumerate().fold(String::new(), |mut path, (i, (x, y))| {
        let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, px(x), px(y));
        path
    })
}
