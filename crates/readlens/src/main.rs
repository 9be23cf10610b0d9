//! `readlens`: the demonstrations, whole flows, and every stage: as a subcommand, and under the
//! name of a link such as `readlens-tokenize`.

mod called;
mod command;
mod completions;
mod demo;
mod flow;
mod help;
mod link;
mod manual;
mod options;
#[cfg(test)]
mod reference;
mod settings;
mod stages;

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    match called::name() {
        called::Name::Umbrella => command::main(),
        called::Name::Stage(stage) => stage.main(),
        called::Name::Unknown(name) => command::unknown(&name),
    }
}
