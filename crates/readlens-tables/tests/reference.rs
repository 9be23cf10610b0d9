//! The reference pages are the declarations; `READLENS_BLESS=1` writes them again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

fn assert_current(page: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    if std::env::var_os("READLENS_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/{page} is not what the declarations say; run \
         `READLENS_BLESS=1 cargo test --release --workspace --test reference`"
    );
}

#[test]
fn the_column_reference_is_current() {
    assert_current("columns.md", &readlens_tables::column_reference());
}

#[test]
fn the_vocabulary_reference_is_current() {
    assert_current("reference/vocabulary.md", &readlens_tables::vocabulary_reference());
}
