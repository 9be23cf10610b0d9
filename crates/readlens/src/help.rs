//! `readlens --help`: the subcommands in groups, which clap does not make.

use clap::Command;
use clap::builder::StyledStr;

use crate::stages::GROUPS;

/// The umbrella's own subcommands to begin with, and those for an installation.
const FIRST: (&str, [&str; 5]) = ("Start here", ["demo", "learn", "predict", "explain", "run"]);
const LAST: (&str, [&str; 3]) = ("Installation", ["link", "completions", "man"]);
const CLOSING: &str = "readlens STAGE --help describes one stage. Every stage is also a program of \
                       its own, readlens-STAGE:\nreadlens link makes these.";

/// The template of the help of `command`, which has its subcommands.
pub(crate) fn template(command: &Command) -> StyledStr {
    let width = command.get_subcommands().map(|c| c.get_name().len()).max().unwrap_or(0);
    let styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let mut section = |heading: &str, names: &mut dyn Iterator<Item = &str>| {
        text.push_str(&format!("\n{header}{heading}:{header:#}\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {literal}{name:width$}{literal:#}  {about}\n"));
        }
    };
    section(FIRST.0, &mut FIRST.1.into_iter());
    for group in &GROUPS {
        let names = group.stages.iter().map(|stage| stage.name());
        section(group.heading, &mut names.filter(|name| !FIRST.1.contains(name)));
    }
    section(LAST.0, &mut LAST.1.into_iter());
    section("Running", &mut std::iter::empty());
    text.push_str("{options}\n\n");
    text.push_str(CLOSING);
    text.push_str("{after-help}");
    text.into()
}

#[cfg(test)]
mod tests {
    use crate::options;

    #[test]
    fn every_subcommand_is_in_a_group() {
        let command = options::command();
        let help = command.clone().render_help().to_string();
        for subcommand in command.get_subcommands() {
            let line = format!("\n  {} ", subcommand.get_name());
            assert_eq!(help.matches(&line).count(), 1, "{line} in {help}");
        }
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 100), "{help}");
    }
}
