use std::path::Path;

use askama::Template;
use readlens_fault::{Fault, Result};
use readlens_provenance::{
    Artefact, Manifest, NewFile, check_files, check_together, commit_together,
};
use readlens_stage::Context;
use readlens_tables::costs::CostRow;
use readlens_tables::vocabulary::Over;
use readlens_text::Intervals;

use crate::assessment::Assessment;
use crate::browse::{BrowsePage, check_beside, check_stretches};
use crate::checks::{Check, checks_of};
use crate::classifier::Classifier;
use crate::config::{Config, Inputs, Pages};
use crate::confusion::Confusion;
use crate::costs::costs_of;
use crate::gallery::Gallery;
use crate::judgement::are_other_windows;
use crate::metrics_table::Figures;
use crate::page::Page;
use crate::predictions::Predictions;
use crate::provenance::{Source, artefacts, sources};
use crate::shape::Masks;
use crate::survey::Survey;
use crate::training_curves::{Term, curves_of};

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) classifier: Classifier,
    pub(crate) survey: Survey,
    pub(crate) figures: Figures,
    pub(crate) checks: Vec<Check>,
    pub(crate) costs: Vec<CostRow>,
    pub(crate) assessment: Option<Assessment>,
    pub(crate) confusion: Option<Confusion>,
    /// Whether assessment and confusion are of another table of windows.
    pub(crate) judges_other_windows: bool,
    pub(crate) predictions: Option<Predictions>,
    pub(crate) masks: Masks,
    pub(crate) gallery: Gallery,
    pub(crate) intervals: Option<Intervals>,
    /// Model name and curves.
    pub(crate) training: Vec<(&'static str, Vec<Term>)>,
    pub(crate) sources: Vec<Source>,
}

/// Writes the pages, whole or not at all.
///
/// The same inputs and configuration give the same bytes.
///
/// # Errors
/// The configuration cannot work, an input cannot be read or breaks its contract, two tables
/// disagree, a page cannot be written, or that which looks up windows would not find its tables.
pub fn run(inputs: &Inputs, config: Config, pages: &Pages, context: &Context) -> Result<()> {
    const REMEDY: &str = "run it again";
    let config = config.validated()?;
    let outputs = [Some(&pages.report), pages.browse.as_ref()];
    check_files(outputs.into_iter().flatten(), inputs.files().map(|(_, path)| path))?;
    if let Some(page) = &pages.browse {
        check_beside(page, inputs)?;
    }
    let mut files = vec![NewFile::create(&pages.report)?];
    if let Some(page) = &pages.browse {
        files.push(NewFile::create(page)?);
    }
    let (checks, checks_manifest) = inputs.checks.as_deref().map(checks_of).transpose()?.unzip();
    let artefacts = artefacts(inputs, checks_manifest.as_ref())?;
    check_together(&artefacts)?;
    let manifest = Manifest::made_from("report", &config, Some(config.seed), &artefacts)?;
    context.check_interrupt(REMEDY)?;
    let checks = checks.unwrap_or_default();
    let findings = read(inputs, &config, checks, &artefacts, context, REMEDY)?;
    let shown = findings.gallery.windows.len();
    let page = Page::of(&findings, &config, inputs, &manifest)?;
    write(&page, &mut files[0], &pages.report)?;
    if let Some(path) = &pages.browse {
        check_stretches(inputs)?;
        let page = BrowsePage::of(&findings, &config, inputs, &artefacts, &manifest)?;
        write(&page, &mut files[1], path)?;
    }
    context.check_interrupt(REMEDY)?;
    commit_together(files)?;
    tracing::info!("{} shows {shown} sequence windows", pages.report.display());
    if let Some(path) = &pages.browse {
        tracing::info!("{} looks up all of them", path.display());
    }
    Ok(())
}

fn write(page: &impl Template, file: &mut NewFile, path: &Path) -> Result<()> {
    Template::write_into(page, file).map_err(|e| Fault::io("write", path, e))
}

fn read(
    inputs: &Inputs,
    config: &Config,
    checks: Vec<Check>,
    artefacts: &[Artefact],
    context: &Context,
    remedy: &str,
) -> Result<Findings> {
    let figures = Figures::of(inputs.metrics.as_deref(), &inputs.evidence)?;
    let costs = inputs.costs.as_deref().map(costs_of).transpose()?;
    let assessment = inputs.assessment.as_deref().map(Assessment::read).transpose()?;
    let confusion = inputs.confusion.as_deref().map(Confusion::read).transpose()?;
    let mut intervals = inputs.intervals.as_deref().map(Intervals::read).transpose()?;
    let classifier = Classifier::of(inputs.classifier.as_deref(), artefacts)?;
    let mut survey = Survey::of(&inputs.tokens, intervals.as_mut())?;
    survey.add_ranks(classifier.ranks.iter().map(|(rank, _)| rank).chain(&figures.ranks));
    let predictions = inputs.predictions.as_deref();
    let predictions = predictions.map(|path| Predictions::read(path, &survey)).transpose()?;
    survey.add_ranks(predictions.iter().flat_map(|found| &found.ranks).map(|found| &found.rank));
    context.check_interrupt(remedy)?;
    // Shapes and regions are about the same windows as the table of results.
    let over = figures.over.filter(|over| *over != Over::All);
    let masks = Masks::of(&inputs.masks, &survey, over, config)?;
    context.check_interrupt(remedy)?;
    let gallery = Gallery::of(inputs, &survey, &masks, over, intervals.as_ref())?;
    survey.add_ranks(&gallery.predicted);
    let mut training = Vec::new();
    let models = [("Classifier", &inputs.classifier), ("Explainer", &inputs.explainer)];
    for (title, directory) in models {
        if let Some(directory) = directory {
            let curves = curves_of(directory)?;
            if !curves.is_empty() {
                training.push((title, curves));
            }
        }
    }
    Ok(Findings {
        classifier,
        survey,
        figures,
        checks,
        costs: costs.unwrap_or_default(),
        assessment,
        confusion,
        judges_other_windows: are_other_windows(artefacts),
        predictions,
        masks,
        gallery,
        intervals,
        training,
        sources: sources(artefacts),
    })
}
