//! Shell completions of the umbrella and of every stage that is called by its link.

use clap::{Command, ValueEnum};
use clap_complete::generate;
use readlens_fault::{Fault, Result};
use readlens_stage::print;

use crate::{options, stages};

/// Shells that completions are written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

/// Prints the completions for `shell`.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(shell: Shell) -> Result<()> {
    print(&script(shell)?)
}

/// One script for all commands: those of the stages, then that of the umbrella.
fn script(shell: Shell) -> Result<String> {
    let commands: Vec<Command> = stages::all().map(|stage| stage.command()).collect();
    let mut text = String::new();
    if let Shell::Zsh = shell {
        let names: Vec<&str> = commands.iter().map(Command::get_name).collect();
        text.push_str(&format!("#compdef readlens {}\n", names.join(" ")));
    }
    for command in commands {
        text.push_str(&of(shell, command)?);
    }
    if let Shell::Zsh = shell {
        text.push_str(ZSH_SERVICE);
    }
    text.push_str(&of(shell, options::command())?);
    Ok(text)
}

/// zsh reads a file `_readlens` of its function path when the first command of the header is
/// completed, as a function that completes the umbrella: the others are passed on.
const ZSH_SERVICE: &str = r#"
if [ "$funcstack[1]" = _readlens ] && [ "$service" != readlens ]; then
    "_$service" "$@"
    return
fi
"#;

fn of(shell: Shell, mut command: Command) -> Result<String> {
    let name = command.get_name().to_owned();
    let mut bytes = Vec::new();
    generate(clap_complete::Shell::from(shell), &mut command, name, &mut bytes);
    String::from_utf8(bytes).map_err(|e| Fault::failed("writing completions", e))
}
