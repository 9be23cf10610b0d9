//! The page as a reader gets it: contents, determinism, size, and what is missing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;
mod markup;

use std::fs;

use fixture::{Fixture, page_path, per_rank, rewrite};
use readlens_provenance::digest_bytes;
use readlens_report::{Config, Inputs, Pages, removal_words, words};
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::vocabulary::{Metric, Operator, Over, Removal, Word};

fn page(inputs: &Inputs, config: Config) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = page_path(folder.path());
    readlens_report::run(inputs, config, &Pages::report(&output), &Context::silent()).unwrap();
    fs::read_to_string(output).unwrap()
}

fn with_sequences(sequences: u32) -> Config {
    Config { sequences, ..Config::default() }
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_another_seed_other_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(60, 300).write(folder.path());
    let first = page(&inputs, with_sequences(6));
    assert_eq!(first, page(&inputs, with_sequences(6)));
    assert_ne!(first, page(&inputs, Config { seed: 2, ..with_sequences(6) }));
    assert_eq!(markup::texts_of(&first, "article").len(), 6);
}

#[test]
fn the_letters_on_the_page_are_the_source_on_either_strand_and_for_any_stride() {
    for (k, stride) in [(6, 6), (4, 1), (3, 5)] {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::random(12, 200);
        fixture.tokenization =
            readlens_kmer::Tokenization::new(readlens_kmer::Alphabet::Dna, k, stride, true)
                .unwrap();
        let inputs = Inputs { bases: None, ..fixture.write(folder.path()) };
        let page = page(&inputs, with_sequences(12));
        let articles = markup::texts_of(&page, "article");
        assert_eq!(articles.len(), 12);
        for sequence in &fixture.sequences {
            let article = articles
                .iter()
                .find(|a| a.split_whitespace().any(|word| word == sequence.id))
                .unwrap();
            let letters = letters_of(article);
            assert_eq!(letters.len(), sequence.bases.len(), "{}", sequence.id);
            let known = letters.iter().zip(&sequence.bases).filter(|(l, _)| **l != b'.');
            assert!(known.clone().all(|(l, b)| l == b), "{} k={k} stride={stride}", sequence.id);
            let covered = (200 - k as usize) / stride as usize * stride as usize + k as usize;
            let least = if stride > k { covered * 3 / 5 } else { covered };
            assert!(known.count() >= least);
        }
    }
}

/// The bases in an article's text: lines that begin with a position.
fn letters_of(article: &str) -> Vec<u8> {
    let bases = article.split_once("Bases").unwrap().1;
    let lines = bases.lines().filter_map(|line| line.trim_start().split_once("  "));
    let lines = lines.filter(|(position, _)| position.parse::<u32>().is_ok());
    lines
        .flat_map(|(_, rest)| {
            let letters = rest.split("  ").next().unwrap_or_default().to_owned();
            letters.into_bytes().into_iter().filter(|b| *b != b' ')
        })
        .collect()
}

#[test]
fn a_hundred_real_genes_with_a_mask_per_rank_stay_below_five_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::demo(15);
    fixture.mask_ranks = per_rank();
    let inputs = fixture.write(folder.path());
    let page = page(&inputs, with_sequences(100));
    assert_eq!(markup::texts_of(&page, "article").len(), 100);
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    markup::check(&page);
}

#[test]
fn the_figures_of_the_metrics_table_stand_in_the_table_with_their_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(60, 300).write(folder.path());
    let page = page(&inputs, with_sequences(3));
    let tables = markup::texts_of(&page, "table");
    let row = |title: &str| {
        tables[0].lines().find(|line| line.trim_start().starts_with(title)).unwrap().to_owned()
    };
    // Accuracies of the fixture: 99.1, 96.4 and 89.8 %, of which 10.4 % is shown.
    let hard = row("Hard masked");
    for figure in ["99.1", "96.4", "89.8", "10.4"] {
        assert!(hard.contains(figure), "{figure} in {hard}");
    }
    assert!(row("Random block, same area").contains("64.1"));
    assert!(row("Most common taxon").contains("9.0"));
    // Four more tables: three measures in their folds, and the masks' own measures.
    assert!(tables.iter().any(|t| t.contains("auprc") && t.contains("0.820")));
    assert!(tables.iter().any(|t| t.contains("motif a")));
}

#[test]
fn without_the_optional_inputs_there_is_still_a_page_that_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let all = Fixture::random(20, 200).write(folder.path());
    let inputs =
        Inputs { tokens: all.tokens.clone(), masks: all.masks.clone(), ..Inputs::default() };
    let page = page(&inputs, Config::default());
    markup::check(&page);
    assert!(page.contains("--metrics") && page.contains("--intervals"));
    for section in ["training", "evidence", "checks"] {
        assert!(
            !page.contains(&format!("id=\"{section}\""))
                && !page.contains(&format!("#{section}\""))
        );
    }
    assert_eq!(markup::texts_of(&page, "article").len(), 20);
    // Each alone can be missing.
    for missing in 0..12 {
        let mut inputs = all.clone();
        match missing {
            0 => inputs.bases = None,
            1 => inputs.perturbations = None,
            2 => inputs.metrics = None,
            3 => inputs.classifier = None,
            4 => inputs.explainer = None,
            5 => inputs.evidence.clear(),
            6 => inputs.checks = None,
            7 => inputs.costs = None,
            8 => inputs.predictions = None,
            9 => inputs.assessment = None,
            10 => inputs.confusion = None,
            _ => inputs.intervals = None,
        }
        markup::check(&self::page(&inputs, with_sequences(2)));
    }
}

#[test]
fn empty_tables_and_no_sequences_give_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Fixture::new(vec![]).write(folder.path());
    let nothing = page(&empty, Config::default());
    markup::check(&nothing);
    assert!(nothing.contains("There is no sequence to show."));

    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(5, 100).write(folder.path());
    let none = page(&inputs, with_sequences(0));
    markup::check(&none);
    assert!(none.contains("There is no sequence to show."));
    assert!(none.contains("89.8"));
}

#[test]
fn sequences_shorter_than_a_k_mer_are_shown_without_letters() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::random(3, 4);
    fixture.sequences[2].bases.clear();
    let inputs = fixture.write(folder.path());
    markup::check(&page(&inputs, Config::default()));
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(20, 200).write(folder.path());
    let page = page(&inputs, Config::default());
    assert!(page.contains("default-src 'none'"));
    for reference in ["http://", "https://", " src=", "url(", "@import", "import(", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
    let links = markup::tags(&page);
    let links = links.iter().filter(|tag| tag.name == "a").flat_map(|tag| &tag.attributes);
    assert!(links.filter(|(name, _)| name == "href").all(|(_, to)| to.starts_with('#')));
}

#[test]
fn a_browser_runs_the_scripts_and_the_style_of_the_page_and_nothing_else() {
    for fixture in [Fixture::random(20, 200), Fixture::hostile()] {
        let folder = tempfile::tempdir().unwrap();
        let page = page(&fixture.write(folder.path()), Config::default());
        let tags = markup::tags(&page);
        let attribute = |tag: &markup::Tag, wanted: &str| {
            let found = tag.attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        let is_policy = |tag: &&markup::Tag| {
            attribute(tag, "http-equiv").as_deref() == Some("Content-Security-Policy")
        };
        let policy = attribute(tags.iter().find(is_policy).unwrap(), "content").unwrap();
        let directive = |name: &str| {
            let of = |part: &str| part.trim().strip_prefix(name).map(str::to_owned);
            let allowed = policy.split(';').find_map(of).unwrap();
            allowed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        // What the browser computes: the digest of the text between the tags.
        let digests = |name: &str| {
            let close = format!("</{name}>");
            let of = |tag: &markup::Tag| {
                let text = &page[tag.end..tag.end + page[tag.end..].find(&close).unwrap()];
                format!("'sha256-{}'", digest_bytes(text.as_bytes()).base64())
            };
            tags.iter().filter(|tag| tag.name == name).map(of).collect::<Vec<_>>()
        };
        assert_eq!(directive("script-src "), digests("script"));
        assert_eq!(directive("style-src "), digests("style"));
        assert_eq!((digests("script").len(), digests("style").len()), (2, 1));
        assert_eq!(directive("default-src "), ["'none'"]);
        // What these digests do not allow, the page does not need.
        for (name, _) in tags.iter().flat_map(|tag| &tag.attributes) {
            assert!(name != "style" && !name.starts_with("on"), "{name}");
        }
    }
}

#[test]
fn the_numbers_of_taxa_are_those_of_the_classifier() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Fixture::random(20, 200).write(folder.path());
    let with = page(&inputs, with_sequences(2));
    assert!(with.contains("superkingdom (1 taxon), phylum (2 taxa) and genus (5 taxa)"));
    inputs.classifier = None;
    let without = page(&inputs, with_sequences(2));
    assert!(without.contains("names superkingdom, phylum and genus from nucleotide sequences"));
    // Nothing tells what it learned from.
    for page in [with, without] {
        assert!(!page.contains("learned from"), "{}", markup::texts_of(&page, "p")[0]);
        assert!(page.contains("The table of tokens has 20 windows."));
    }
}

#[test]
fn without_labels_the_page_leads_with_predictions_and_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::random(12, 200);
    for sequence in &mut fixture.sequences {
        sequence.taxa = vec![None; 3];
        sequence.split = None;
    }
    let inputs = fixture.write(folder.path());
    rewrite::<PerturbationRow>(inputs.perturbations.as_ref().unwrap(), |rows| {
        rows.iter_mut().for_each(|row| row.predicted = format!("Some {}", row.rank));
    });
    rewrite::<MetricRow>(inputs.metrics.as_ref().unwrap(), |rows| {
        rows.retain(|row| row.metric != Metric::Accuracy);
        rows.iter_mut().for_each(|row| row.split = Over::All);
    });
    let inputs = Inputs { evidence: Vec::new(), checks: None, predictions: None, ..inputs };
    let page = page(&inputs, Config::default());
    markup::check(&page);
    assert!(!page.contains("unknown taxon") && !page.contains("No metrics were given"));
    assert!(!page.contains("% of the genus names are right") && !page.contains("Label</th>"));
    assert!(page.contains("Agreement in %, with its 95 % interval: no sequence has a label"));
    assert!(page.contains("of the genus names are as for the whole sequence"));
    assert!(!page.contains("only wrong names"));
    let articles = markup::texts_of(&page, "article");
    assert_eq!(articles.len(), 12);
    for article in articles {
        assert!(article.contains("Some genus") && article.contains("predicted,"), "{article}");
        assert!(article.contains("no split"), "{article}");
    }
}

#[test]
fn the_page_leads_with_a_rank_that_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(20, 200).write(folder.path());
    rewrite::<MetricRow>(inputs.metrics.as_ref().unwrap(), |rows| {
        for row in rows.iter_mut().filter(|row| row.rank.name() == "genus") {
            match row.metric {
                Metric::PTarget => row.value = 1.0,
                Metric::Entropy => row.value = 0.0,
                _ => {}
            }
        }
    });
    let page = page(&inputs, with_sequences(2));
    assert!(page.contains("% of the phylum names are right"));
    assert!(page.contains("The classifier knows one taxon of genus, so nothing can be compared"));
}

/// The values of `attribute` in the elements `name` whose class is `class`.
fn attributes(page: &str, name: &str, class: &str, attribute: &str) -> Vec<String> {
    let tags = markup::tags(page);
    let value = |tag: &markup::Tag, wanted: &str| {
        tag.attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let of_class = tags.iter().filter(|tag| tag.name == name);
    let of_class = of_class.filter(|tag| value(tag, "class").as_deref() == Some(class));
    of_class.filter_map(|tag| value(tag, attribute)).collect()
}

#[test]
fn curves_have_a_point_per_share_in_every_panel_and_a_band_for_explainers_only() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(30, 120).write(folder.path());
    let page = page(&inputs, with_sequences(1));
    markup::check(&page);
    let counts = |class: &str| -> Vec<usize> {
        let points = attributes(&page, "path", class, "d");
        points.iter().map(|d| d.matches('M').count()).collect()
    };
    // Keeping and removing, insertion and deletion, for three ranks each, and one in each legend;
    // the probabilities of the untouched input are the last point of an insertion curve. Both
    // ends of it are there: nothing and everything. The constant mask has 11 levels.
    let mut expected = Vec::new();
    for points in [12, 12, 14, 14] {
        expected.extend([points, points, points, 1]);
    }
    assert_eq!(counts("points m0"), expected);
    assert_eq!(counts("points m1 other"), expected);
    assert_eq!(counts("points plain"), [11, 11, 11, 1]);
    expected.retain(|points| *points > 1);
    // The random blocks have no signs on their points: 11, 11, 13 and 13 straight lines.
    let blocks = attributes(&page, "path", "random", "d");
    let steps: Vec<usize> = blocks.iter().map(|d| d.matches('L').count()).collect();
    let in_panels: Vec<usize> = steps.iter().copied().filter(|steps| *steps > 0).collect();
    assert_eq!(in_panels, expected.iter().map(|points| points - 1).collect::<Vec<_>>());
    assert_eq!(attributes(&page, "path", "area m0", "d").len(), 12);
    assert_eq!(attributes(&page, "path", "area plain", "d").len(), 3);
    assert!(attributes(&page, "path", "area m1 other", "d").is_empty());
    // The shown method's own area in three panels of accuracy and three of the constant mask.
    assert_eq!(attributes(&page, "circle", "own", "cx").len(), 3 + 1 + 3 + 1);
    assert!(page.contains("AUC 0.891 / 0.891 / 0.891"));
}

#[test]
fn every_method_has_a_row_with_its_costs_and_every_comparison_a_dot() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(30, 120).write(folder.path());
    let page = page(&inputs, with_sequences(1));
    let tables = markup::texts_of(&page, "table");
    let methods = tables.iter().find(|table| table.contains("Every method, figures")).unwrap();
    let row = |name: &str| methods.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("Explainer").contains("0.891") && row("Explainer").contains("89.8"));
    assert!(row("LIME").contains("500") && row("LIME").contains("1.250"));
    assert!(row("random tokens").contains("0.354"));
    // Three comparisons by Spearman, Jaccard at two shares and IoU; distances are not drawn.
    let plot = markup::texts_of(&page, "figure");
    let plot = plot.iter().find(|f| f.contains("Other seeds of the Explainer")).unwrap();
    assert_eq!(plot.matches("95 % interval").count(), 3 * 4);
    assert!(!plot.contains("relative distance"));
    // The linear model of k-mers stands in the first table.
    assert!(tables[0].contains("logistic regression") && tables[0].contains("37.3"));
}

#[test]
fn verdicts_are_told_in_words_and_signs() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(30, 120).write(folder.path());
    let page = page(&inputs, with_sequences(1));
    let lists = markup::texts_of(&page, "details");
    let of = |heading: &str| lists.iter().find(|text| text.contains(heading)).unwrap();
    let mask = of("Explainer, mask for all ranks: 1 failed, 1 passed, 1 not measured");
    let place = |sign: &str| mask.find(sign).unwrap();
    assert!(place("✗ failed") < place("✓ passed") && place("✓ passed") < place("? not measured"));
    assert!(mask.contains("the mask finds nothing"));
    assert!(of("The classifier: 1 noted").contains("! noted"));
}

#[test]
fn an_evaluation_without_checks_has_no_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(5, 100).write(folder.path());
    let path = inputs.checks.as_ref().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["checks"] = serde_json::Value::Null;
    fs::write(path, document.to_string()).unwrap();
    let page = page(&inputs, with_sequences(1));
    assert!(!page.contains("id=\"checks\"") && page.contains("id=\"evidence\""));
}

#[test]
fn one_of_several_replicates_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(5, 100).write(folder.path());
    rewrite::<MaskRow>(&inputs.masks, |rows| {
        let second = |row: &MaskRow| MaskRow { replicate: 2, area: 0.25, ..row.clone() };
        rows.extend(rows.iter().map(second).collect::<Vec<_>>());
    });
    let first = page(&inputs, with_sequences(1));
    assert!(first.contains("also holds masks by explainer (replicate 2)"));
    assert!(!first.contains("soft area 25.0"));
    let config =
        Config { method: Some("explainer".parse().unwrap()), replicate: 2, ..with_sequences(1) };
    let second = page(&inputs, config);
    assert!(second.contains("also holds masks by explainer:"));
    assert!(second.contains("soft area 25.0"));
    // The figures are those of the first replicate: the page does not claim them for the second.
    let tile = "that the mask marks";
    assert!(first.contains(tile) && !second.contains(tile));
}

#[test]
fn other_removals_and_operators_of_a_users_own_stand_in_groups_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(5, 100).write(folder.path());
    let told = [
        (Word::Known(Operator::HardMasked), Removal::Unknown),
        (Word::Known(Operator::AllShuffled), Removal::Shuffled),
        (Word::Foreign("my_operator".to_owned()), Removal::Own),
    ];
    rewrite::<MetricRow>(inputs.metrics.as_ref().unwrap(), |rows| {
        let is_hard = |row: &&MetricRow| row.operator == Operator::HardMasked;
        let hard: Vec<MetricRow> = rows.iter().filter(is_hard).cloned().collect();
        for (operator, removal) in &told {
            let of = |row: &MetricRow| {
                let (operator, value) = (operator.clone(), row.value / 2.0);
                MetricRow { operator, removal: *removal, value, ..row.clone() }
            };
            rows.extend(hard.iter().map(of));
        }
    });
    let page = page(&inputs, with_sequences(1));
    markup::check(&page);
    let table = markup::texts_of(&page, "table").swap_remove(0);
    let place = |text: &str| table.find(text).unwrap_or_else(|| panic!("{text} in {table}"));
    let titles = [
        "Hidden in other ways",
        "Hard masked, unknown",
        removal_words(Removal::Unknown).reading,
        words(Operator::AllShuffled).title,
        "Others",
        "my operator",
    ];
    assert!(titles.map(place).is_sorted());
    // Half of 89.8 % in each of the three rows, and the whole in that of the hard mask itself.
    assert_eq!(table.matches("44.9").count(), 3);
    let hard = table.lines().find(|line| line.trim_start().starts_with("Hard masked")).unwrap();
    assert!(hard.contains("89.8") && !hard.contains("44.9"), "{hard}");
}
