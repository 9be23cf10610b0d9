//! `readlens-vary`: variants of tokenized windows.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_vary::Options>()
}
