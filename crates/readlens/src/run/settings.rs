use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use serde::Deserialize;
use toml::{Table, Value};

/// Largest flow file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A flow: what goes in, and options per stage under the names of its command line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Sequences, taxonomy and annotation; paths are relative to the file.
    pub(crate) input: Input,
    /// Where this table stands, the sequences are simulated instead of read.
    pub(crate) simulate: Option<Table>,
    pub(crate) tokenize: Table,
    /// Where this table stands, k-mer counts are judged beside the classifier.
    pub(crate) baseline: Option<Table>,
    pub(crate) train_classifier: Table,
    pub(crate) train_explainer: Table,
    pub(crate) mask: Table,
    /// Where this table stands, masks of other methods are judged beside the Explainer's.
    pub(crate) attribute: Option<Table>,
    pub(crate) perturb: Table,
    pub(crate) evaluate: Table,
    pub(crate) report: Table,
}

/// Files that go into a flow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Input {
    /// FASTA or FASTQ files.
    pub(crate) sequences: Vec<PathBuf>,
    /// Taxonomy table.
    pub(crate) taxonomy: Option<PathBuf>,
    /// Intervals to draw beside the masks, such as hypervariable regions.
    pub(crate) intervals: Option<PathBuf>,
    /// Intervals that hold the true evidence, to measure localisation against.
    pub(crate) truth: Option<PathBuf>,
}

impl Input {
    /// Folder of simulated sequences in the output directory.
    pub(crate) const SIMULATED: &str = "simulated";
}

impl Settings {
    /// The files that go into a flow that writes to `out`: those it names, or the simulated ones.
    pub(crate) fn input_in(&self, out: &Path) -> Input {
        if self.simulate.is_none() {
            return self.input.clone();
        }
        let file = |name: &str| out.join(Input::SIMULATED).join(name);
        Input {
            sequences: vec![file("sequences.fasta")],
            taxonomy: Some(file("taxonomy.tsv")),
            intervals: Some(file("truth.tsv")),
            truth: Some(file("truth.tsv")),
        }
    }

    /// Reads a flow; relative input paths are those from the file's directory.
    ///
    /// # Errors
    /// The file cannot be read or is not a flow.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(|e| Fault::io("open", path, e))?.len();
        let fault = || Fault::input(path).expected("a flow: TOML tables named after the stages");
        if length > MAX_BYTES {
            let remedy = "see pipelines/flows for examples";
            return Err(fault().found(format!("{length} bytes")).remedy(remedy).into());
        }
        let text = std::fs::read_to_string(path).map_err(|e| Fault::io("read", path, e))?;
        let mut settings = Self::parse(&text, path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let Input { sequences, taxonomy, intervals, truth } = &mut settings.input;
        for file in sequences.iter_mut().chain(taxonomy).chain(intervals).chain(truth) {
            *file = directory.join(&*file);
        }
        Ok(settings)
    }

    /// Parses the text of a flow; `path` is for the error.
    ///
    /// # Errors
    /// The text is not a flow.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Fault::input(path)
                .at(Place::Line(line as u64))
                .expected("a flow: TOML tables named after the stages")
                .found(e.message())
                .remedy("see pipelines/flows for examples")
                .into()
        })
    }
}

/// The options of a stage as its command line would have them: `key = value` is `--key=value` and a
/// list is joined by commas.
///
/// # Errors
/// A value is a table or a date.
pub(crate) fn arguments(stage: &str, table: &Table) -> Result<Vec<String>> {
    let mut arguments = Vec::new();
    for (key, value) in table {
        let plain = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Boolean(flag) => Some(flag.to_string()),
            Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
        };
        let text = match value {
            Value::Array(items) => {
                items.iter().map(plain).collect::<Option<Vec<_>>>().map(|v| v.join(","))
            }
            other => plain(other),
        };
        let Some(text) = text else {
            return Err(Fault::usage(format!(
                "[{stage}] {key}: expected text, a number, true, false or a list of them"
            )));
        };
        arguments.push(format!("--{key}={text}"));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_stages_table_is_its_command_line() {
        let text = "[tokenize]\nk = 6\nranks = [\"phylum\", \"genus\"]\n[train-classifier]\nlearning-rate = 0.003\n";
        let settings = Settings::parse(text, Path::new("flow.toml")).unwrap();
        assert_eq!(
            arguments("tokenize", &settings.tokenize).unwrap(),
            ["--k=6", "--ranks=phylum,genus"]
        );
        let trained = arguments("train-classifier", &settings.train_classifier).unwrap();
        assert_eq!(trained, ["--learning-rate=0.003"]);
        let unknown = Settings::parse("[tokenise]\nk = 6\n", Path::new("flow.toml"));
        assert!(unknown.unwrap_err().to_string().starts_with("flow.toml, line 1"));
    }
}
