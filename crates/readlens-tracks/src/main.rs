//! `readlens-tracks`: stretches and tracks of masks; the work is in the library.

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    readlens_stage::main::<readlens_tracks::Options>()
}
