//! `readlens-perturb`: the classifier's predictions under every mask, control and operator.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_perturb::Options>()
}
