//! What the page says of the classifier: its predictions, its accuracy, its confusions.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;
mod markup;

use std::fs;

use fixture::{Fixture, page_path, rewrite};
use readlens_report::{Config, Inputs, Pages};
use readlens_stage::Context;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::vocabulary::{Over, Split};

fn page(inputs: &Inputs) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = page_path(folder.path());
    let config = Config { sequences: 3, ..Config::default() };
    readlens_report::run(inputs, config, &Pages::report(&output), &Context::silent()).unwrap();
    let page = fs::read_to_string(output).unwrap();
    markup::check(&page);
    page
}

/// The one element `name` that contains `text`, as text.
fn one(page: &str, name: &str, text: &str) -> String {
    let found = markup::texts_of(page, name);
    let mut found = found.into_iter().filter(|element| element.contains(text));
    let first = found.next().unwrap_or_else(|| panic!("no {name} with {text}"));
    assert!(found.next().is_none(), "{name} with {text} twice");
    first
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// The words of the line that begins with `first`.
fn row(table: &str, first: &str) -> Vec<String> {
    let line = table.lines().find(|line| words(line).first() == Some(&first)).unwrap();
    words(line).into_iter().map(str::to_owned).collect()
}

/// Tables of sequences without label or split, and nothing that needs them.
fn unlabelled(folder: &std::path::Path) -> Inputs {
    let mut fixture = Fixture::random(25, 120);
    let labelled = fixture.write(folder);
    for sequence in &mut fixture.sequences {
        sequence.taxa = vec![None; 3];
        sequence.split = None;
    }
    // The names are those of the labelled sequences.
    let names = fs::read(labelled.predictions.as_ref().unwrap()).unwrap();
    let inputs = fixture.write(folder);
    fs::write(inputs.predictions.as_ref().unwrap(), names).unwrap();
    Inputs {
        tokens: inputs.tokens,
        masks: inputs.masks,
        bases: inputs.bases,
        predictions: inputs.predictions,
        ..Inputs::default()
    }
}

#[test]
fn sequences_without_labels_have_names_and_nothing_is_said_of_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&unlabelled(folder.path()));
    let main = one(&page, "main", "What the classifier says");
    for word in
        ["accura", "in sample", "test split", "learned from", "interval", "random stretches"]
    {
        let found = main.to_lowercase().matches(word).count();
        // That no annotated intervals are given, is said in a heading and a sentence.
        let expected = if word == "interval" { 3 } else { 0 };
        assert_eq!(found, expected, "{word}: {main}");
    }
    // Before the result, which there is none of.
    assert!(page.find("id=\"predictions\"").unwrap() < page.find("id=\"result\"").unwrap());
    // Of the classifier no more is known than how the names were calibrated.
    assert!(!page.contains("id=\"evidence\"") && !main.contains("as assessed"));
    assert!(page.contains("Calibration error 12.5 points before"));
    assert!(main.contains("The classifier was asked about 25 windows."));
    // Five of 25 windows stay without a name at each rank; four of five genera get the others.
    let section = one(&page, "section", "The classifier was asked");
    assert_eq!(
        section.matches("20 windows got a name, of").count(),
        3,
        "at each of three ranks: {section}"
    );
    assert_eq!(section.matches("No name was given to 5 windows (20.0\u{a0}%)").count(), 3);
    assert_eq!(section.matches("The classifier knows one taxon of this rank").count(), 1);
    for article in markup::texts_of(&page, "article") {
        let has_name = article.contains("Genus") && article.contains("predicted,");
        assert!(has_name || article.contains("not named"), "{article}");
        assert!(!article.contains("unknown taxon") && !article.contains("Label"), "{article}");
    }
}

#[test]
fn predictions_are_counted_and_the_rest_is_summed() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = unlabelled(folder.path());
    // 24 names: 25 windows, of which the first two have the same one.
    rewrite::<PredictionRow>(inputs.predictions.as_ref().unwrap(), |rows| {
        for (i, row) in rows.iter_mut().enumerate() {
            row.taxon = Some(format!("Taxon{:02}", (i / 3).max(1)));
            row.confidence = if i % 2 == 0 { 0.25 } else { 0.75 };
        }
    });
    let page = page(&inputs);
    let genus = markup::texts_of(&page, "table");
    let genus = genus.iter().rfind(|table| table.contains("other taxa")).unwrap();
    assert_eq!(row(genus, "Taxon01"), ["Taxon01", "2", "8.0"]);
    assert_eq!(row(genus, "Taxon20"), ["Taxon20", "1", "4.0"]);
    // 20 names have a row, and 4 of one window each have not.
    assert_eq!(row(genus, "4"), ["4", "other", "taxa", "4", "16.0"]);
    assert!(!genus.contains("Taxon21") && !genus.contains("not named"));
    // No temperature stands in a table that was rewritten.
    assert!(page.contains("it was not calibrated on labelled windows"));
    let confidence = one(&page, "figure", "Confidence at rank genus");
    assert!(
        confidence.contains("24.0–26.0 %: 13") && confidence.contains("74.0–76.0 %: 12"),
        "{confidence}"
    );
}

#[test]
fn accuracy_stands_by_rank_and_length() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    let page = page(&inputs);
    let table = one(&page, "table", "450 bases and more");
    assert!(table.contains("1–449 bases"));
    let genus = row(&table, "genus");
    // All windows, both lengths, most common taxon, mean probability, calibration error, n.
    let figures = ["62.5", "52.5", "63.0", "22.5", "71.2", "8.8", "400"];
    for figure in figures {
        assert!(genus.iter().any(|word| word.starts_with(figure)), "{figure}: {genus:?}");
    }
    assert!(!table.contains("11.1"), "masked inputs are not the classifier's accuracy");
    assert!(page.contains("judged on the labelled windows of the split test, each seen whole."));
    let drawn = markup::texts_of(&page, "figure");
    let diagram = drawn.iter().find(|f| f.contains("as assessed") && f.contains("genus")).unwrap();
    assert!(diagram.contains("windows: mean probability 37.5 %, right 35.0 %"), "{diagram}");
    assert!(diagram.contains("n = 200"));
}

#[test]
fn confusions_have_a_map_a_list_and_figures_of_each_taxon() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    let page = page(&inputs);
    let details = markup::texts_of(&page, "details");
    let genus = details.iter().find(|d| d.trim_start().starts_with("genus:")).unwrap();
    // 5 genera with 3 of 8 wrong, and 2 windows of a stranger.
    assert!(genus.contains("17 of 42 windows got a wrong name."), "{genus}");
    assert!(genus.contains("The label of 2 is a taxon that the classifier does not know"));
    assert!(genus.contains("The map has every taxon"));
    let map = genus.find("Genus1 called Genus2: 3 of 8 windows, 37.5 %; mean probability 50.0 %");
    assert!(map.is_some(), "{genus}");
    let pairs = one(&page, "table", "Genus1 Genus2");
    assert_eq!(pairs.matches("37.5").count(), 5);
    assert_eq!(row(&pairs, "Stranger"), ["Stranger", "Genus0", "2", "100.0", "50.0"]);
    let taxa = markup::texts_of(&page, "table");
    let taxa = taxa.iter().find(|t| t.contains("precision") && t.contains("Genus3")).unwrap();
    assert_eq!(row(taxa, "Genus3"), ["Genus3", "0.625", "0.625", "0.625", "8", "8"]);
    let worst = row(taxa, "Stranger");
    let expected = "Stranger not known to the classifier 0.000 – 0.000 2 0";
    assert_eq!(worst.join(" "), expected);
    assert!(taxa.find("Stranger").unwrap() < taxa.find("Genus").unwrap(), "the worst comes first");
    let superkingdom =
        details.iter().find(|d| d.trim_start().starts_with("superkingdom:")).unwrap();
    assert!(superkingdom.contains("knows one taxon of this rank and has no choice"));
}

#[test]
fn a_map_has_the_taxa_of_the_most_confused_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    rewrite::<ConfusionRow>(inputs.confusion.as_ref().unwrap(), |rows| {
        let template = rows.iter().find(|row| row.rank.as_str() == "genus").unwrap().clone();
        rows.clear();
        // 400 taxa, each called as the next one: the later, the more often.
        for taxon in 0..400u32 {
            let name = |taxon: u32| format!("T{:03}", taxon % 400);
            let row = ConfusionRow {
                label: name(taxon),
                predicted: name(taxon + 1),
                windows: taxon,
                label_windows: 400,
                predicted_windows: 400,
                share: Some(f64::from(taxon) / 400.0),
                precision: None,
                recall: None,
                f1: None,
                ..template.clone()
            };
            // One of them is also called as a taxon that the map has no room for.
            let lost = if taxon == 390 { 4 } else { 0 };
            let right = Some(f64::from(400 - taxon - lost) / 400.0);
            let own = ConfusionRow {
                predicted: row.label.clone(),
                windows: 400 - taxon - lost,
                share: right,
                precision: right,
                recall: right,
                f1: right,
                ..row.clone()
            };
            if lost > 0 {
                let (predicted, windows) = (name(10), lost);
                rows.push(ConfusionRow { predicted, windows, ..row.clone() });
            }
            rows.extend([own, row]);
        }
    });
    let page = page(&inputs);
    assert!(page.contains("The map has 20 of 400 taxa: those of the most confused pairs."));
    let map = one(&page, "figure", "True taxa down");
    // 399 is called 000, 398 is called 399 and so on: 20 taxa.
    for taxon in ["T000", "T399", "T381"] {
        assert!(map.contains(&format!("{taxon}: ")), "{taxon}: {map}");
    }
    assert!(!map.contains("T380: ") && map.contains("other taxa"));
    assert!(map.contains("T390 called another taxon: 4 of 400 windows, 1.0 %"), "{map}");
    assert_eq!(map.matches("called another taxon").count(), 1);
    let pairs = one(&page, "table", "most windows first; the table of confusions has all");
    assert_eq!(row(&pairs, "T399"), ["T399", "T000", "399", "99.8", "50.0"]);
    assert!(pairs.contains("T380") && !pairs.contains("T379 "));
    let taxa = one(&page, "table", "windows called so");
    assert!(taxa.contains("T300") && !taxa.contains("T299"), "the worst hundred");
}

#[test]
fn calibration_is_drawn_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    let page = page(&inputs);
    let drawn = markup::texts_of(&page, "figure");
    let of_genus = drawn.iter().find(|f| f.contains("split valid") && f.contains("genus")).unwrap();
    assert!(of_genus.contains("Temperature 1.500, fitted on 60 windows."), "{of_genus}");
    assert!(of_genus.contains("Calibration error 12.5 points before, 2.5 points after."));
    assert!(of_genus.contains("before: mean probability 90.0 %, right 75.0 %, n = 30"));
    assert!(of_genus.contains("after: mean probability 77.5 %, right 75.0 %, n = 30"));
    // Without the predictions only the assessment is drawn, and the other way round.
    let assessed = self::page(&Inputs { predictions: None, ..inputs.clone() });
    assert!(!assessed.contains("points after.") && assessed.contains("as assessed"));
    let predicted = Inputs { assessment: None, confusion: None, ..inputs };
    let predicted = self::page(&predicted);
    assert!(predicted.contains("points after.") && !predicted.contains("as assessed"));
}

#[test]
fn the_basis_is_that_of_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    let bases = [
        (Over::All, "judged on the labelled windows, each"),
        (Over::Unassigned, "windows that belong to no split, each"),
        (Over::Split(Split::Train), "so its figures are too good"),
    ];
    for (over, expected) in bases {
        rewrite::<AssessmentRow>(inputs.assessment.as_ref().unwrap(), |rows| {
            rows.iter_mut().for_each(|row| row.split = over);
        });
        assert!(page(&inputs).contains(expected), "{over:?}");
    }
}

#[test]
fn empty_tables_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(4, 120).write(folder.path());
    rewrite::<AssessmentRow>(inputs.assessment.as_ref().unwrap(), Vec::clear);
    rewrite::<ConfusionRow>(inputs.confusion.as_ref().unwrap(), Vec::clear);
    rewrite::<PredictionRow>(inputs.predictions.as_ref().unwrap(), Vec::clear);
    let page = page(&inputs);
    assert!(!page.contains("id=\"classifier\"") && !page.contains("id=\"predictions\""));
}
