//! What a flow has done, so that the same command goes on where it stopped.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_provenance::{Digester, Sha256Digest, digest_file, read_json, write_json};
use serde::{Deserialize, Serialize};

use super::Step;
use super::step::NamedFile;

/// Name of the file in the output directory.
pub(crate) const FILE: &str = "flow.json";

/// The steps of a flow that are done.
///
/// A step counts as done while its command line, what it read and what it wrote are as they were,
/// by content. The file names no place outside the output directory.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Name of the flow.
    flow: String,
    /// The program that runs it.
    program: Sha256Digest,
    out: PathBuf,
    done: BTreeMap<String, Done>,
    /// Digests of files that no step has written since they were read.
    known: HashMap<PathBuf, Sha256Digest>,
}

/// The journal as a file.
#[derive(Debug, Deserialize, Serialize)]
struct Saved {
    /// Name of the flow, such as `learn`.
    flow: String,
    /// Digest of the program that ran the steps.
    program: Sha256Digest,
    steps: BTreeMap<String, Done>,
}

/// A step as it was when it ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Done {
    stage: String,
    options: Vec<String>,
    reads: Vec<Content>,
    writes: Vec<Content>,
}

/// A file or a folder by what is in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    option: Option<String>,
    /// Path in the output directory, or the name of a file from elsewhere.
    name: String,
    sha256: Sha256Digest,
}

impl Journal {
    /// The journal of the flow `name` that writes to `out`. It is an empty one where there is none,
    /// or where another program wrote it.
    ///
    /// # Errors
    /// The journal cannot be read or written, or is that of another flow.
    pub(crate) fn open(name: &str, out: &Path) -> Result<Self> {
        let path = out.join(FILE);
        let own = std::env::current_exe().map_err(|e| Fault::failed("finding this program", e))?;
        let (program, _) = digest_file(&own)?;
        let saved = path.exists().then(|| read(&path)).transpose()?;
        if let Some(other) = saved.as_ref().filter(|saved| saved.flow != name) {
            return Err(Fault::usage(format!(
                "{} holds what readlens {} wrote; choose another directory, or delete this one",
                out.display(),
                other.flow
            )));
        }
        let is_new = saved.is_none();
        let saved = saved.filter(|saved| saved.program == program);
        let done = saved.map(|saved| saved.steps).unwrap_or_default();
        let flow = name.to_owned();
        let journal = Self { flow, program, out: out.to_path_buf(), done, known: HashMap::new() };
        // From now on the directory is known to be this flow's.
        if is_new {
            journal.save()?;
        }
        Ok(journal)
    }

    /// Whether `step` has been done with the same options and inputs, and its outputs are whole.
    ///
    /// # Errors
    /// An input or an output is there and cannot be read.
    pub(crate) fn has(&mut self, step: &Step) -> Result<bool> {
        let Some(done) = self.done.get(step.what()).cloned() else { return Ok(false) };
        let is_there = |file: &NamedFile| file.path.exists();
        if !step.inputs().iter().chain(step.outputs()).all(is_there) {
            return Ok(false);
        }
        Ok(self.state(step)? == done)
    }

    /// Notes what `step` is about to read, and forgets what was known of its outputs.
    ///
    /// # Errors
    /// An input cannot be read, or the journal cannot be written.
    pub(crate) fn begin(&mut self, step: &Step) -> Result<()> {
        self.contents(step.inputs())?;
        for file in step.outputs() {
            self.known.remove(&file.path);
        }
        match self.done.remove(step.what()) {
            Some(_) => self.save(),
            None => Ok(()),
        }
    }

    /// Notes that `step` is done.
    ///
    /// # Errors
    /// A file of the step cannot be read, or the journal cannot be written.
    pub(crate) fn add(&mut self, step: &Step) -> Result<()> {
        let state = self.state(step)?;
        self.done.insert(step.what().to_owned(), state);
        self.save()
    }

    fn save(&self) -> Result<()> {
        let (flow, program) = (self.flow.clone(), self.program.clone());
        write_json(&self.out.join(FILE), &Saved { flow, program, steps: self.done.clone() })
    }

    fn state(&mut self, step: &Step) -> Result<Done> {
        Ok(Done {
            stage: step.stage().to_owned(),
            options: step.plain_options().to_vec(),
            reads: self.contents(step.inputs())?,
            writes: self.contents(step.outputs())?,
        })
    }

    fn contents(&mut self, files: &[NamedFile]) -> Result<Vec<Content>> {
        let content = |file: &NamedFile| {
            let path = &file.path;
            let inside = path.strip_prefix(&self.out).ok().map(Path::to_path_buf);
            let name = inside.or_else(|| path.file_name().map(PathBuf::from)).unwrap_or_default();
            let sha256 = match self.known.get(path) {
                Some(known) => known.clone(),
                None => digest(path)?,
            };
            self.known.insert(path.clone(), sha256.clone());
            let option = file.option.map(str::to_owned);
            Ok(Content { option, name: name.to_string_lossy().into_owned(), sha256 })
        };
        files.iter().map(content).collect()
    }
}

fn read(path: &Path) -> Result<Saved> {
    read_json(path).map_err(|fault| {
        Fault::input(path)
            .expected("the steps that are done, as readlens notes them")
            .found(fault)
            .remedy("delete this file; all steps are then done again")
            .into()
    })
}

/// Digest of a file, or of the names and contents of the files in a folder.
fn digest(path: &Path) -> Result<Sha256Digest> {
    if !path.is_dir() {
        return Ok(digest_file(path)?.0);
    }
    let fault = |e| Fault::io("list", path, e);
    let entries = std::fs::read_dir(path).map_err(fault)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()).map_err(fault))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    let mut digester = Digester::default();
    for name in names {
        digester.add(name.as_encoded_bytes());
        digester.add(b"\0");
        digester.add(digest(&path.join(name))?.as_str().as_bytes());
    }
    Ok(digester.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// A step that reads `in.txt` and writes `out.txt` of a folder.
    fn step(folder: &Path, option: &str) -> Step {
        Step::of::<readlens_merge::Options>("merge")
            .options([option])
            .reads("shard", folder.join("in.txt"))
            .writes("output", folder.join("out.txt"))
    }

    #[test]
    fn a_step_is_done_while_nothing_of_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        let has = |option: &str| {
            Journal::open("merge", folder.path())
                .unwrap()
                .has(&step(folder.path(), option))
                .unwrap()
        };
        write("in.txt", "a").unwrap();
        assert!(!has("--x=1"), "nothing is done yet");
        write("out.txt", "b").unwrap();
        let mut journal = Journal::open("merge", folder.path()).unwrap();
        journal.add(&step(folder.path(), "--x=1")).unwrap();
        assert!(has("--x=1"));
        assert!(!has("--x=2"), "another option");
        write("in.txt", "c").unwrap();
        assert!(!has("--x=1"), "another input");
        write("in.txt", "a").unwrap();
        assert!(has("--x=1"));
        write("out.txt", "").unwrap();
        assert!(!has("--x=1"), "another output");
        std::fs::remove_file(folder.path().join("out.txt")).unwrap();
        assert!(!has("--x=1"), "no output");
    }

    #[test]
    fn a_step_that_begins_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["in.txt", "out.txt"] {
            std::fs::write(folder.path().join(name), "a").unwrap();
        }
        let step = step(folder.path(), "--x=1");
        let mut journal = Journal::open("merge", folder.path()).unwrap();
        journal.add(&step).unwrap();
        journal.begin(&step).unwrap();
        assert!(!Journal::open("merge", folder.path()).unwrap().has(&step).unwrap());
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains(&*folder.path().to_string_lossy()), "{text}");
    }

    #[test]
    fn a_directory_is_of_one_flow() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open("learn", folder.path()).unwrap();
        let fault = Journal::open("predict", folder.path()).unwrap_err().to_string();
        assert!(fault.contains("holds what readlens learn wrote"), "{fault}");
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        let fault = Journal::open("learn", folder.path()).unwrap_err().to_string();
        assert!(fault.contains("flow.json") && fault.contains("delete this file"), "{fault}");
    }

    #[test]
    fn a_folder_is_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("model")).unwrap();
        std::fs::write(path("model/a"), "1").unwrap();
        let first = digest(&path("model")).unwrap();
        std::fs::rename(path("model/a"), path("model/b")).unwrap();
        assert_ne!(digest(&path("model")).unwrap(), first);
        std::fs::rename(path("model/b"), path("model/a")).unwrap();
        assert_eq!(digest(&path("model")).unwrap(), first);
    }
}
