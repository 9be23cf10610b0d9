//! `readlens-import`: makes a classifier of one that was trained elsewhere.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_import::Options>()
}
