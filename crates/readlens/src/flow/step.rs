use std::ffi::OsString;
use std::path::{Path, PathBuf};

use readlens_fault::Result;
use readlens_stage::{AnyStage, Context, Stage};

/// One stage of a flow: its options, the files that it reads and those that it writes.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    what: String,
    stage: AnyStage,
    options: Vec<String>,
    reads: Vec<NamedFile>,
    writes: Vec<NamedFile>,
}

/// A file or a folder on a command line.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    /// Option that it stands behind; none for one without.
    pub(crate) option: Option<&'static str>,
    pub(crate) path: PathBuf,
}

impl Step {
    /// A step that runs the stage of the options `S`; `what` tells the user what it does.
    pub(crate) fn of<S: Stage>(what: impl Into<String>) -> Self {
        let stage = AnyStage::of::<S>();
        Self { what: what.into(), stage, options: vec![], reads: vec![], writes: vec![] }
    }

    /// The same step with further options, each as `--name=value` or `--name`.
    pub(crate) fn options(mut self, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    /// The same step, which reads the file at `path` as `option`.
    pub(crate) fn reads(mut self, option: &'static str, path: impl Into<PathBuf>) -> Self {
        self.reads.push(NamedFile { option: Some(option), path: path.into() });
        self
    }

    /// The same step, which reads files that stand behind no option, at the end of the line.
    pub(crate) fn arguments(mut self, paths: &[PathBuf]) -> Self {
        self.reads.extend(paths.iter().map(|path| NamedFile { option: None, path: path.clone() }));
        self
    }

    /// The same step, which writes the file at `path` as `option`.
    pub(crate) fn writes(mut self, option: &'static str, path: impl Into<PathBuf>) -> Self {
        self.writes.push(NamedFile { option: Some(option), path: path.into() });
        self
    }

    /// What the step does, in the words of a user.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Name of its stage.
    pub(crate) fn stage(&self) -> &'static str {
        self.stage.name()
    }

    /// Its options beside files.
    pub(crate) fn plain_options(&self) -> &[String] {
        &self.options
    }

    /// Files and folders that it reads.
    pub(crate) fn inputs(&self) -> &[NamedFile] {
        &self.reads
    }

    /// Files and folders that it writes.
    pub(crate) fn outputs(&self) -> &[NamedFile] {
        &self.writes
    }

    /// The command line without the name of the stage: options, files behind options, then the
    /// other files. `shown` says how a path is written.
    pub(crate) fn line(&self, shown: impl Fn(&Path) -> PathBuf) -> Vec<OsString> {
        let files = || self.reads.iter().chain(&self.writes);
        let named = files().filter_map(|file| {
            let mut argument = OsString::from(format!("--{}=", file.option?));
            argument.push(shown(&file.path));
            Some(argument)
        });
        let others = files().filter(|file| file.option.is_none());
        let others: Vec<OsString> = others.map(|file| shown(&file.path).into_os_string()).collect();
        // A file whose name begins like an option.
        let is_odd = |name: &OsString| name.as_encoded_bytes().starts_with(b"-");
        let marker = others.iter().any(is_odd).then(|| OsString::from("--"));
        let options = self.options.iter().map(OsString::from);
        options.chain(named).chain(marker).chain(others).collect()
    }

    /// Runs the stage.
    ///
    /// # Errors
    /// The stage's.
    pub(crate) fn run(&self, context: &Context) -> Result<()> {
        self.stage.run_line(self.line(Path::to_path_buf), context)
    }
}
