use std::path::PathBuf;

use clap::{Args, Command, Subcommand};
use readlens_stage::{Common, version};

use crate::answers::{Explain, Predict};
use crate::completions::Shell;
use crate::learn::Learn;
use crate::{help, stages};

/// One line that says what the program does.
const ABOUT: &str = "Which stretches of a sequence does a taxon classifier read? Masks that show \
                     them, and controls that prove it";

/// The umbrella's own subcommands; every stage is one besides.
#[derive(Debug, Subcommand)]
pub(crate) enum Own {
    /// Run everything on embedded data: train, explain, judge, and write a report
    Demo(Demo),
    /// Learn a model of your sequences and their taxa, and judge it
    Learn(Box<Learn>),
    /// Name the taxa of new sequences with a model
    ///
    /// With --tokens it is the stage of this name: readlens predict --tokens TABLE --help
    Predict(Predict),
    /// Name the taxa of new sequences and show what was read
    Explain(Explain),
    /// Run all stages in one process, as configured in a TOML file
    Run(Run),
    /// Make a link readlens-STAGE to this program for every stage
    Link(Link),
    /// Print shell completions of readlens and of all readlens-STAGE
    Completions(Completions),
    /// Write manual pages of readlens and of all readlens-STAGE
    Man(Man),
}

/// Options of `readlens demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Directory to write: a folder for the 16S genes and one for the genome fragments, or with
    /// --planted the planted motifs [default: results/demo, or results/planted with --planted]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Use random sequences with planted motifs instead of real genes: the true evidence is known,
    /// so the report also says how much of it the masks find
    #[arg(long)]
    pub(crate) planted: bool,
}

/// Options of `readlens run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The flow: a TOML file with one table of options per stage; pipelines/flows has examples
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// Directory to write; steps that are done there with the same inputs are not done again
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print the command lines of the stages and run nothing
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Options of `readlens link`.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// Directory to make the links in; it is created if need be. The links are relative. Those
    /// that are there are kept, a link to another readlens is replaced, and any other file is not
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Options of `readlens completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell that reads them: `source <(readlens completions bash)` in ~/.bashrc, the same with zsh
    /// in ~/.zshrc, or `readlens completions fish | source` in ~/.config/fish/config.fish
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Options of `readlens man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory to write, such as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// The umbrella's command line: its own subcommands, and every stage that none of them is called
/// as.
pub(crate) fn command() -> Command {
    let command = Own::augment_subcommands(Common::augment_args(Command::new("readlens")));
    let stages = stages::all().filter(|stage| stage.name() != stages::BEHIND_A_VERB);
    let command = stages.fold(command, |c, stage| c.subcommand(stage.subcommand()));
    let template = help::template(&command);
    command
        .about(ABOUT)
        .version(version())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .help_template(template)
}

/// The same with the stage in the place of the verb that has its name.
pub(crate) fn command_of_stages() -> Command {
    let stage = stages::find(stages::BEHIND_A_VERB);
    stage.into_iter().fold(command(), |command, stage| {
        command.mut_subcommand(stage.name(), |_| stage.subcommand())
    })
}
