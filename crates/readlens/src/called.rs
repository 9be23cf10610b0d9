//! The name that the program was called by: one file is all stages.

use std::ffi::OsStr;
use std::path::Path;

use readlens_stage::AnyStage;

use crate::stages;

/// What the program is under its name.
#[derive(Debug)]
pub(crate) enum Name {
    /// `readlens`, a version of it such as `readlens-0.2`, or any name that does not begin like a
    /// stage's.
    Umbrella,
    /// `readlens-STAGE`.
    Stage(AnyStage),
    /// `readlens-` and no stage.
    Unknown(String),
}

/// What this process was called by.
pub(crate) fn name() -> Name {
    std::env::args_os().next().map_or(Name::Umbrella, |program| of(&program))
}

fn of(program: &OsStr) -> Name {
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    match name.strip_prefix(stages::PREFIX) {
        None => Name::Umbrella,
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => Name::Umbrella,
        Some(stage) => stages::find(stage).map_or(Name::Unknown(name.into_owned()), Name::Stage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_decides() {
        let stage = |program: &str| match of(OsStr::new(program)) {
            Name::Stage(stage) => Some(stage.name()),
            _ => None,
        };
        assert_eq!(stage("readlens-tokenize"), Some("tokenize"));
        assert_eq!(stage("/opt/readlens-0.1/readlens-train-classifier"), Some("train-classifier"));
        let versions = ["readlens-0.2", "bin/readlens-0.2.1-x86_64"];
        for umbrella in ["readlens", "./readlens", "/opt/readlens-0.1/readlens", "rl", ""]
            .into_iter()
            .chain(versions)
        {
            assert!(matches!(of(OsStr::new(umbrella)), Name::Umbrella), "{umbrella}");
        }
        for unknown in ["readlens-demo", "bin/readlens-tokenise", "readlens-"] {
            assert!(matches!(of(OsStr::new(unknown)), Name::Unknown(_)), "{unknown}");
        }
    }
}
