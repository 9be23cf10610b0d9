//! A flow as lines that a shell would run.

use std::path::Path;

use super::Step;

/// Letters beside those of the alphabet and digits that no shell takes for anything else.
const PLAIN: &str = "_./,:=@%+-";

/// The command lines of all steps, each below a line that says what it does.
pub(crate) fn script(steps: &[Step]) -> String {
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        text.push_str(&format!("# {number}/{} {}\n", steps.len(), step.what()));
        text.push_str(&format!("readlens {}", step.stage()));
        for word in step.line(Path::to_path_buf) {
            text.push(' ');
            text.push_str(&quoted(&word.to_string_lossy()));
        }
        text.push('\n');
    }
    text
}

/// The path as a shell reads it back.
pub(crate) fn shell_word(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// `word` as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || PLAIN.contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_back() {
        for (word, expected) in [
            ("--k=6", "--k=6"),
            ("my genes.fasta", "'my genes.fasta'"),
            ("it's", r"'it'\''s'"),
            ("$(rm -r x)", "'$(rm -r x)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
