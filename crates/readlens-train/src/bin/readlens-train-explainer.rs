//! `readlens-train-explainer`: trains the Explainer through the frozen classifier.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_train::explainer::Options>()
}
