//! `readlens learn`: from sequences and their taxa to a model and its report.

mod choice;
mod findings;
mod given;
mod labels;
mod options;
mod read_me;
mod steps;

use readlens_fault::{Fault, Result};
use readlens_provenance::{NewFile, read_json, write_json};
use readlens_stage::{Context, print};
use readlens_tokenize::Summary;

pub(crate) use options::Learn;

use crate::card::Choice;
use crate::flow::{Runner, script, shell_word};
use crate::model::Model;
use crate::streams::{refuse_other_directory, refuse_streams};
use choice::choose;
use given::Given;

/// Learns a model, or prints how it would.
///
/// # Errors
/// The output is something else, an input cannot be used, or a stage fails.
pub(crate) fn run(learn: &Learn, context: &Context) -> Result<()> {
    refuse_streams(learn.sequences.iter().chain(&learn.taxonomy))?;
    let labels = labels::of(learn)?;
    let given = learn.classifier.as_deref().map(Given::at).transpose()?;
    let given = given.as_ref();
    if learn.explain {
        return explain(learn, &labels, given, context);
    }
    let model = Model::at(&learn.out);
    refuse_other_directory(&learn.out)?;
    let total = steps::count(learn) + 1;
    let runner = Runner::start("learn", total, &learn.out, context)?;
    // A model that is learned again is none until it is done.
    let mut runner = runner.outdating(model.card());
    if let Some(given) = given {
        given.copy_to(&model.classifier())?;
    }
    let survey = steps::survey(learn, &labels, given, &model);
    runner.run(&survey)?;
    let choices = choose(&read_json(&model.evidence("survey.json"))?, given)?;
    for Choice { of, chosen, because } in &choices.said {
        tracing::info!("{of}: {chosen}; {because}");
    }
    for step in steps::steps(learn, &labels, given, &choices, &model) {
        runner.run(&step)?;
    }
    let card = findings::card(learn, &labels.divided, &choices, &model)?;
    let mut read_me = NewFile::create(&model.read_me())?;
    read_me.put(read_me::text(&card).as_bytes())?;
    // The card makes the folder a model, so it comes last.
    read_me.commit()?;
    write_json(&model.card(), &card)?;
    drop(runner);
    for accuracy in &card.accuracy {
        tracing::info!(
            "{}: {:.1} % of {} test windows are right",
            accuracy.rank,
            100.0 * accuracy.accuracy,
            accuracy.windows
        );
    }
    tracing::info!(
        "the model is {}; its report is {}",
        model.root().display(),
        model.report().display()
    );
    Ok(())
}

/// Surveys the sequences beside the output and prints what would be done.
fn explain(
    learn: &Learn,
    labels: &labels::Labels,
    given: Option<&Given>,
    context: &Context,
) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| Fault::io("create", std::env::temp_dir(), e))?;
    steps::survey(learn, labels, given, &Model::at(folder.path())).run(context)?;
    let survey: Summary = read_json(&Model::at(folder.path()).evidence("survey.json"))?;
    let choices = choose(&survey, given)?;
    let model = Model::at(&learn.out);
    let mut text = String::new();
    for Choice { of, chosen, because } in &choices.said {
        text.push_str(&format!("# {of}: {chosen}; {because}\n"));
    }
    if let Some(given) = given {
        let [from, to] = [&given.directory, &model.classifier()].map(|path| shell_word(path));
        text.push_str(&format!("# copy the classifier\ncp -R {from} {to}\n"));
    }
    let mut all = vec![steps::survey(learn, labels, given, &model)];
    all.extend(steps::steps(learn, labels, given, &choices, &model));
    text.push_str(&script(&all));
    text.push_str("# learn itself writes README.md and card.json, which make the folder a model\n");
    print(&text)
}
