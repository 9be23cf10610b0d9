//! `readlens`: the demonstrations, whole flows, and every stage: as a subcommand, and under the
//! name of a link such as `readlens-tokenize`.

mod answers;
mod called;
mod card;
mod command;
mod completions;
mod demo;
mod flow;
mod help;
mod learn;
mod link;
mod manual;
mod model;
mod options;
#[cfg(test)]
mod reference;
mod run;
mod stages;
mod streams;

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    match called::name() {
        called::Name::Umbrella => command::main(),
        called::Name::Stage(stage) => stage.main(),
        called::Name::Unknown(name) => command::unknown(&name),
    }
}
