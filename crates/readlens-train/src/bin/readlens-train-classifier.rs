//! `readlens-train-classifier`: trains the token classifier.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_train::classifier::Options>()
}
