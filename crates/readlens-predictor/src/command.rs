use std::path::Path;
use std::time::Duration;

/// How a program is started, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// A line for the shell.
    pub(crate) line: String,
    pub(crate) timeout: Duration,
}

impl Command {
    /// Seconds within which a program must answer, where nothing else is said: a large model needs
    /// a minute or two to load.
    pub const SECONDS: u32 = 300;

    /// The command `line`, as one types it to a shell.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), timeout: Duration::from_secs(u64::from(Self::SECONDS)) }
    }

    /// The same, which may take `timeout` for its schema, for each answer, and for its end.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What manifests and messages call the program: the file name of the program and, behind it,
    /// that of the first file among its arguments, as in `python my_model.py`.
    ///
    /// Folders are left out, as artefacts hold no paths, and so are all other arguments: they may
    /// be secrets.
    pub fn name(&self) -> String {
        let words: Vec<&str> = self.line.split_whitespace().map(unquoted).collect();
        let is_setting = |word: &&&str| word.contains('=') && !word.starts_with(['/', '.', '-']);
        let mut words = words.iter().skip_while(is_setting);
        let file_name = |word: &str| {
            Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned())
        };
        let program = words.next().and_then(|word| file_name(word)).unwrap_or_default();
        match words.find(|word| Path::new(word).is_file()).and_then(|word| file_name(word)) {
            Some(script) => format!("{program} {script}"),
            None => program,
        }
    }
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_program_is_named_without_folders_settings_and_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("my_model.py");
        std::fs::write(&script, "").unwrap();
        let script = script.display();
        for (line, name) in [
            (format!("python {script} --token secret"), "python my_model.py"),
            (format!("A=/b/c /usr/bin/python3 -u '{script}'"), "python3 my_model.py"),
            ("/opt/model/bin/serve --weights=/x/y".to_owned(), "serve"),
            (String::new(), ""),
        ] {
            assert_eq!(Command::new(line).name(), name);
        }
    }
}
