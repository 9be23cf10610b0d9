//! `readlens-combine`: combines classifiers into one.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_train::combination::Options>()
}
