//! From what was read to what the page prints.

use std::collections::BTreeMap;

use readlens_fault::{Fault, Result};
use readlens_kmer::Kmers;
use readlens_provenance::{Learned, Manifest};
use readlens_tables::vocabulary::{Method, Metric, Name, Over, Ranks, Split};

use crate::answers::AnswersView;
use crate::config::{Config, Inputs};
use crate::content_policy::{SCRIPT, STYLE, policy};
use crate::enrichment::{Contrast, Enrichment};
use crate::evidence::curve_plots;
use crate::headline::{self, Comparison};
use crate::judgement::JudgementView;
use crate::methods::{methods, ranks_in_words};
use crate::metrics_table::{MaskKind, Subject, mask_order};
use crate::page::{
    self, EvidenceView, GalleryView, LocalisationRow, Page, RegionRow, RegionTable, Regions,
    ShapeView, SourceView, Training,
};
use crate::run::Findings;
use crate::shape::Shape;
use crate::text::{
    count_of, figure, listed, percent, plural, script_json, shown_json, spaced, visible,
};
use crate::view::bars::Histogram;
use crate::view::dots::DotPlot;
use crate::view::level;
use crate::view::lines::LineChart;
use crate::view::methods::MethodTable;
use crate::view::sequence::Card;
use crate::view::stability::stability_plots;
use crate::view::table::MeasureTable;
use crate::view::verdicts::verdict_groups;

/// Further measures of the table's operators, with the caption of each table.
const MEASURES: [(Metric, &str); 3] = [
    (
        Metric::Agreement,
        "Agreement in %: how often the prediction is the one for the whole sequence, right or wrong",
    ),
    (
        Metric::PTarget,
        "Mean probability in % of the taxon that was predicted for the whole sequence",
    ),
    (
        Metric::Entropy,
        "Mean entropy of the prediction in % of its maximum: 0 is certain, 100 is all taxa alike",
    ),
];

/// Figures of the masks themselves, in the order of the page: meaning, whether in percent. Others
/// stand behind them.
const MASK_MEASURES: [(Metric, &str, bool); 12] = [
    (Metric::Area, "mean of the soft mask", true),
    (Metric::HardArea, "fraction of the tokens in the hard mask", true),
    (Metric::Segments, "stretches of the hard mask in a window", false),
    (Metric::SegmentLengthTokens, "mean length of a stretch, tokens", false),
    (Metric::SegmentLengthNt, "mean length of a stretch, bases", false),
    (Metric::TotalVariation, "mean step between neighbouring tokens", false),
    (Metric::HardTotalVariation, "the same for the hard mask", false),
    (
        Metric::Auprc,
        "area under the precision–recall curve against the truth intervals; prevalence is what chance reaches",
        false,
    ),
    (Metric::Iou, "overlap of hard mask and truth, divided by their union", false),
    (Metric::Pointing, "how often the highest value lies in the truth", true),
    (Metric::Mass, "fraction of the mask that lies in the truth", true),
    (Metric::Prevalence, "fraction of the tokens that are truth", true),
];

impl Page {
    /// Lays out the page.
    ///
    /// # Errors
    /// A manifest cannot be written as JSON.
    pub(crate) fn of(
        findings: &Findings,
        config: &Config,
        inputs: &Inputs,
        manifest: &Manifest,
    ) -> Result<Self> {
        let survey = &findings.survey;
        let ranks = &survey.ranks;
        let figures = &findings.figures;
        let method = findings.masks.method.as_ref();
        let target = findings.masks.target.as_deref();
        let kinds = figures.kinds(method);
        let results: Vec<page::Result> =
            kinds.iter().filter_map(|kind| result(findings, *kind)).collect();
        let comparison = kinds
            .first()
            .and_then(|kind| Comparison::of(figures, Subject { method, kind: *kind }, ranks));
        let predicted = match figures.ranks.as_slice() {
            [] => &findings.gallery.predicted,
            ranks => ranks,
        };
        let chart = |term| LineChart::of(term, ranks);
        let training = findings
            .training
            .iter()
            .map(|(name, terms)| Training { name, charts: terms.iter().map(chart).collect() });
        let mut sources = Vec::new();
        for source in &findings.sources {
            sources
                .push(SourceView { name: source.name.clone(), json: shown_json(&source.json()?) });
        }
        let own = serde_json::to_string(manifest)
            .map_err(|e| Fault::failed("writing the manifest as JSON", e))?;
        let own = script_json(&own);
        let pretty = serde_json::to_string_pretty(manifest)
            .map_err(|e| Fault::failed("writing the manifest as JSON", e))?;
        sources.push(SourceView { name: "this page".to_owned(), json: shown_json(&pretty) });
        Ok(Self {
            title: visible(&config.title, 300),
            version: env!("CARGO_PKG_VERSION"),
            sentence: headline::sentence(&findings.classifier, predicted, survey, method, target),
            other_methods: other_methods(findings),
            basis: basis(findings),
            comparison,
            incomparable: headline::incomparable(figures),
            absence: match inputs.metrics {
                None => {
                    "No metrics were given, so nothing here tests the masks. With --metrics this section shows how often the classifier says the same, or is right where there are labels, under every operator and control."
                }
                Some(_) => "The metrics have no figures of these masks.",
            },
            results,
            verdicts: verdict_groups(&findings.checks, method),
            evidence: evidence(findings),
            answers: findings
                .predictions
                .as_ref()
                .and_then(|found| AnswersView::of(found, survey, findings.classifier.learned)),
            judgement: JudgementView::of(
                findings.assessment.as_ref(),
                findings.confusion.as_ref(),
                findings.predictions.as_ref(),
                findings.judges_other_windows,
            ),
            training: training.collect(),
            shapes: by_rank(&findings.masks.shapes, ranks)
                .map(|(r, s)| shape(r, s, findings))
                .collect(),
            localisation: localisation(findings),
            regions: regions(findings, inputs),
            gallery: gallery(findings, config, inputs),
            sources,
            policy: policy(STYLE, &[&own, SCRIPT]),
            manifest: own,
            style: STYLE,
            script: SCRIPT,
        })
    }
}

/// The methods that have masks in the table and no place on the page.
fn other_methods(findings: &Findings) -> String {
    let shown = findings.masks.method.as_ref();
    let others = findings.masks.methods.iter().filter(|method| Some(*method) != shown);
    let named = |method: &Method| match method.replicate {
        1 => visible(&method.name, 40),
        replicate => format!("{} (replicate {replicate})", visible(&method.name, 40)),
    };
    listed(&others.map(named).collect::<Vec<_>>())
}

/// Which windows the figures are about.
fn basis(findings: &Findings) -> String {
    let windows = match findings.figures.over {
        None => return String::new(),
        Some(Over::All) => "all windows".to_owned(),
        Some(Over::Unassigned) => "windows that belong to no split".to_owned(),
        Some(Over::Split(split)) => format!("{split} split"),
    };
    if findings.classifier.learned != Some(Learned::FromThisTable) {
        return windows;
    }
    let (figures, survey) = (&findings.figures, &findings.survey);
    match figures.over.map(|over| over.are_training_windows(survey.has_splits(), &figures.measured))
    {
        Some(Some(true)) => {
            format!("{windows}, which the classifier learned from: accuracies are in sample")
        }
        Some(None) => format!(
            "{windows}; the classifier learned from {} of them: accuracies are partly in sample",
            survey.training_windows()
        ),
        _ => windows,
    }
}

/// The methods beside one another.
fn evidence(findings: &Findings) -> EvidenceView {
    let (figures, ranks) = (&findings.figures, &findings.survey.ranks);
    let methods = methods(figures, findings.masks.method.as_ref(), ranks);
    let (stability, has_more_stability) = stability_plots(figures, ranks);
    let choice = if methods.iter().all(|method| method.colour.is_some()) {
        ""
    } else {
        "The method that this page shows has a colour. So have the Explainers and the other methods with the largest area under the insertion curve. All others, and further replicates of a method, are thin and grey."
    };
    EvidenceView {
        methods: MethodTable::of(figures, &methods, ranks, &findings.costs),
        plots: curve_plots(figures, &methods, ranks),
        choice: choice.to_owned(),
        stability,
        has_more_stability,
    }
}

fn result(findings: &Findings, kind: MaskKind) -> Option<page::Result> {
    let (figures, ranks) = (&findings.figures, &findings.survey.ranks);
    let subject = Subject { method: findings.masks.method.as_ref(), kind };
    let table = |metric, caption: &str| {
        MeasureTable::of(figures, subject, ranks, metric, caption.to_owned())
    };
    let heading = match kind {
        MaskKind::Shared => "One mask for all ranks",
        MaskKind::PerRank => "One mask per rank, each rank judged by its own",
    };
    let count = figures.count();
    let has_labels = count == Metric::Accuracy;
    let (leading, caption) = if has_labels {
        ("Accuracy in %, with its 95 % interval", "Accuracy in %, with 95 % intervals")
    } else {
        (
            "Agreement in %, with its 95 % interval: no sequence has a label, so predictions are compared with the one for the whole sequence",
            "Agreement in %, with 95 % intervals",
        )
    };
    let others = MEASURES.iter().filter(|(metric, _)| *metric != count);
    Some(page::Result {
        heading,
        leading: table(count, leading)?,
        caption,
        has_labels,
        plots: DotPlot::of(figures, subject, ranks),
        others: others.filter_map(|(metric, caption)| table(*metric, caption)).collect(),
    })
}

/// What belongs to masks in the order of the ranks they explain, the mask for all ranks first.
fn by_rank<'a, T>(
    map: &'a BTreeMap<Ranks, T>,
    ranks: &[Name],
) -> impl Iterator<Item = (&'a Ranks, &'a T)> + use<'a, T> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(explained, _)| mask_order(explained, ranks));
    entries.into_iter()
}

/// Heading of what belongs to a mask.
fn heading_of(explained: &Ranks) -> String {
    format!("Mask for {}", ranks_in_words(explained))
}

fn shape(explained: &Ranks, shape: &Shape, findings: &Findings) -> ShapeView {
    let tokens = shape.lengths.mean();
    let mean_length = match findings.survey.tokenization.kmers() {
        Some(Kmers { k, stride, .. }) => {
            format!("{:.0} bases", (tokens - 1.0) * f64::from(stride) + f64::from(k))
        }
        None => format!("{tokens:.1} tokens"),
    };
    let summary = format!(
        "{}. On average {}\u{a0}% of the tokens are in the hard mask, in {:.1} stretches of {}.",
        plural(shape.windows, "window"),
        percent(shape.hard_area.mean()),
        shape.segments.mean(),
        mean_length,
    );
    let charts = vec![
        Histogram::of_shares("Area of the soft mask", "mean mask value", "windows", &shape.area),
        Histogram::of_shares(
            "Area of the hard mask",
            "fraction of tokens",
            "windows",
            &shape.hard_area,
        ),
        Histogram::of_numbers(
            "Stretches per window",
            "stretches of the hard mask",
            "windows",
            &shape.segments,
        ),
        Histogram::of_numbers("Length of a stretch", "tokens", "stretches", &shape.lengths),
    ];
    ShapeView { heading: heading_of(explained), summary, charts }
}

fn localisation(findings: &Findings) -> Vec<LocalisationRow> {
    let method = findings.masks.method.as_ref();
    let all = method.map_or_else(Vec::new, |method| findings.figures.of_masks(method));
    let ranks = &findings.survey.ranks;
    let mut rows: Vec<((usize, usize), LocalisationRow)> = all
        .into_iter()
        .map(|(explained, metric, f)| {
            let place = MASK_MEASURES.iter().position(|(known, ..)| *known == metric);
            let (_, meaning, in_percent) =
                place.map_or((metric, metric.meaning(), false), |i| MASK_MEASURES[i]);
            let print = |value: f64| if in_percent { percent(value) } else { figure(value) };
            let unit = if in_percent { " %" } else { "" };
            let row = LocalisationRow {
                rank: spaced(explained.name()),
                metric: spaced(metric.name()),
                value: format!("{}{unit}", print(f.value)),
                range: f
                    .interval
                    .map_or_else(String::new, |(l, h)| format!("{}–{}", print(l), print(h))),
                n: count_of(f.n.into()),
                meaning,
            };
            ((mask_order(explained, ranks), place.unwrap_or(MASK_MEASURES.len())), row)
        })
        .collect();
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn regions(findings: &Findings, inputs: &Inputs) -> Regions {
    let absence = match (&inputs.intervals, &inputs.bases) {
        (None, _) => {
            "No intervals were given. With --intervals this section compares the mask inside and outside them."
        }
        (Some(_), None) => "This section needs the masks per base: give --bases.",
        (Some(_), Some(_)) => "No interval lies in a window that has a mask.",
    };
    let none = Enrichment::default();
    let enrichment = findings.gallery.enrichment.as_ref().unwrap_or(&none);
    let by_rank = by_rank(&enrichment.together, &findings.survey.ranks);
    let tables = by_rank.filter(|(_, contrast)| contrast.windows > 0);
    let tables = tables.map(|(explained, together)| {
        let by_name = enrichment.by_name.get(explained);
        let named = by_name.into_iter().flatten().filter(|(_, contrast)| contrast.windows > 0);
        let rows: Vec<(String, &Contrast)> =
            named.map(|(name, contrast)| (visible(name, 60), contrast)).collect();
        let all = || rows.iter().map(|(_, c)| *c).chain([together]);
        let longest = all()
            .flat_map(|c| [c.mean_inside(), c.mean_outside()])
            .fold(f64::MIN_POSITIVE, f64::max);
        let mut rows: Vec<RegionRow> =
            rows.iter().map(|(name, c)| region_row(name.clone(), c, longest, false)).collect();
        rows.push(region_row("all together".to_owned(), together, longest, true));
        RegionTable { heading: heading_of(explained), rows }
    });
    Regions { absence, tables: tables.collect(), has_more_names: enrichment.has_more_names }
}

fn region_row(name: String, c: &Contrast, longest: f64, is_together: bool) -> RegionRow {
    let bar = |value: f64| format!("{:.1}", 100.0 * value / longest);
    RegionRow {
        name,
        is_together,
        inside: figure(c.mean_inside()),
        outside: figure(c.mean_outside()),
        ratio: if c.mean_outside() > 0.0 { format!("{:.2}", c.ratio()) } else { "–".to_owned() },
        bars: (bar(c.mean_inside()), bar(c.mean_outside())),
        higher: percent(c.higher_inside as f64 / c.windows as f64),
        windows: count_of(c.windows),
        bases: count_of(c.bases),
    }
}

fn gallery(findings: &Findings, config: &Config, inputs: &Inputs) -> GalleryView {
    let windows = &findings.gallery.windows;
    let cards = windows.iter().enumerate().map(|(i, window)| {
        let intervals = findings.intervals.as_ref().and_then(|all| all.of(&window.row.id));
        Card::of(i + 1, window, &findings.survey.ranks, intervals.unwrap_or_default())
    });
    let spread = findings.survey.columns().last().filter(|_| findings.survey.has_finest_labels);
    let over = spread.map_or_else(String::new, |rank| {
        format!(", spread over the taxa of rank {}", spaced(rank))
    });
    let has_test = findings.survey.windows.contains_key(&Some(Split::Test));
    let first = if has_test { ", from the test split first" } else { "" };
    let choice = format!(
        "{} drawn at random with seed {}{over}{first}. Nobody picked them by hand.",
        plural(windows.len() as u64, "window"),
        config.seed,
    );
    GalleryView {
        choice,
        cards: cards.collect(),
        has_labels: findings.survey.has_labels,
        has_intervals: inputs.intervals.is_some(),
        has_own_bases: inputs.bases.is_some(),
        has_confidences: inputs.predictions.is_some(),
        steps: level::steps(),
    }
}
