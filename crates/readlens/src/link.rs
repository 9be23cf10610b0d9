//! Links that give this program the names of the stages.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_stage::print;

use crate::stages;

/// How the file of a readlens is called, or begins, as in `readlens-0.2`: a link to it may be
/// replaced.
const PROGRAM: &str = "readlens";

/// Makes a link for every stage in `directory` and prints those that are new.
///
/// They are relative, so that a folder which holds both ends can be moved, packed or mounted
/// elsewhere.
///
/// # Errors
/// A name is taken by another file, in which case no link is made, or the directory cannot be
/// written to.
pub(crate) fn run(directory: &Path) -> Result<()> {
    let program = std::env::current_exe().and_then(fs::canonicalize);
    let program = program.map_err(|e| Fault::failed("finding this program's own file", e))?;
    let made = link(&program, directory)?;
    let lines: Vec<String> = made.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&lines.concat())?;
    let kept = stages::all().count() - made.len();
    if kept > 0 {
        tracing::info!("{kept} links to {} were there already", program.display());
    }
    Ok(())
}

/// Makes the links to `program`, an absolute path, and returns those that are new.
fn link(program: &Path, directory: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(directory).map_err(|e| Fault::io("create", directory, e))?;
    // `..` of a directory that is itself reached by a link would lead elsewhere.
    let real = fs::canonicalize(directory).map_err(|e| Fault::io("open", directory, e))?;
    let target = relative(program, &real);
    let mut wanted = Vec::new();
    for stage in stages::all() {
        let path = directory.join(format!("{}{}", stages::PREFIX, stage.name()));
        if !is_made(&path, program)? {
            wanted.push(path);
        }
    }
    for path in &wanted {
        replace(&target, path)?;
    }
    Ok(wanted)
}

/// Whether `path` is a link to `program` already; `false` where there is room for one.
fn is_made(path: &Path, program: &Path) -> Result<bool> {
    let taken = |what: &str| {
        Fault::usage(format!(
            "will not replace {}: it is {what}, not a link to readlens; choose another directory, \
             or remove it (no link was made)",
            path.display()
        ))
    };
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Fault::io("read", path, e)),
    };
    if !kind.is_symlink() {
        return Err(taken(if kind.is_dir() { "a directory" } else { "a file" }));
    }
    if fs::canonicalize(path).is_ok_and(|end| end == program) {
        return Ok(true);
    }
    let target = fs::read_link(path).map_err(|e| Fault::io("read", path, e))?;
    // Another version, or one that has moved.
    let name = target.file_name().unwrap_or_default();
    if name.as_encoded_bytes().starts_with(PROGRAM.as_bytes()) {
        return Ok(false);
    }
    Err(taken(&format!("a link to {}", target.display())))
}

/// Puts a link where there is nothing or an older link: under a name of its own first, because a
/// rename replaces in one step.
fn replace(target: &Path, path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.partial-{}", std::process::id()));
    let fail = |e| Fault::io("create", path, e);
    symlink(target, &fresh).map_err(fail)?;
    fs::rename(&fresh, path).map_err(|e| {
        // What the rename left is no use to anybody.
        let _ = fs::remove_file(&fresh);
        fail(e)
    })
}

/// The way from `directory` to `file`, both absolute and without links.
fn relative(file: &Path, directory: &Path) -> PathBuf {
    let (to, from): (Vec<_>, Vec<_>) =
        (file.components().collect(), directory.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn the_way_goes_up_to_what_both_share() {
        let way = |file: &str, directory: &str| relative(Path::new(file), Path::new(directory));
        assert_eq!(way("/usr/bin/readlens", "/usr/bin"), Path::new("readlens"));
        assert_eq!(way("/opt/r/readlens", "/usr/local/bin"), Path::new("../../../opt/r/readlens"));
        assert_eq!(way("/usr/lib/r/readlens", "/usr/bin"), Path::new("../lib/r/readlens"));
    }

    #[test]
    fn links_are_made_once_and_follow_a_moved_program() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let old = root.join("old/readlens-0.1");
        let new = root.join("new/readlens");
        for program in [&old, &new] {
            fs::create_dir(program.parent().unwrap()).unwrap();
            fs::write(program, "program").unwrap();
        }
        let bin = root.join("bin");
        assert_eq!(link(&old, &bin).unwrap().len(), stages::all().count());
        assert_eq!(link(&old, &bin).unwrap(), [""; 0].map(PathBuf::from));
        let one = bin.join("readlens-mask");
        assert_eq!(fs::read_link(&one).unwrap(), Path::new("../old/readlens-0.1"));
        // Another readlens, then one that is gone: the links are replaced.
        assert_eq!(link(&new, &bin).unwrap().len(), stages::all().count());
        fs::remove_file(&new).unwrap();
        assert_eq!(link(&old, &bin).unwrap().len(), stages::all().count());
        assert_eq!(fs::canonicalize(&one).unwrap(), old);
        let count = fs::read_dir(&bin).unwrap().count();
        assert_eq!(count, stages::all().count(), "something is left beside the links");
    }

    #[test]
    fn other_files_are_refused_before_a_link_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let program = root.join("readlens");
        fs::write(&program, "program").unwrap();
        let taken = root.join("readlens-report");
        let attempts: [(&str, &dyn Fn()); 3] = [
            ("a file", &|| fs::write(&taken, "mine").unwrap()),
            ("a directory", &|| fs::create_dir(&taken).unwrap()),
            ("a link to elsewhere/report", &|| symlink("elsewhere/report", &taken).unwrap()),
        ];
        for (found, make) in attempts {
            make();
            let fault = link(&program, &root).unwrap_err().to_string();
            assert!(fault.contains(&format!("it is {found}, ")), "{fault}");
            assert_eq!(fs::read_dir(&root).unwrap().count(), 2, "{found}");
            if taken.is_dir() {
                fs::remove_dir(&taken).unwrap();
            } else {
                fs::remove_file(&taken).unwrap();
            }
        }
    }
}
