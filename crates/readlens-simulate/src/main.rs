//! Simulates sequences with planted motifs; the work is in the library.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_simulate::Options>()
}
