//! `readlens-compare`: how far masks of the same windows agree.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_compare::Options>()
}
