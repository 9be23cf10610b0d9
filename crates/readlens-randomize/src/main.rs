//! `readlens-randomize`: replaces the top of a classifier by fresh weights.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_randomize::Options>()
}
