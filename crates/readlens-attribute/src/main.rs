//! `readlens-attribute`: masks by the attribution methods that the Explainer is compared with.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_attribute::Options>()
}
