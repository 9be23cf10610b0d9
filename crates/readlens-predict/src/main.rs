//! `readlens-predict`: what a classifier says of sequences; the work is in the library.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_predict::Options>()
}
