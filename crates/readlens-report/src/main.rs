//! `readlens-report`: one offline HTML file a person looks at.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_report::Options>()
}
