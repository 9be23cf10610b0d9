//! Judges a classifier on labelled windows; the work is in the library.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_assess::Options>()
}
