//! `--help` of every stage, as it stands. After a wanted change: `INSTA_UPDATE=always cargo test
//! --release --package readlens-tests --test help`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use stages::{STAGES, stage};

#[test]
fn help_is_what_was_agreed() {
    for name in STAGES {
        let output =
            stage(name, Path::new(".")).arg("--help").env("COLUMNS", "100").output().unwrap();
        assert!(output.status.success(), "{name}");
        let help = String::from_utf8(output.stdout).unwrap();
        // clap breaks every line but that of the usage.
        let is_wide = |line: &&str| line.chars().count() > 100 && !line.starts_with("Usage:");
        assert_eq!(help.lines().find(is_wide), None, "{name} is not wrapped");
        insta::assert_snapshot!(name, help);
    }
}

#[test]
fn versions_name_the_stage() {
    for name in STAGES {
        let output = stage(name, Path::new(".")).arg("--version").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = format!("readlens-{name} {}", env!("CARGO_PKG_VERSION"));
        assert!(text.starts_with(&expected), "{text}");
        assert!(output.status.success() && output.stderr.is_empty(), "{name}");
    }
}

#[test]
fn a_stage_without_its_options_is_a_usage_fault() {
    for name in STAGES {
        let output = stage(name, Path::new(".")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Usage:"), "{name}");
        let output = stage(name, Path::new(".")).arg("--no-such-option").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}
