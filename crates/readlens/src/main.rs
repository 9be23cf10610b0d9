//! `readlens`: the demo, whole flows, and every stage as a subcommand.

mod demo;
mod flow;
mod options;
#[cfg(test)]
mod reference;
mod settings;

fn main() -> std::process::ExitCode {
    let options = options::parse();
    let outcome = readlens_stage::start(&options.common)
        .and_then(|context| options::run(options.command, &context));
    readlens_stage::finish(outcome)
}
