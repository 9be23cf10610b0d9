//! The page that looks up windows, as it is written; `scripts/check_browse.py` drives it in a
//! browser.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use fixture::Fixture;
use readlens_fault::{ExitCode, Fault, Result};
use readlens_provenance::{Manifest, digest_bytes};
use readlens_report::{Config, Inputs, Pages};
use readlens_stage::Context;
use readlens_tables::Writer;
use readlens_tables::predictions::PredictionRow;

fn write(inputs: &Inputs, browse: PathBuf, title: &str) -> Result<()> {
    let report = inputs.tokens.with_file_name("pages").join("report.html");
    let pages = Pages { report, browse: Some(browse) };
    let config = Config { title: title.to_owned(), ..Config::default() };
    readlens_report::run(inputs, config, &pages, &Context::silent())
}

/// The page beside its tables.
fn page(inputs: &Inputs, title: &str) -> String {
    let path = inputs.tokens.with_file_name("browse.html");
    write(inputs, path.clone(), title).unwrap();
    fs::read_to_string(path).unwrap()
}

/// What stands between `before` and the next `after`.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    page.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// A prediction of one window, or of its record where there is none.
fn prediction(id: &str, window: Option<u32>) -> PredictionRow {
    PredictionRow {
        id: id.to_owned(),
        window,
        split: None,
        windows: 1,
        rank: "genus".parse().unwrap(),
        taxon: Some("Genus1".to_owned()),
        probability: 0.5,
        runner_up: None,
        runner_up_probability: None,
        entropy: 0.5,
        confidence: 0.5,
        votes: 1,
    }
}

fn write_predictions(path: &Path, rows: &[PredictionRow]) {
    let config = serde_json::json!({});
    let manifest = Manifest::new("predict", &config, None, vec![]).unwrap();
    let mut writer = Writer::<PredictionRow>::create(path, &[], &manifest, &[].into()).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

#[test]
fn the_page_names_its_tables_and_holds_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(20, 120).write(folder.path());
    let inputs = Inputs { predictions: None, ..inputs };
    let first = page(&inputs, "title");
    assert_eq!(first, page(&inputs, "title"), "the same inputs gave another page");
    let facts = between(&first, "id=\"readlens-tables\">", "</script>");
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap();
    let bytes = |path: &PathBuf| serde_json::json!(fs::metadata(path).unwrap().len());
    assert_eq!(facts["tables"]["tokens"]["name"], "tokens.parquet");
    assert_eq!(facts["tables"]["tokens"]["bytes"], bytes(&inputs.tokens));
    assert_eq!(facts["tables"]["bases"]["bytes"], bytes(inputs.bases.as_ref().unwrap()));
    assert_eq!(facts["tables"].as_object().unwrap().len(), 3, "only what the page reads");
    assert_eq!(facts["ranks"], serde_json::json!(fixture::RANKS));
    assert_eq!(facts["tokenization"]["letters"], "ACGT");
    assert_eq!(facts["tokenization"]["complements"], "TGCA");
    assert!(!first.contains("seq1") && !first.contains("Genus1"), "data stands in the page");
    assert!(!first.contains(folder.path().to_str().unwrap()), "the page names a path");
}

#[test]
fn a_browser_may_run_what_is_on_the_page_and_ask_its_own_server_only() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(4, 120).write(folder.path());
    let page = page(&inputs, "title");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let source = |text: &str| format!("'sha256-{}'", digest_bytes(text.as_bytes()).base64());
    let mut scripts = Vec::new();
    let mut rest = page.as_str();
    while let Some((_, after)) = rest.split_once("<script") {
        let (script, after) = after.split_once('>').unwrap().1.split_once("</script>").unwrap();
        scripts.push(source(script));
        rest = after;
    }
    assert_eq!(scripts.len(), 4);
    let style = source(between(&page, "<style>", "</style>"));
    let expected = format!(
        "default-src 'none'; style-src {style}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'; connect-src 'self'",
        scripts.join(" ")
    );
    assert_eq!(policy, expected);
    let own = page.split_once("<script type=\"module\">").unwrap().1;
    for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!own.contains(banned), "{banned}");
    }
}

#[test]
fn hostile_names_of_files_and_titles_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Fixture::hostile().write(folder.path());
    let hostile = folder.path().join("<script>alert(1)<\u{202e}.parquet");
    fs::rename(&inputs.masks, &hostile).unwrap();
    inputs.masks = hostile;
    let page = page(&inputs, "</title><script>alert(1)</script>\u{202e}");
    assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'));
    let facts = between(&page, "id=\"readlens-tables\">", "</script>");
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap();
    assert_eq!(facts["tables"]["masks"]["name"], "<script>alert(1)<\u{202e}.parquet");
}

fn refused(inputs: &Inputs, browse: PathBuf) -> Fault {
    let report = inputs.tokens.with_file_name("pages");
    let fault = write(inputs, browse.clone(), "title").unwrap_err();
    assert!(!browse.exists() && !report.join("report.html").exists(), "a page was left behind");
    fault
}

#[test]
fn a_table_in_another_folder_is_refused_with_the_place_that_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Fixture::random(4, 120).write(folder.path());
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let fault = refused(&inputs, elsewhere.join("browse.html"));
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    let text = fault.to_string();
    let remedy = format!("as --browse {}", folder.path().join("browse.html").display());
    assert!(text.contains("--tokens") && text.contains(&remedy), "{text}");
    // One table of several is elsewhere.
    let moved = elsewhere.join("bases.parquet");
    fs::rename(inputs.bases.as_ref().unwrap(), &moved).unwrap();
    inputs.bases = Some(moved);
    let text = refused(&inputs, folder.path().join("browse.html")).to_string();
    assert!(text.contains("--bases") && text.contains("put all tables into one folder"), "{text}");
    assert_eq!(refused(&inputs, "-".into()).exit_code(), ExitCode::Usage);
}

#[test]
fn a_folder_is_the_same_by_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(4, 120).write(folder.path());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    write(&inputs, link.join("browse.html"), "title").unwrap();
    assert!(folder.path().join("browse.html").exists());
}

#[test]
fn predictions_must_be_of_the_windows() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Fixture::random(4, 120).write(folder.path());
    let path = folder.path().join("predictions.parquet");
    inputs.predictions = Some(path.clone());
    let text = |rows: &[PredictionRow]| {
        write_predictions(&path, rows);
        let fault = refused(&inputs, folder.path().join("browse.html"));
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        fault.to_string()
    };
    let of_record = text(&[prediction("seq0", Some(0)), prediction("seq1", None)]);
    assert!(of_record.contains("predictions.parquet, row 1: expected a prediction for a window"));
    assert!(of_record.contains("not that of --records"), "{of_record}");
    let strange = text(&[prediction("nobody", Some(0))]);
    assert!(strange.contains("predictions.parquet, row 0") && strange.contains("nobody"));
    write_predictions(&path, &[prediction("seq0", Some(0))]);
    assert!(page(&inputs, "title").contains("predictions.parquet"));
}
