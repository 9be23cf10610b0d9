//! The reference pages of the book are the declarations; `READLENS_BLESS=1` writes them again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write;
use std::path::Path;

use clap::{Arg, Command};
use readlens_fault::ExitCode;

use crate::options::{command, command_of_stages};
use crate::stages::BEHIND_A_VERB;

/// Checks that the page at `docs/reference/NAME` is `wanted`, or writes it.
fn check(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("READLENS_BLESS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/reference/{name} is not what the declarations say; run \
         `READLENS_BLESS=1 cargo test --release --workspace --bin readlens reference`"
    );
}

#[test]
fn the_option_reference_is_current() {
    check("options.md", &option_reference(&command()));
}

#[test]
fn the_exit_code_reference_is_current() {
    check("exit-codes.md", &exit_code_reference());
}

/// A page with a section per subcommand and a table per group of options.
fn option_reference(umbrella: &Command) -> String {
    let mut page = String::from(
        "# Options of every stage\n\n\
         Made from the declarations of the command lines; a test keeps it current. `readlens STAGE --help` prints\n\
         the same. Every stage also has these options:\n",
    );
    tables(&mut page, umbrella);
    for command in umbrella.get_subcommands().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, "\n## {}\n\n{}.\n", command.get_name(), cell(&about));
        tables(&mut page, command);
        if command.get_name() == BEHIND_A_VERB {
            let stage = command_of_stages();
            let stage = stage.find_subcommand(BEHIND_A_VERB).unwrap();
            let about = stage.get_about().unwrap().to_string();
            let _ = write!(page, "\n## {BEHIND_A_VERB}, the stage\n\n{}.\n", cell(&about));
            tables(&mut page, stage);
        }
    }
    page
}

/// The options of a command, in a table per group, in the order of `--help`.
fn tables(page: &mut String, command: &Command) {
    let is_shown = |arg: &&Arg| !arg.is_hide_set() && !is_built_in(arg);
    let arguments: Vec<&Arg> = command.get_arguments().filter(is_shown).collect();
    let mut groups: Vec<Option<&str>> = Vec::new();
    for group in arguments.iter().map(|arg| arg.get_help_heading()) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for group in groups {
        if let Some(name) = group {
            let _ = write!(page, "\n**{name}**\n");
        }
        page.push_str("\n| option | default | meaning |\n|---|---|---|\n");
        for arg in arguments.iter().filter(|arg| arg.get_help_heading() == group) {
            let _ = writeln!(page, "| `{}` | {} | {} |", name(arg), default(arg), meaning(arg));
        }
    }
}

/// Whether clap itself adds the argument to every command.
fn is_built_in(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

/// The option as it is typed, with the names of its values.
fn name(arg: &Arg) -> String {
    let is_flag = !arg.get_action().takes_values();
    let values: Vec<String> = match (is_flag, arg.get_value_names()) {
        (true, _) => Vec::new(),
        (false, Some(names)) => names.iter().map(|name| format!("<{name}>")).collect(),
        (false, None) => vec![format!("<{}>", arg.get_id().as_str().to_uppercase())],
    };
    let dashed = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => Some(format!("-{short}, --{long}")),
        (None, Some(long)) => Some(format!("--{long}")),
        (Some(short), None) => Some(format!("-{short}")),
        (None, None) => None,
    };
    let words: Vec<String> = dashed.into_iter().chain(values).collect();
    words.join(" ").replace('|', "\\|")
}

/// The default values, `required`, or a dash.
fn default(arg: &Arg) -> String {
    let values: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if arg.is_required_set() {
        "required".to_owned()
    } else if values.is_empty() || !arg.get_action().takes_values() {
        "–".to_owned()
    } else {
        format!("`{}`", values.join(","))
    }
}

/// The help text, followed by the possible values and what they mean.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut lines = vec![cell(&help)];
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        lines.extend(values.map(|value| match value.get_help() {
            Some(help) => format!("`{}`: {}", value.get_name(), cell(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        }));
    }
    lines.join("<br>")
}

/// Text that stands in one cell of a Markdown table: no bar ends the cell, and no angle bracket
/// outside of code opens a tag.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace('|', "\\|");
    // Every second part between backticks is code, where a bracket stands for itself.
    let parts = line.split('`').enumerate().map(|(place, part)| match place % 2 {
        0 => part.replace('<', "&lt;"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

/// A page with a row per exit code.
fn exit_code_reference() -> String {
    let mut page = String::from(
        "# Exit codes\n\n\
         Made from the declarations in `crates/readlens-fault`; a test keeps it current. All programs of readlens\n\
         use the same codes.\n\n\
         | code | name | meaning |\n|---|---|---|\n",
    );
    for code in ExitCode::ALL {
        let _ = writeln!(page, "| {} | {code:?} | {} |", code as u8, code.meaning());
    }
    page
}
