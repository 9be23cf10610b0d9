use std::fs;
use std::path::Path;

use readlens_fault::{Fault, Result};

use crate::manifest::{Manifest, read_json};

/// The file that says which stage wrote a directory.
const MANIFEST: &str = "manifest.json";
/// What a workflow manager leaves in the directories that a stage wrote for it.
const MARKS_OF_MANAGERS: [&str; 1] = [".snakemake_timestamp"];

/// A kind of directory that a stage writes, and may therefore replace.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryKind {
    /// What it is called, such as `classifier`.
    pub name: &'static str,
    /// The stages that write it.
    pub stages: &'static [&'static str],
    /// The files in it, beside `manifest.json`.
    pub files: &'static [&'static str],
    /// Whether it is removed in the end anyway: what is left of one may then be replaced without
    /// its manifest.
    pub is_temporary: bool,
}

impl DirectoryKind {
    /// Whether a directory of this kind has an entry of this name.
    pub(super) fn has(&self, entry: &str) -> bool {
        entry == MANIFEST || self.files.contains(&entry) || MARKS_OF_MANAGERS.contains(&entry)
    }

    /// Whether the directory `target` may be replaced: it is empty, or a stage wrote it and nothing
    /// else lies in it.
    ///
    /// # Errors
    /// [`Fault::Usage`] that names what is in the way.
    pub(super) fn check_replaceable(&self, target: &Path) -> Result<()> {
        let mut entries = entries_of(target)?;
        entries.sort();
        if entries.is_empty() {
            return Ok(());
        }
        let will_not = |problem: String| {
            Fault::usage(format!(
                "will not replace {}: {problem}; choose another output or move it away",
                target.display()
            ))
        };
        let is_foreign = |name: &String| !self.has(name) || target.join(name).is_dir();
        let Ok(manifest) = read_json::<Manifest>(&target.join(MANIFEST)) else {
            if self.is_temporary && !entries.iter().any(is_foreign) {
                return Ok(());
            }
            return Err(will_not(format!(
                "it holds {} and no {MANIFEST} of ours, so readlens did not write it",
                listed(&entries)
            )));
        };
        let is_ours = self.stages.contains(&manifest.stage.as_str());
        entries.retain(is_foreign);
        if !is_ours {
            Err(will_not(format!("it is what {} wrote, and no {}", manifest.stage, self.name)))
        } else if !entries.is_empty() {
            Err(will_not(format!("it also holds {}, which no {} has", listed(&entries), self.name)))
        } else {
            Ok(())
        }
    }
}

/// The names in a directory.
fn entries_of(directory: &Path) -> Result<Vec<String>> {
    let failed = |e| Fault::io("list", directory, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
