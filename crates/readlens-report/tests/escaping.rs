//! Names that try to become markup stay names.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;
mod markup;

use std::fs;

use fixture::{Fixture, method, page_path};
use proptest::prelude::*;
use readlens_report::{Config, Pages};
use readlens_stage::Context;
use readlens_tables::vocabulary::Ranks;

fn page(fixture: &Fixture, title: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let inputs = fixture.write(folder.path());
    let output = page_path(folder.path());
    let config = Config { title: title.to_owned(), ..Config::default() };
    readlens_report::run(&inputs, config, &Pages::report(&output), &Context::silent()).unwrap();
    fs::read_to_string(output).unwrap()
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let mut fixture = Fixture::hostile();
    fixture.method = method("<b>method</b>");
    let hostile = "\"><script>alert(1)</script>".parse().unwrap();
    fixture.mask_ranks = vec![Ranks::All, Ranks::One(hostile)];
    let page = page(&fixture, "<script>alert(1)</script> & \u{202e}title");
    markup::check(&page);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("<svg onload") && !page.contains("<b>method"));
    // Direction changes and zero-width characters are spelled out.
    assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}']));
    assert!(page.contains("evil⟨U+202E⟩gpj.exe"));
    // Methods, comparisons and verdicts have hostile names here too.
    assert!(page.contains("id=\"evidence\"") && page.contains("id=\"checks\""));
    // Names are kept as they are otherwise.
    let articles = markup::texts_of(&page, "article").join("\n");
    for name in ["<script>alert(1)</script>", "=cmd()", "../../x", "'single'", "{{ 7*7 }}"] {
        assert!(articles.contains(name), "{name}");
    }
}

#[test]
fn a_very_long_id_does_not_swell_the_page() {
    let page = page(&Fixture::hostile(), "title");
    assert!(page.contains("(64,000 characters)"));
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert!(!page.contains(&"long".repeat(1000)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_names_leave_the_markup_whole(names in prop::collection::vec("[^\\t\\r\\n]{0,12}|[<>\"'&/=!-]{1,8}", 4)) {
        let mut fixture = Fixture::random(4, 60);
        for (i, (sequence, name)) in fixture.sequences.iter_mut().zip(&names).enumerate() {
            // Ids differ, or the tokens table would name one window twice.
            sequence.id = format!("{i}{name}");
            sequence.taxa = vec![Some(name.clone()); 3];
            sequence.regions = vec![(3, 30, name.clone())];
        }
        markup::check(&page(&fixture, "title"));
    }
}
