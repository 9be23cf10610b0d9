//! `readlens-train-experts`: counts naive Bayes experts.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_train::experts::Options>()
}
