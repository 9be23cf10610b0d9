use std::fmt::Write;

use readlens_text::Interval;

use super::axis::{Scale, Tick};
use super::level::{HIGHEST, class, digits, level};
use crate::enrichment::clipped;
use crate::gallery::Shown;
use crate::text::{percent, px, visible};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 102.0;
const RIGHT: f64 = 24.0;
/// Height of an interval's box, and of the lane it lies in.
const BOX: f64 = 14.0;
const LANE: f64 = 17.0;
/// Maximum number of lanes of overlapping intervals; later ones share the last.
const MAX_LANES: usize = 4;
/// Maximum number of intervals that are drawn in one window.
const MAX_BOXES: usize = 400;
/// Maximum number of columns of a track; longer windows are averaged.
const MAX_COLUMNS: usize = 3_000;
const PROFILE: f64 = 30.0;
const STRIP: f64 = 13.0;
const HARD: f64 = 5.0;
const BETWEEN: f64 = 12.0;

/// A named stretch.
#[derive(Clone, Debug)]
pub(crate) struct BoxOnTrack {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) middle: String,
    pub(crate) baseline: String,
    /// Name, if there is room for it.
    pub(crate) name: String,
    pub(crate) note: String,
}

/// One mask along the window.
#[derive(Clone, Debug)]
pub(crate) struct MaskOnTrack {
    pub(crate) name: String,
    pub(crate) area: String,
    /// Top of the profile.
    pub(crate) y: String,
    pub(crate) name_y: String,
    pub(crate) area_y: String,
    /// Outline of the profile: columns to the right, levels of two units upward.
    pub(crate) profile: String,
    /// Top of the strip of colours, and its segments by style class.
    pub(crate) strip_y: String,
    pub(crate) strip_middle: String,
    pub(crate) strips: Vec<(char, String)>,
    /// Middle of the hard mask's bars.
    pub(crate) hard_y: String,
    pub(crate) hard: String,
    /// The levels of all columns as hexadecimal digits, for the pointer's read-out.
    pub(crate) digits: String,
}

/// The whole window in one drawing.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) left: String,
    pub(crate) right: String,
    /// Width of the drawn part.
    pub(crate) span: String,
    /// Drawing units per column.
    pub(crate) column: String,
    /// Columns, and bases in each.
    pub(crate) columns: usize,
    pub(crate) bases_per_column: usize,
    pub(crate) start: u32,
    pub(crate) boxes: Vec<BoxOnTrack>,
    pub(crate) masks: Vec<MaskOnTrack>,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) axis_y: String,
    pub(crate) top: String,
    /// Height of the part with masks.
    pub(crate) inner: String,
    pub(crate) description: String,
    pub(crate) strip_height: String,
}

impl Track {
    /// Draws a window with its intervals; none for a window without bases.
    pub(crate) fn of(window: &Shown, intervals: &[Interval]) -> Option<Self> {
        let bases = window.letters.len();
        if bases == 0 {
            return None;
        }
        let per_column = bases.div_ceil(MAX_COLUMNS);
        let columns = bases.div_ceil(per_column);
        let start = window.row.start;
        let x = Scale {
            from: (f64::from(start), f64::from(start) + (columns * per_column) as f64),
            to: (LEFT, WIDTH - RIGHT),
        };
        let (boxes, lanes) = boxes(intervals, window, &x);
        let mut y = 4.0 + lanes as f64 * LANE;
        let top = y;
        let masks = window
            .masks
            .iter()
            .map(|mask| {
                let levels = column_levels(&mask.values, per_column);
                let strip_y = y + PROFILE + 2.0;
                let drawn = MaskOnTrack {
                    name: visible(mask.ranks.name(), 13),
                    area: format!("{} % read", percent(mask.hard_area)),
                    y: px(y),
                    name_y: px(y + 16.0),
                    area_y: px(y + 30.0),
                    profile: profile(&levels),
                    strip_y: px(strip_y),
                    strip_middle: px(strip_y + STRIP / 2.0),
                    strips: strips(&levels),
                    hard_y: px(strip_y + STRIP + 2.0 + HARD / 2.0),
                    hard: segments(&column_kept(&mask.kept, per_column)),
                    digits: digits(&levels),
                };
                y = strip_y + STRIP + 2.0 + HARD + BETWEEN;
                drawn
            })
            .collect();
        let named = if boxes.is_empty() { "" } else { ", with annotated intervals" };
        Some(Self {
            width: px(WIDTH),
            height: px(y + 18.0),
            left: px(LEFT),
            right: px(x.place(f64::from(window.row.end))),
            span: px(x.place(f64::from(window.row.end)) - LEFT),
            column: ((WIDTH - LEFT - RIGHT) / columns as f64).to_string(),
            columns,
            bases_per_column: per_column,
            start,
            boxes,
            masks,
            ticks: x.ticks(8, 1.0, ""),
            axis_y: px(y - 6.0),
            top: px(top - 2.0),
            inner: px(y - 6.0 - (top - 2.0)),
            description: format!("mask along bases {start} to {}{named}", window.row.end),
            strip_height: px(STRIP),
        })
    }
}

/// Boxes in as few lanes as their overlaps allow, and how many lanes that are.
fn boxes(intervals: &[Interval], window: &Shown, x: &Scale) -> (Vec<BoxOnTrack>, usize) {
    let bases = window.letters.len();
    let mut lane_ends: Vec<usize> = Vec::new();
    let mut boxes = Vec::new();
    let mut inside: Vec<_> = intervals
        .iter()
        .map(|interval| (clipped(interval, window.row.start, bases), interval))
        .filter(|(range, _)| !range.is_empty())
        .take(MAX_BOXES)
        .collect();
    inside.sort_by_key(|(range, _)| (range.start, range.end));
    for (range, interval) in inside {
        let lane = match lane_ends.iter().position(|end| *end <= range.start) {
            Some(lane) => lane,
            None if lane_ends.len() < MAX_LANES => {
                lane_ends.push(0);
                lane_ends.len() - 1
            }
            None => MAX_LANES - 1,
        };
        lane_ends[lane] = lane_ends[lane].max(range.end);
        let origin = f64::from(window.row.start);
        let left = x.place(origin + range.start as f64);
        let right = x.place(origin + range.end as f64);
        let y = 2.0 + lane as f64 * LANE;
        let name = visible(&interval.name, 24);
        let note = format!("{name} {}–{}", interval.start, interval.end);
        // Six units are about the width of a letter, and a little may hang over.
        let fits = name.chars().count() as f64 * 6.0 <= right - left + 6.0;
        boxes.push(BoxOnTrack {
            x: px(left),
            y: px(y),
            width: px((right - left).max(1.0)),
            middle: px((left + right) / 2.0),
            baseline: px(y + BOX - 3.5),
            name: if fits { name } else { String::new() },
            note,
        });
    }
    (boxes, lane_ends.len())
}

/// Mean level of the bases in each column.
fn column_levels(values: &[f32], per_column: usize) -> Vec<u8> {
    values.chunks(per_column).map(|c| level(c.iter().sum::<f32>() / c.len() as f32)).collect()
}

fn column_kept(kept: &[bool], per_column: usize) -> Vec<bool> {
    kept.chunks(per_column).map(|c| c.contains(&true)).collect()
}

/// A closed step outline over a baseline, one unit per column and two per level.
fn profile(levels: &[u8]) -> String {
    let mut path = format!("M0 {PROFILE}");
    let mut height = 0_i32;
    for run in levels.chunk_by(|a, b| a == b) {
        let next = 2 * i32::from(run[0]);
        if next != height {
            let _ = write!(path, "v{}", height - next);
        }
        let _ = write!(path, "h{}", run.len());
        height = next;
    }
    let _ = write!(path, "V{PROFILE}z");
    path
}

/// Horizontal strokes for each level above 0.
fn strips(levels: &[u8]) -> Vec<(char, String)> {
    (1..=HIGHEST)
        .map(|l| (class(l), segments(&levels.iter().map(|level| *level == l).collect::<Vec<_>>())))
        .filter(|(_, path)| !path.is_empty())
        .collect()
}

/// Horizontal strokes where `marked`, one unit per column; moves are relative to keep it short.
fn segments(marked: &[bool]) -> String {
    let mut path = String::new();
    let (mut place, mut pen) = (0, 0);
    for run in marked.chunk_by(|a, b| a == b) {
        if run[0] {
            let _ = match path.is_empty() {
                true => write!(path, "M{place} 0h{}", run.len()),
                false => write!(path, "m{} 0h{}", place - pen, run.len()),
            };
            pen = place + run.len();
        }
        place += run.len();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_and_outlines_follow_the_values() {
        assert_eq!(segments(&[false, true, true, false, true]), "M1 0h2m1 0h1");
        assert_eq!(segments(&[false; 4]), "");
        assert_eq!(profile(&[0, 0, 15, 15, 1]), "M0 30h2v-30h2v28h1V30z");
        assert_eq!(
            strips(&[3, 3, 0, 15, 3]),
            [('c', "M0 0h2m2 0h1".to_owned()), ('o', "M3 0h1".to_owned())]
        );
    }

    #[test]
    fn long_windows_are_averaged_into_columns() {
        assert_eq!(column_levels(&[1.0, 0.0, 1.0], 2), [8, 15]);
        assert_eq!(column_kept(&[false, false, true], 2), [false, true]);
    }
}
