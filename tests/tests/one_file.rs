//! `readlens` is one file that is every stage: links, completions and manual pages come from it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use stages::{STAGES, binaries, names_in, program, stage, umbrella};

const SUBCOMMANDS: [&str; 7] = ["demo", "learn", "explain", "run", "link", "completions", "man"];
/// The stage whose name a verb has: `readlens predict` is the verb, unless it is given tokens.
const BEHIND_A_VERB: &str = "predict";

/// A folder with a link for every stage.
fn linked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = umbrella(folder.path()).args(["link", "bin", "--quiet"]).output().unwrap();
    let printed: BTreeSet<String> = text(&output).lines().map(str::to_owned).collect();
    assert_eq!(printed, STAGES.map(|name| format!("bin/readlens-{name}")).into());
    folder
}

/// Standard output of a program that ended well and logged nothing.
fn text(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{:?}: {stderr}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_link_is_the_stage() {
    let folder = linked();
    let lines: [&[&str]; 6] = [
        &["--help"],
        &["-h"],
        &["--version"],
        &[],
        &["--no-such-option"],
        // Not every stage has these options; those that do miss a file.
        &["--tokens", "missing.parquet", "--output", "new.parquet"],
    ];
    for name in STAGES {
        let link = folder.path().join(format!("bin/readlens-{name}"));
        for line in lines {
            let of =
                |mut command: Command| command.args(line).env("COLUMNS", "100").output().unwrap();
            let by_link = of(program(&link, folder.path()));
            let by_binary = of(stage(name, folder.path()));
            assert_eq!(by_link, by_binary, "{name} {line:?}");
        }
    }
    let missing = |name: &str, line: &[&str]| {
        let link = folder.path().join(format!("bin/readlens-{name}"));
        program(&link, folder.path()).args(line).output().unwrap().status.code()
    };
    assert_eq!(missing("baseline", lines[5]), Some(3));
    assert_eq!(missing("tokenize", lines[3]), Some(2));
    assert_eq!(missing("tokenize", lines[0]), Some(0));
}

#[test]
fn links_stay_and_no_other_file_is_replaced() {
    let folder = linked();
    let bin = folder.path().join("bin");
    let link = || umbrella(folder.path()).args(["link", "bin", "--quiet"]).output().unwrap();
    assert_eq!(text(&link()), "", "links that are there are made again");
    let one = bin.join("readlens-mask");
    std::fs::remove_file(&one).unwrap();
    assert_eq!(text(&link()), "bin/readlens-mask\n");
    std::fs::remove_file(&one).unwrap();
    std::fs::write(&one, "mine").unwrap();
    std::fs::remove_file(bin.join("readlens-perturb")).unwrap();
    let output = link();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("bin/readlens-mask: it is a file, not a link to readlens"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&one).unwrap(), "mine");
    assert_eq!(names_in(&bin).len(), STAGES.len() - 1, "a link was made before the refusal");
}

#[test]
fn a_name_of_no_stage_is_a_usage_fault_that_lists_them() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("readlens-tokenise");
    std::os::unix::fs::symlink(binaries().join("readlens"), &name).unwrap();
    let output = program(&name, folder.path()).arg("--help").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    assert!(stderr.contains("readlens-tokenise"), "{stderr}");
    for stage in STAGES {
        assert!(stderr.contains(stage), "{stage} is not in {stderr}");
    }
    // Any other name is the umbrella, and so is a version of it.
    for other in ["rl", "readlens-0.2"] {
        let other = folder.path().join(other);
        std::os::unix::fs::symlink(binaries().join("readlens"), &other).unwrap();
        let help = text(&program(&other, folder.path()).arg("--help").output().unwrap());
        for name in STAGES.into_iter().chain(SUBCOMMANDS) {
            assert_eq!(help.matches(&format!("\n  {name} ")).count(), 1, "{name} in {help}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let folder = linked();
    text(&umbrella(folder.path()).args(["man", "man1", "--quiet"]).output().unwrap());
    let names = STAGES.into_iter().chain(SUBCOMMANDS).map(|name| format!("readlens-{name}.1"));
    let expected: BTreeSet<String> = names.chain(["readlens.1".to_owned()]).collect();
    assert_eq!(BTreeSet::from_iter(names_in(&folder.path().join("man1"))), expected);
    for name in STAGES {
        let page = std::fs::read_to_string(folder.path().join(format!("man1/readlens-{name}.1")));
        // roff writes a hyphen as \-.
        let page = page.unwrap().replace("\\-", "-");
        assert!(page.contains(&format!(".TH readlens-{name} 1")), "{name}");
        for option in long_options(&folder.path().join(format!("bin/readlens-{name}"))) {
            assert!(page.contains(&option), "{option} is not on the page of {name}");
        }
    }
    // A page that another names is there.
    let mut named = BTreeSet::new();
    for page in &expected {
        let page = std::fs::read_to_string(folder.path().join("man1").join(page)).unwrap();
        let page = page.replace("\\-", "-");
        named.extend(page.match_indices("(1)").filter_map(|(end, _)| {
            let is_outside = |c: char| !c.is_ascii_alphanumeric() && c != '-';
            let name = page[..end].rsplit(is_outside).next()?;
            name.starts_with("readlens").then(|| format!("{name}.1"))
        }));
    }
    assert!(named.len() >= STAGES.len(), "{named:?}");
    assert!(named.is_subset(&expected), "not written: {:?}", &named - &expected);
    // A folder that cannot be made leaves nothing.
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let output = umbrella(folder.path()).args(["man", "taken"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The long options in a program's help.
fn long_options(path: &Path) -> BTreeSet<String> {
    let help = text(&Command::new(path).arg("--help").output().unwrap());
    let option = |line: &str| {
        let line = line.trim_start();
        // After a short one: `-o, --output`.
        let line = if line.starts_with("--") { line } else { line.strip_prefix('-')?.get(3..)? };
        let name = line.strip_prefix("--")?;
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        Some(format!("--{}", &name[..end.unwrap_or(name.len())]))
    };
    let options: BTreeSet<String> = help.lines().filter_map(option).collect();
    assert!(options.len() > 4, "{options:?} in {help}");
    options
}

/// Prints what bash proposes for each command line, one a line: the script of completions, then
/// command lines whose words are separated by spaces.
const PROPOSE: &str = r#"
source "$1"
for line in "${@:2}"; do
    read -ra COMP_WORDS <<< "$line"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    of=$(complete -p "${COMP_WORDS[0]}") || exit 1
    of=${of#*-F }
    COMPREPLY=()
    "${of%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
done
"#;

#[test]
fn bash_completes_every_command() {
    let folder = linked();
    let script = folder.path().join("completions.bash");
    let output = umbrella(folder.path()).args(["completions", "bash"]).output().unwrap();
    std::fs::write(&script, text(&output)).unwrap();
    text(&Command::new("bash").arg("-n").arg(&script).output().unwrap());
    let lines = STAGES.map(|name| [format!("readlens-{name} --"), format!("readlens {name} --")]);
    let mut bash = Command::new("bash");
    bash.args(["-c", PROPOSE, "bash"]).arg(&script).args(lines.as_flattened());
    let proposals = text(&bash.arg("readlens t").output().unwrap());
    let mut proposals =
        proposals.lines().map(|line| BTreeSet::from_iter(line.split(' ').map(str::to_owned)));
    for name in STAGES {
        let options = long_options(&folder.path().join(format!("bin/readlens-{name}")));
        for way in ["by its link", "as a subcommand"] {
            let mut proposed = proposals.next().unwrap();
            if name == BEHIND_A_VERB && way == "as a subcommand" {
                let verb = ["--model", "--out", "--min-probability", "--explain"];
                assert!(verb.iter().all(|option| proposed.contains(*option)), "{proposed:?}");
                continue;
            }
            // A subcommand has no version of its own.
            proposed.insert("--version".to_owned());
            assert_eq!(proposed, options, "{name} {way}");
        }
    }
    let expected = ["tokenize", "tracks", "train-classifier", "train-experts", "train-explainer"]
        .map(str::to_owned);
    assert_eq!(proposals.next(), Some(expected.into()));
}

#[test]
fn other_shells_have_completions_of_every_command() {
    for (shell, marks) in
        [("zsh", ["compdef _NAME NAME", "_NAME() {"]), ("fish", ["complete -c NAME "; 2])]
    {
        let folder = tempfile::tempdir().unwrap();
        let output = umbrella(folder.path()).args(["completions", shell]).output().unwrap();
        let script = text(&output);
        for name in
            STAGES.map(|name| format!("readlens-{name}")).iter().chain([&"readlens".to_owned()])
        {
            for mark in marks {
                let mark = mark.replace("NAME", name);
                assert!(script.contains(&mark), "no {mark:?} for {shell}");
            }
        }
    }
}
