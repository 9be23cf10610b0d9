//! The column reference is the declarations; `READLENS_BLESS=1` writes it again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

#[test]
fn the_column_reference_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/columns.md");
    let wanted = readlens_tables::column_reference();
    if std::env::var_os("READLENS_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/columns.md is not what the declarations say; run \
         `READLENS_BLESS=1 cargo test --release -p readlens-tables --test reference`"
    );
}
