//! Manual pages of the umbrella, its own subcommands and every stage.

use std::io::Write;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use readlens_fault::{Fault, Result};
use readlens_provenance::NewFile;

use crate::{options, stages};

/// Writes a page per command into `directory`; all are complete before the first takes its name.
///
/// # Errors
/// The directory cannot be written to.
pub(crate) fn run(directory: &Path) -> Result<()> {
    let pages: Vec<NewFile> =
        commands().into_iter().map(|command| page(directory, command)).collect::<Result<_>>()?;
    let written = pages.len();
    pages.into_iter().try_for_each(NewFile::commit)?;
    tracing::info!("wrote {written} manual pages to {}", directory.display());
    Ok(())
}

/// The commands that have a page. A stage's page is that of its own program: the umbrella's
/// subcommand has the same options, but for the verb that has a stage's name.
fn commands() -> Vec<Command> {
    // `readlens help` has no page that the umbrella's could name.
    let mut umbrella = options::command().disable_help_subcommand(true);
    // Building gives the subcommands their names, `readlens-demo`, and the options of all.
    umbrella.build();
    let own =
        umbrella.get_subcommands().filter(|command| stages::find(command.get_name()).is_none());
    let own: Vec<Command> =
        own.map(|c| c.clone().name(format!("{}{}", stages::PREFIX, c.get_name()))).collect();
    let stages = stages::all().map(|stage| stage.command());
    std::iter::once(umbrella).chain(own).chain(stages).collect()
}

fn page(directory: &Path, command: Command) -> Result<NewFile> {
    let path = directory.join(format!("{}.1", command.get_name()));
    let mut file = NewFile::create(&path)?;
    Man::new(command).render(&mut file).map_err(|e| Fault::io("write", &path, e))?;
    file.flush().map_err(|e| Fault::io("write", &path, e))?;
    Ok(file)
}
