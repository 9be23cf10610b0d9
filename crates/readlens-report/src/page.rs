//! The page: everything the templates print.

use askama::Template;

use crate::answers::AnswersView;
use crate::headline::{Comparison, Outcome};
use crate::judgement::JudgementView;
use crate::view::bars::Histogram;
use crate::view::curves::CurvePlot;
use crate::view::dots::DotPlot;
use crate::view::letters::MAX_LETTERS;
use crate::view::lines::LineChart;
use crate::view::methods::MethodTable;
use crate::view::sequence::{Card, Verdict};
use crate::view::stability::StabilityPlot;
use crate::view::table::MeasureTable;
use crate::view::verdicts::VerdictGroup;

/// The whole document.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) version: &'static str,
    pub(crate) sentence: String,
    /// Methods of the masks table that the page does not show.
    pub(crate) other_methods: String,
    /// `test split` or the like; empty without figures.
    pub(crate) basis: String,
    pub(crate) comparison: Option<Comparison>,
    /// Which ranks cannot be compared, in a sentence; empty where all can.
    pub(crate) incomparable: String,
    /// The results by kind of mask, the leading one first.
    pub(crate) results: Vec<Result>,
    /// Why there are none, where there are none.
    pub(crate) absence: &'static str,
    /// Verdicts by what they are about.
    pub(crate) verdicts: Vec<VerdictGroup>,
    pub(crate) evidence: EvidenceView,
    /// What the classifier says of the windows, where its predictions are given.
    pub(crate) answers: Option<AnswersView>,
    pub(crate) judgement: JudgementView,
    pub(crate) training: Vec<Training>,
    pub(crate) shapes: Vec<ShapeView>,
    pub(crate) localisation: Vec<LocalisationRow>,
    pub(crate) regions: Regions,
    pub(crate) gallery: GalleryView,
    pub(crate) sources: Vec<SourceView>,
    /// Own manifest as JSON, safe in a script element.
    pub(crate) manifest: String,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    /// What a browser may run on the page.
    pub(crate) policy: String,
}

/// The methods beside one another.
#[derive(Debug)]
pub(crate) struct EvidenceView {
    pub(crate) methods: Option<MethodTable>,
    pub(crate) plots: Vec<CurvePlot>,
    /// How the coloured methods were chosen; empty where all have a colour.
    pub(crate) choice: String,
    pub(crate) stability: Vec<StabilityPlot>,
    pub(crate) has_more_stability: bool,
}

impl EvidenceView {
    pub(crate) fn is_empty(&self) -> bool {
        self.methods.is_none() && self.plots.is_empty() && self.stability.is_empty()
    }

    /// Whether a plot has a curve per method.
    pub(crate) fn compares_curves(&self) -> bool {
        self.plots.iter().any(|plot| plot.is_of_methods)
    }
}

/// Tables and plot for one kind of mask.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) heading: &'static str,
    /// Accuracy, or agreement where no window has a label.
    pub(crate) leading: MeasureTable,
    /// What the plots show.
    pub(crate) caption: &'static str,
    /// Whether labels are what predictions are counted against.
    pub(crate) has_labels: bool,
    pub(crate) plots: Vec<DotPlot>,
    pub(crate) others: Vec<MeasureTable>,
}

/// The curves of one model.
#[derive(Debug)]
pub(crate) struct Training {
    pub(crate) name: &'static str,
    pub(crate) charts: Vec<LineChart>,
}

/// Shapes of the masks of one rank.
#[derive(Debug)]
pub(crate) struct ShapeView {
    pub(crate) heading: String,
    pub(crate) summary: String,
    pub(crate) charts: Vec<Histogram>,
}

/// One figure of the masks themselves.
#[derive(Debug)]
pub(crate) struct LocalisationRow {
    pub(crate) rank: String,
    pub(crate) metric: String,
    pub(crate) value: String,
    pub(crate) range: String,
    pub(crate) n: String,
    pub(crate) meaning: &'static str,
}

/// Mean mask inside and outside intervals.
#[derive(Debug)]
pub(crate) struct Regions {
    /// Why there is no table, where there is none.
    pub(crate) absence: &'static str,
    pub(crate) tables: Vec<RegionTable>,
    pub(crate) has_more_names: bool,
}

/// The intervals under the masks of one rank.
#[derive(Debug)]
pub(crate) struct RegionTable {
    pub(crate) heading: String,
    pub(crate) rows: Vec<RegionRow>,
}

/// One interval name.
#[derive(Debug)]
pub(crate) struct RegionRow {
    pub(crate) name: String,
    pub(crate) is_together: bool,
    pub(crate) inside: String,
    pub(crate) outside: String,
    pub(crate) ratio: String,
    /// Lengths of the two bars in percent of the longest.
    pub(crate) bars: (String, String),
    pub(crate) higher: String,
    pub(crate) windows: String,
    pub(crate) bases: String,
}

/// The chosen sequences and how they were chosen.
#[derive(Debug)]
pub(crate) struct GalleryView {
    pub(crate) choice: String,
    pub(crate) cards: Vec<Card>,
    /// Whether any sequence has a label to compare a prediction with.
    pub(crate) has_labels: bool,
    pub(crate) has_intervals: bool,
    pub(crate) has_own_bases: bool,
    /// Whether the names for whole sequences have confidences.
    pub(crate) has_confidences: bool,
    pub(crate) steps: Vec<(char, String)>,
}

/// One manifest.
#[derive(Debug)]
pub(crate) struct SourceView {
    pub(crate) name: String,
    pub(crate) json: String,
}
