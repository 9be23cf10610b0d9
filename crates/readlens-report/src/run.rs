use std::path::Path;

use askama::Template;
use readlens_fault::{Fault, Result};
use readlens_provenance::{NewFile, refuse_overwriting};
use readlens_stage::Context;
use readlens_tables::costs::CostRow;
use readlens_tables::vocabulary::Over;
use readlens_text::Intervals;

use crate::checks::{Check, checks_of};
use crate::config::{Config, Inputs};
use crate::costs::costs_of;
use crate::gallery::Gallery;
use crate::metrics_table::Figures;
use crate::page::Page;
use crate::provenance::{Source, manifest_of, own_manifest};
use crate::shape::Masks;
use crate::survey::Survey;
use crate::text::visible;
use crate::training_curves::{Term, curves_of};

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) survey: Survey,
    pub(crate) figures: Figures,
    pub(crate) checks: Vec<Check>,
    pub(crate) costs: Vec<CostRow>,
    pub(crate) masks: Masks,
    pub(crate) gallery: Gallery,
    pub(crate) intervals: Option<Intervals>,
    /// Model name and curves.
    pub(crate) training: Vec<(&'static str, Vec<Term>)>,
    pub(crate) sources: Vec<Source>,
}

/// Writes the page to `output`, whole or not at all.
///
/// The same inputs and configuration give the same bytes.
///
/// # Errors
/// The configuration cannot work, an input cannot be read or breaks its contract, two tables
/// disagree, or the page cannot be written.
pub fn run(inputs: &Inputs, config: Config, output: &Path, context: &Context) -> Result<()> {
    const REMEDY: &str = "run it again";
    let config = config.validated()?;
    refuse_overwriting([output], inputs.files().map(|(_, path)| path))?;
    let mut file = NewFile::create(output)?;
    let manifest = own_manifest(&config, inputs)?;
    context.check_interrupt(REMEDY)?;
    let findings = read(inputs, &config, context, REMEDY)?;
    let shown = findings.gallery.windows.len();
    let page = Page::of(&findings, &config, inputs, &manifest)?;
    page.write_into(&mut file).map_err(|e| Fault::io("write", output, e))?;
    context.check_interrupt(REMEDY)?;
    file.commit()?;
    tracing::info!("{} shows {shown} sequence windows", output.display());
    Ok(())
}

fn read(inputs: &Inputs, config: &Config, context: &Context, remedy: &str) -> Result<Findings> {
    let figures = Figures::of(inputs.metrics.as_deref(), &inputs.evidence)?;
    let (checks, checks_manifest) = inputs.checks.as_deref().map(checks_of).transpose()?.unzip();
    let (costs, costs_manifest) = inputs.costs.as_deref().map(costs_of).transpose()?.unzip();
    let mut intervals = inputs.intervals.as_deref().map(Intervals::read).transpose()?;
    let survey = Survey::of(&inputs.tokens, intervals.as_mut())?;
    context.check_interrupt(remedy)?;
    // Shapes and regions are about the same windows as the table of results.
    let over = figures.over.filter(|over| *over != Over::All);
    let masks = Masks::of(&inputs.masks, &survey, over, config)?;
    context.check_interrupt(remedy)?;
    let gallery = Gallery::of(inputs, &survey, &masks, over, intervals.as_ref())?;
    let mut training = Vec::new();
    let mut sources = vec![
        Source { name: "tokens".to_owned(), manifest: survey.manifest.clone() },
        Source { name: "masks".to_owned(), manifest: masks.manifest.clone() },
    ];
    let mut add = |name: &str, is_given: bool, manifest| {
        if is_given {
            sources.push(Source { name: name.to_owned(), manifest });
        }
    };
    add("bases", inputs.bases.is_some(), gallery.bases_manifest.clone());
    let given = inputs.perturbations.is_some();
    add("perturbations", given, gallery.perturbations_manifest.clone());
    add("metrics", inputs.metrics.is_some(), figures.manifest.clone());
    for manifest in &figures.evidence_manifests {
        let stage = manifest.as_ref().map_or("unknown stage", |m| m.stage.as_str());
        add(&format!("evidence of {}", visible(stage, 40)), true, manifest.clone());
    }
    add("checks", checks_manifest.is_some(), checks_manifest);
    add("costs", costs_manifest.is_some(), costs_manifest.flatten());
    for (name, title, directory) in [
        ("classifier", "Classifier", &inputs.classifier),
        ("explainer", "Explainer", &inputs.explainer),
    ] {
        if let Some(directory) = directory {
            training.push((title, curves_of(directory)?));
            add(name, true, Some(manifest_of(directory)?));
        }
    }
    Ok(Findings {
        survey,
        figures,
        checks: checks.unwrap_or_default(),
        costs: costs.unwrap_or_default(),
        masks,
        gallery,
        intervals,
        training,
        sources,
    })
}
