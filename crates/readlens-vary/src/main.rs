//! `readlens-vary`: variants of tokenized windows.

fn main() -> std::process::ExitCode {
    readlens_stage::main::<readlens_vary::Options>()
}
