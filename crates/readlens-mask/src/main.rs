//! `readlens-mask`: masks for any token table.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_mask::Options>()
}
