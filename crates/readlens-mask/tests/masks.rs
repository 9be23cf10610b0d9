//! Masks do not depend on shards, filters or neighbours, and land on the right bases.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use readlens_batch::{Shard, as_read, most_likely, predict};
use readlens_fault::{ExitCode, Result};
use readlens_kmer::{Alphabet, Kmers, Tokenization};
use readlens_mask::{Config, Paths, run};
use readlens_nn::{ExplainerNetwork, Selection, WindowTokens, load_classifier};
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MaskName, MethodKind, Name, Ranks, Split, TargetKind};
use readlens_tests::{
    RANKS, classifier_shape, convolutional, explainer_shape, read_rows, rows, tokenization,
    transformer, write_classifier, write_explainer, write_tokens,
};

/// A folder with tokens, a classifier and an Explainer.
struct Folder {
    directory: tempfile::TempDir,
    classifier: bool,
}

impl Folder {
    fn new(rows: &[TokenRow], network: ExplainerNetwork, masks: &[&str]) -> Self {
        Self::of(rows, network, masks, tokenization())
    }

    fn of(
        rows: &[TokenRow],
        network: ExplainerNetwork,
        masks: &[&str],
        tokenization: Tokenization,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_tokens(&directory.path().join("tokens.parquet"), rows, &tokenization);
        write_classifier(&directory.path().join("classifier"), &classifier_shape(), 2);
        let mut shape = explainer_shape(network, masks, Selection::Threshold);
        shape.tokenization = tokenization;
        write_explainer(&directory.path().join("explainer"), &shape, 3);
        Self { directory, classifier: masks != ["all"] }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn paths(&self, name: &str) -> Paths {
        Paths {
            tokens: self.path("tokens.parquet"),
            classifier: self.classifier.then(|| self.path("classifier")),
            explainers: vec![self.path("explainer")],
            output: self.path(&format!("{name}.masks.parquet")),
            bases: Some(self.path(&format!("{name}.bases.parquet"))),
        }
    }

    fn run(&self, name: &str, config: &Config, shard: Shard) -> Result<()> {
        run(config, &self.paths(name), shard, readlens_nn::DeviceKind::Cpu, &Context::silent())
    }

    fn masks(&self, name: &str) -> Vec<MaskRow> {
        read_rows(&self.paths(name).output)
    }

    fn bases(&self, name: &str) -> Vec<BaseRow> {
        read_rows(self.paths(name).bases.as_deref().unwrap())
    }
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn shards_are_the_whole_table_in_parts() {
    // Three chunks of 512 rows and a rest.
    for (network, masks) in [(convolutional(), vec!["all"]), (transformer(), RANKS.to_vec())] {
        let folder = Folder::new(&rows(1700, &tokenization()), network, &masks);
        folder.run("whole", &Config::default(), Shard::WHOLE).unwrap();
        let (whole, whole_bases) = (folder.masks("whole"), folder.bases("whole"));
        assert_eq!(whole.len(), 1700 * masks.len());
        for count in [2, 3, 5] {
            let (mut joined, mut joined_bases) = (Vec::new(), Vec::new());
            for index in 1..=count {
                let name = format!("{index}of{count}");
                folder.run(&name, &Config::default(), Shard { index, count }).unwrap();
                joined.extend(folder.masks(&name));
                joined_bases.extend(folder.bases(&name));
            }
            assert!(joined == whole, "{count} shards give other masks");
            assert!(joined_bases == whole_bases, "{count} shards give other bases");
        }
    }
}

#[test]
fn a_mask_has_one_value_per_real_token_and_its_area() {
    let table = rows(30, &tokenization());
    let folder = Folder::new(&table, convolutional(), &["all"]);
    folder.run("a", &Config::default(), Shard::WHOLE).unwrap();
    let masks = folder.masks("a");
    for (row, mask) in table.iter().zip(&masks) {
        assert_eq!((&mask.id, mask.window), (&row.id, row.window));
        assert_eq!(mask.mask.len(), row.tokens.len() - 1);
        assert_eq!((&mask.rank, mask.target.as_ref()), (&Ranks::All, None));
        let mean = mask.mask.iter().sum::<f32>() / mask.mask.len() as f32;
        assert!((mask.area - mean).abs() < 1e-6);
        for (value, hard) in mask.mask.iter().zip(&mask.hard) {
            assert!((0.0..=1.0).contains(value));
            assert_eq!(*hard, *value > 0.5);
        }
    }
    assert!(!close(&masks[0].mask, &masks[4].mask), "every window has the same mask");
}

#[test]
fn masks_have_the_name_that_was_given_and_are_an_explainers() {
    let folder = Folder::new(&rows(10, &tokenization()), convolutional(), &["all"]);
    // A name that an attribution method has too.
    let config = Config { method: Name::new("lime").unwrap(), replicate: 2, ..Config::default() };
    folder.run("a", &config, Shard::WHOLE).unwrap();
    let is_named = |name: MaskName| {
        let method = name.method;
        (&*method.name, method.kind, method.replicate) == ("lime", MethodKind::Explainer, 2)
    };
    assert!(folder.masks("a").iter().all(|mask| is_named(mask.name())));
    assert!(folder.bases("a").iter().all(|mask| is_named(mask.name())));
    assert_eq!((folder.masks("a").len(), folder.bases("a").len()), (10, 10));
}

#[test]
fn a_chosen_area_is_kept() {
    let table = rows(30, &tokenization());
    let folder = Folder::new(&table, convolutional(), &["all"]);
    let config = Config { selection: Some(Selection::Share { share: 0.25 }), ..Config::default() };
    folder.run("a", &config, Shard::WHOLE).unwrap();
    for mask in folder.masks("a") {
        let kept = mask.hard.iter().filter(|&&hard| hard).count();
        let expected = (0.25 * mask.hard.len() as f64).round() as usize;
        assert_eq!(kept, expected, "{} tokens", mask.hard.len());
        assert!(mask.mask.iter().zip(&mask.hard).all(|(m, &hard)| (*m > 0.5) == hard));
    }
}

#[test]
fn a_window_has_the_same_mask_alone_and_filtered_by_split() {
    let table = rows(40, &tokenization());
    let folder = Folder::new(&table, transformer(), &RANKS);
    folder.run("all", &Config::default(), Shard::WHOLE).unwrap();
    let all = folder.masks("all");
    for &split in Split::ALL {
        let config = Config { split: Some(split), ..Config::default() };
        folder.run(split.name(), &config, Shard::WHOLE).unwrap();
        let expected: Vec<&MaskRow> = table
            .iter()
            .zip(all.chunks(2))
            .filter(|(row, _)| row.split == Some(split))
            .flat_map(|(_, masks)| masks)
            .collect();
        let found = folder.masks(split.name());
        assert!(!found.is_empty() && found.len() == expected.len(), "{split}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((&found.id, found.window), (&expected.id, expected.window));
            assert_eq!((&found.rank, &found.target), (&expected.rank, &expected.target));
            assert!(close(&found.mask, &expected.mask), "{split}: {}", found.id);
        }
    }
    let alone = Folder::new(&table[7..8], transformer(), &RANKS);
    alone.run("alone", &Config::default(), Shard::WHOLE).unwrap();
    for (found, expected) in alone.masks("alone").iter().zip(&all[14..16]) {
        assert!(close(&found.mask, &expected.mask));
    }
}

#[test]
fn the_target_of_a_rank_is_what_the_classifier_predicts() {
    let table = rows(20, &tokenization());
    let folder = Folder::new(&table, convolutional(), &RANKS);
    folder.run("a", &Config::default(), Shard::WHOLE).unwrap();
    let classifier = load_classifier(
        &folder.path("classifier"),
        &readlens_nn::DeviceKind::Cpu.open(readlens_nn::Precision::F32).unwrap(),
    )
    .unwrap();
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let predictions = predict(&classifier, &tokens, None).unwrap();
    for (masks, prediction) in folder.masks("a").chunks(2).zip(predictions) {
        for (rank, mask) in masks.iter().enumerate() {
            assert_eq!(mask.rank.name(), RANKS[rank]);
            assert_eq!(mask.target_kind, TargetKind::Predicted);
            let taxon = &classifier.config().ranks[rank].taxa[most_likely(&prediction[rank])];
            assert_eq!(mask.target.as_ref(), Some(taxon));
        }
    }
}

/// Mean of the mask values of the k-mers that cover each base, the slow way.
fn on_bases(mask: &[f32], tokenization: &Tokenization, length: usize) -> Vec<f32> {
    let Kmers { k, stride, .. } = tokenization.kmers().unwrap();
    let covers = |token: usize, base: usize| {
        let start = token * stride as usize;
        (start..start + k as usize).contains(&base)
    };
    let value = |base| {
        let covering: Vec<f32> =
            (0..mask.len()).filter(|&token| covers(token, base)).map(|t| mask[t]).collect();
        covering.iter().sum::<f32>() / covering.len().max(1) as f32
    };
    (0..length).map(value).collect()
}

#[test]
fn bases_have_the_mean_of_their_k_mers_and_the_reverse_strand_is_turned() {
    for (k, stride) in [(3, 3), (3, 1), (3, 2), (3, 4)] {
        let tokenization = Tokenization::new(Alphabet::Dna, k, stride, true).unwrap();
        let table = rows(20, &tokenization);
        let folder = Folder::of(&table, convolutional(), &["all"], tokenization.clone());
        folder.run("a", &Config::default(), Shard::WHOLE).unwrap();
        let strands: Vec<&str> = table.iter().map(|row| row.strand.as_str()).collect();
        assert!(strands.contains(&"-") && strands.contains(&"+"));
        for ((row, mask), bases) in table.iter().zip(folder.masks("a")).zip(folder.bases("a")) {
            assert_eq!(
                (&bases.id, bases.window, &bases.strand),
                (&row.id, row.window, &row.strand)
            );
            assert_eq!((bases.start, bases.end), (row.start, row.end));
            let mut expected = on_bases(&mask.mask, &tokenization, (row.end - row.start) as usize);
            if row.strand == "-" {
                expected.reverse();
            }
            assert!(close(&bases.mask, &expected), "k {k}, stride {stride}, {}", row.strand);
        }
    }
}

#[test]
fn more_frames_smooth_the_bases_and_leave_the_masks() {
    let table = rows(20, &tokenization());
    let folder = Folder::new(&table, convolutional(), &["all"]);
    folder.run("one", &Config::default(), Shard::WHOLE).unwrap();
    folder.run("three", &Config { frames: 3, ..Config::default() }, Shard::WHOLE).unwrap();
    assert!(folder.masks("one") == folder.masks("three"));
    let (one, three) = (folder.bases("one"), folder.bases("three"));
    let steps = |bases: &[BaseRow]| -> usize {
        bases.iter().map(|b| b.mask.windows(2).filter(|w| w[0] != w[1]).count()).sum()
    };
    assert!(steps(&three) > 2 * steps(&one), "values still change at k-mers only");
    assert!(three.iter().flat_map(|b| &b.mask).all(|m| (0.0..=1.0).contains(m)));
    let fault =
        folder.run("four", &Config { frames: 4, ..Config::default() }, Shard::WHOLE).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
}

#[test]
fn an_empty_table_gives_empty_tables() {
    let folder = Folder::new(&[], convolutional(), &["all"]);
    folder.run("a", &Config::default(), Shard::WHOLE).unwrap();
    assert!(folder.masks("a").is_empty() && folder.bases("a").is_empty());
    folder.run("b", &Config::default(), Shard { index: 2, count: 3 }).unwrap();
    assert!(folder.masks("b").is_empty());
}

fn nothing_is_left(folder: &Folder, name: &str) -> bool {
    let files = std::fs::read_dir(folder.directory.path()).unwrap();
    let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
    let inputs = ["tokens.parquet", "classifier", "explainer"];
    let left: Vec<String> = names.filter(|n| !inputs.contains(&n.as_str())).collect();
    let paths = folder.paths(name);
    left.is_empty() && !paths.output.exists()
}

fn refused(folder: &Folder, config: &Config, code: ExitCode, parts: &[&str]) {
    let fault = folder.run("a", config, Shard::WHOLE).unwrap_err();
    assert_eq!(fault.exit_code(), code, "{fault}");
    for part in parts {
        assert!(fault.to_string().contains(part), "{fault} does not name {part}");
    }
    assert!(nothing_is_left(folder, "a"));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let table = rows(10, &tokenization());
    let other = Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap();
    let folder = Folder::new(&table, convolutional(), &["all"]);
    write_tokens(&folder.path("tokens.parquet"), &rows(10, &other), &other);
    refused(&folder, &Config::default(), ExitCode::BadInput, &["tokens.parquet", "tokenization"]);

    let mut long = rows(10, &tokenization());
    long[6].tokens.extend([5; 20]);
    long[6].end += 60;
    let folder = Folder::new(&long, transformer(), &["all"]);
    refused(&folder, &Config::default(), ExitCode::BadInput, &["tokens.parquet", "row 6"]);
    // A convolution has no longest window.
    Folder::new(&long, convolutional(), &["all"])
        .run("a", &Config::default(), Shard::WHOLE)
        .unwrap();

    let mut folder = Folder::new(&table, convolutional(), &["all", "species"]);
    refused(&folder, &Config::default(), ExitCode::BadInput, &["classifier", "rank"]);
    folder.classifier = false;
    refused(&folder, &Config::default(), ExitCode::Usage, &["--classifier"]);

    let folder = Folder::new(&table, convolutional(), &["all"]);
    for share in [0.0, -0.1, 1.1, f64::NAN] {
        let config = Config { selection: Some(Selection::Share { share }), ..Config::default() };
        refused(&folder, &config, ExitCode::Usage, &["area"]);
    }
    refused(&folder, &Config { frames: 0, ..Config::default() }, ExitCode::Usage, &["frames"]);
    refused(
        &folder,
        &Config { replicate: 0, ..Config::default() },
        ExitCode::Usage,
        &["--replicate is 0"],
    );
    std::fs::remove_dir_all(folder.path("explainer")).unwrap();
    refused(&folder, &Config::default(), ExitCode::BadInput, &["explainer"]);
    assert!(Path::new(&folder.path("tokens.parquet")).exists());
}
