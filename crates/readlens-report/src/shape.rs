//! The first pass over the masks table: shapes of all masks, and the choice of windows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::vocabulary::{Method, Over, Ranks};

use crate::choice::Draw;
use crate::config::Config;
use crate::survey::Survey;
use crate::tally::{Spread, Tally};

/// Maximum number of methods and ranks that are named; more are a damaged table.
const MAX_NAMES: usize = 1_000;

/// How the masks of one rank look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) windows: u64,
    /// Mean of the soft mask.
    pub(crate) area: Spread,
    /// Fraction of the tokens in the hard mask.
    pub(crate) hard_area: Spread,
    /// Segments of the hard mask in a window.
    pub(crate) segments: Tally,
    /// Tokens in a segment.
    pub(crate) lengths: Tally,
}

impl Shape {
    fn add(&mut self, row: &MaskRow) {
        self.windows += 1;
        self.area.add(f64::from(row.area));
        let kept = row.hard.iter().filter(|kept| **kept).count();
        self.hard_area.add(kept as f64 / row.hard.len().max(1) as f64);
        let mut segments = 0;
        for segment in row.hard.chunk_by(|a, b| a == b).filter(|segment| segment[0]) {
            segments += 1;
            self.lengths.add(segment.len() as u64);
        }
        self.segments.add(segments);
    }
}

/// What the masks table holds, in counts, and the windows to show.
#[derive(Debug)]
pub(crate) struct Masks {
    /// The method that the page shows; none in an empty table.
    pub(crate) method: Option<Method>,
    /// The taxon that all masks explain, as `genus=Treponema`; the window's own taxa otherwise.
    pub(crate) target: Option<String>,
    /// All methods in the table.
    pub(crate) methods: BTreeSet<Method>,
    /// Shapes by what the masks explain.
    pub(crate) shapes: BTreeMap<Ranks, Shape>,
    /// Fingerprints of the windows that the gallery shows, sorted.
    pub(crate) chosen: Vec<u64>,
}

impl Masks {
    /// Reads the masks table once. Shapes are taken over the windows of `over`, or over all.
    ///
    /// # Errors
    /// The table cannot be read, a row belongs to no window, its mask and hard mask differ in
    /// length, a value is outside 0 to 1, or no row has the method asked for.
    pub(crate) fn of(
        path: &Path,
        survey: &Survey,
        over: Option<Over>,
        config: &Config,
    ) -> Result<Self> {
        let mut reader = Reader::<MaskRow>::open_shown(path)?;
        let target = reader.target().map(str::to_owned);
        let is_wanted = |method: &Method| {
            let name = config.method.as_ref();
            name.is_none_or(|name| method.name == *name && method.replicate == config.replicate)
        };
        let mut method = None;
        let mut methods = BTreeSet::new();
        let mut shapes: BTreeMap<Ranks, Shape> = BTreeMap::new();
        let mut draw = Draw::new(config.sequences, config.seed);
        while let Some(row) = reader.next() {
            let row = row?;
            let entry = survey.index.find(&row.id, row.window, || reader.fault())?;
            check(&row, || reader.fault())?;
            let mask = row.name();
            if method.is_none() && is_wanted(&mask.method) {
                method = Some(mask.method.clone());
            }
            if !methods.contains(&mask.method) {
                methods.insert(mask.method.clone());
            }
            if method.as_ref() == Some(&mask.method) {
                draw.offer(entry);
                if over.is_none_or(|over| over == Over::of(entry.split)) {
                    shapes.entry(mask.ranks).or_default().add(&row);
                }
            }
            if methods.len() + shapes.len() > MAX_NAMES {
                return Err(reader
                    .fault()
                    .expected(format!("at most {MAX_NAMES} methods and ranks"))
                    .found("more")
                    .remedy("write the masks again")
                    .into());
            }
        }
        if let Some(wanted) = config.method.as_deref().filter(|_| method.is_none())
            && !methods.is_empty()
        {
            let found: Vec<String> = methods.iter().map(Method::to_string).collect();
            return Err(readlens_fault::Fault::input(path)
                .expected(format!("masks by the method {wanted:?}, replicate {}", config.replicate))
                .found(found.join("; "))
                .remedy("choose one of these with --method and --replicate")
                .into());
        }
        Ok(Self { method, target, methods, shapes, chosen: draw.finish() })
    }
}

/// Refuses a row that cannot be a mask.
fn check(row: &MaskRow, fault: impl Fn() -> InputFault) -> Result<()> {
    if row.mask.len() != row.hard.len() {
        return Err(fault()
            .expected("mask and hard of one length")
            .found(format!("{} and {} values", row.mask.len(), row.hard.len()))
            .remedy("write the masks again")
            .into());
    }
    check_values(&row.mask, &fault)?;
    check_values(&[row.area], &fault)
}

/// Refuses values that are no mask values.
pub(crate) fn check_values(values: &[f32], fault: impl Fn() -> InputFault) -> Result<()> {
    // Not-a-number is in no range either.
    match values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        None => Ok(()),
        Some(value) => Err(fault()
            .expected("mask values from 0 to 1")
            .found(value)
            .remedy(
                "write the masks again; values that are not numbers come from a failed training",
            )
            .into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use readlens_tables::vocabulary::{MethodKind, TargetKind};

    use super::*;

    #[test]
    fn segments_are_the_runs_of_the_hard_mask() {
        let mut shape = Shape::default();
        let hard = [true, true, false, true, false, false, true, true, true, true];
        shape.add(&MaskRow {
            id: String::new(),
            window: 0,
            method: "explainer".parse().unwrap(),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            mask: vec![0.5; 10],
            hard: hard.to_vec(),
            deviation: Vec::new(),
            area: 0.5,
        });
        assert_eq!(shape.segments.median(), Some(3));
        assert!((shape.lengths.mean() - 7.0 / 3.0).abs() < 1e-12);
        assert!((shape.hard_area.mean() - 0.7).abs() < 1e-12);
    }
}
