//! Masks that tell the taxon, masks that do not, and tables that are refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use readlens_fault::{ExitCode, Fault};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_probe::{Config, Inputs, run};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Split, TargetKind,
};
use readlens_tables::{Reader, Record, Writer};

/// A number that follows no pattern, below `below`.
fn noise(i: usize, below: usize) -> usize {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20) as usize % below
}

/// Two windows per record; genera 0 to 2 in shares of 1/2, 1/3 and 1/6, one phylum, no label of
/// the genus in every eleventh record.
fn tokens(windows: usize) -> Vec<TokenRow> {
    let row = |i: usize| {
        let record = i / 2;
        let length = 20 + noise(i, 9);
        let genus = [0, 0, 0, 1, 1, 2][record % 6];
        TokenRow {
            id: format!("record{record}"),
            window: i as u32 % 2,
            start: 0,
            end: 3 * length as u32,
            strand: "+".to_owned(),
            tokens: std::iter::once(2).chain(std::iter::repeat_n(5, length)).collect(),
            split: Some(if record % 5 == 4 { Split::Valid } else { Split::Test }),
            taxa: vec![
                Some("phylum".to_owned()),
                (!record.is_multiple_of(11)).then(|| format!("genus{genus}")),
            ],
            phase: None,
            frame_gap: None,
        }
    };
    (0..windows).map(row).collect()
}

/// A mask with one run of four tokens; `place` says where it starts, among 14 starts.
fn mask(row: &TokenRow, method: &str, place: usize) -> MaskRow {
    let count = row.tokens.len() - 1;
    let hard: Vec<bool> = (0..count).map(|token| (place..place + 4).contains(&token)).collect();
    MaskRow {
        id: row.id.clone(),
        window: row.window,
        method: Name::new(method).unwrap(),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        target: None,
        target_kind: TargetKind::Predicted,
        asked: Vec::new(),
        mask: hard.iter().map(|&read| if read { 0.9 } else { 0.1 }).collect(),
        hard,
        deviation: Vec::new(),
        area: 0.0,
    }
}

/// Masks whose place is the genus, whatever the sequence.
fn cheating(tokens: &[TokenRow]) -> Vec<MaskRow> {
    let place = |row: &TokenRow| match row.taxa[1].as_deref() {
        Some("genus1") => 6,
        Some("genus2") => 12,
        _ => 0,
    };
    tokens.iter().map(|row| mask(row, "cheating", place(row))).collect()
}

/// Masks whose place has nothing to do with the genus.
fn honest(tokens: &[TokenRow]) -> Vec<MaskRow> {
    let place = |(i, row)| mask(row, "honest", noise(3 * i + 1, 14));
    tokens.iter().enumerate().map(place).collect()
}

fn write<R: Record>(path: &Path, rows: &[R]) {
    let manifest = Manifest::new("test", &"test", Some(1), Vec::new()).unwrap();
    let ranks =
        if R::TABLE.has_ranks { vec!["phylum".to_owned(), "genus".to_owned()] } else { vec![] };
    let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap();
    let tokenization = serde_json::to_string(&tokenization).unwrap();
    let metadata: BTreeMap<String, String> = [(KEY_TOKENIZATION.to_owned(), tokenization)].into();
    let mut writer = Writer::create(path, &ranks, &manifest, &metadata).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

fn probed(
    tokens: &[TokenRow],
    masks: &[Vec<MaskRow>],
    config: &Config,
) -> Result<Vec<MetricRow>, Fault> {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write(&path("tokens.parquet"), tokens);
    let paths: Vec<PathBuf> = (0..masks.len()).map(|i| path(&format!("m{i}.parquet"))).collect();
    paths.iter().zip(masks).for_each(|(path, masks)| write(path, masks));
    let inputs = Inputs { tokens: path("tokens.parquet"), masks: paths };
    let output = path("metrics.parquet");
    let outcome = run(config, 1, &inputs, &output, &Context::silent());
    assert_eq!(output.exists(), outcome.is_ok());
    outcome?;
    Ok(Reader::open(&output).unwrap().map(Result::unwrap).collect())
}

fn config() -> Config {
    Config { replicates: 200, ..Config::default() }
}

#[test]
fn a_place_that_is_the_genus_is_found_and_one_that_is_not_is_none() {
    let tokens = tokens(1200);
    let masks = [honest(&tokens), cheating(&tokens)];
    let found = probed(&tokens, &masks, &config()).unwrap();
    let keys: Vec<_> = found.iter().map(|r| (r.method.as_deref().unwrap(), r.metric)).collect();
    let metrics = [Metric::Accuracy, Metric::MajorityAccuracy];
    // The only phylum is nothing to tell; methods by name.
    let expected = ["cheating", "honest"].map(|method| metrics.map(|metric| (method, metric)));
    assert_eq!(keys, expected.concat());
    let labelled: Vec<&TokenRow> = tokens.iter().filter(|row| row.taxa[1].is_some()).collect();
    let most = labelled.iter().filter(|row| row.taxa[1].as_deref() == Some("genus0")).count();
    for row in &found {
        let key = (row.operator.name(), row.split, row.rank.name());
        assert_eq!(key, (Operator::Probe.name(), Over::All, "genus"));
        assert_eq!(row.n as usize, labelled.len());
        if row.metric == Metric::MajorityAccuracy {
            assert!((row.value - most as f64 / labelled.len() as f64).abs() < 1e-12);
        }
    }
    let [cheating, majority, honest, _] = [0, 1, 2, 3].map(|i| &found[i]);
    assert_eq!(cheating.value, 1.0);
    assert!(cheating.ci_low > majority.ci_high);
    assert!(honest.ci_low.unwrap() <= majority.ci_high.unwrap(), "{honest:?}");
}

#[test]
fn splits_and_rare_taxa_are_left_out() {
    let tokens = tokens(1200);
    let masks = [cheating(&tokens)];
    let valid = Config { split: Some(Split::Valid), ..config() };
    let found = probed(&tokens, &masks, &valid).unwrap();
    let is_valid = |row: &&TokenRow| row.split == Some(Split::Valid) && row.taxa[1].is_some();
    assert_eq!(found[0].n as usize, tokens.iter().filter(is_valid).count());
    assert_eq!(found[0].split, Over::Split(Split::Valid));
    // Genus 2 has 91 records and genus 1 181: about half of them in each half.
    let found = probed(&tokens, &masks, &Config { min_records: 70, ..config() }).unwrap();
    let is_kept = |row: &&TokenRow| matches!(row.taxa[1].as_deref(), Some("genus0" | "genus1"));
    assert_eq!(found[0].n as usize, tokens.iter().filter(is_kept).count());
    // Nothing can be probed: the table is there, without rows.
    let found = probed(&tokens, &masks, &Config { min_records: 9000, ..config() }).unwrap();
    assert_eq!(found, []);
}

#[test]
fn masks_without_variation_tell_nothing() {
    let tokens = tokens(240);
    let flat = |row: &TokenRow| {
        let mut mask = mask(row, "flat", 99);
        mask.mask.fill(0.3);
        mask
    };
    let masks = [tokens.iter().map(flat).collect()];
    let found = probed(&tokens, &masks, &config()).unwrap();
    // What is left is the most frequent genus.
    assert_eq!(found[0].value, found[1].value);
}

#[track_caller]
fn refused(spoil: impl FnOnce(&mut Vec<TokenRow>, &mut Vec<Vec<MaskRow>>), part: &str) {
    let mut tokens = tokens(60);
    let mut masks = vec![honest(&tokens)];
    spoil(&mut tokens, &mut masks);
    let fault = probed(&tokens, &masks, &config()).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    assert!(fault.to_string().contains(part), "{fault} lacks {part}");
}

#[test]
fn tables_that_do_not_belong_together_are_refused() {
    refused(|_, masks| masks[0].swap(0, 5), "row 1: expected the windows of");
    refused(|tokens, _| tokens.truncate(50), "row 50: expected the windows of");
    refused(|_, masks| masks[0][3].mask[1] = f32::NAN, "row 3: expected mask values from 0 to 1");
    refused(|_, masks| masks[0][3].mask[1] = 1.5, "found 1.5 at token 1");
    refused(|_, masks| masks[0][7].hard.truncate(3), "row 7: expected");
    refused(
        |_, masks| {
            let twice = masks[0][4].clone();
            masks[0].insert(5, twice);
        },
        "row 5: expected one mask per window",
    );
    refused(|_, masks| masks.push(masks[0].clone()), "all in one file");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let tokens = tokens(12);
    for (config, part) in [
        (Config { bins: 0, ..config() }, "--bins is 0; give 1 to 4096"),
        (Config { min_records: 0, ..config() }, "--min-records is 0"),
        (Config { retrain: vec![0.1, 1.0], ..config() }, "--retrain has 1; give shares"),
        (Config { retrain: vec![0.1, 0.2, 0.1], ..config() }, "--retrain has 0.1 twice"),
        (Config { replicates: 100_001, ..config() }, "--replicates is 100001"),
    ] {
        let fault = probed(&tokens, &[honest(&tokens)], &config).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
        assert!(fault.to_string().contains(part), "{fault} lacks {part}");
    }
}

/// Windows whose genus is told by one token of 20, at a place that has nothing to do with it.
fn tokens_of_genera(windows: usize) -> Vec<TokenRow> {
    let row = |(i, mut row): (usize, TokenRow)| {
        let genus = [0, 0, 0, 1, 1, 2][i / 2 % 6];
        row.tokens =
            std::iter::once(2).chain((0..20).map(|t| 40 + noise(31 * i + t, 20) as u32)).collect();
        row.tokens[1 + noise(7 * i, 20)] = 10 + genus;
        row.taxa[1] = Some(format!("genus{genus}"));
        row
    };
    tokens(windows).into_iter().enumerate().map(row).collect()
}

#[test]
fn retrained_models_rank_a_mask_that_encodes_the_class_below_an_honest_one() {
    let tokens = tokens_of_genera(900);
    let marking = |method: &'static str, place: &dyn Fn(usize, &TokenRow) -> usize| {
        let one = |(i, row): (usize, &TokenRow)| {
            let mut mask = mask(row, method, 99);
            let place = place(i, row);
            mask.mask[place] = 0.9;
            mask.hard[place] = true;
            mask
        };
        tokens.iter().enumerate().map(one).collect::<Vec<MaskRow>>()
    };
    let informative = |row: &TokenRow| row.tokens[1..].iter().position(|&t| t < 20).unwrap();
    let honest = marking("honest", &|_, row| informative(row));
    // The place is the genus; where the informative token happens to lie there, the next one.
    let encoding = marking("encoding", &|_, row| {
        let place = usize::from(row.taxa[1].as_deref().unwrap().as_bytes()[5] - b'0') * 6;
        place + usize::from(place == informative(row))
    });
    let chance = marking("chance", &|i, _| noise(5 * i + 3, 20));
    let config = Config { retrain: vec![0.05], ..config() };
    let found = probed(&tokens, &[honest, encoding, chance], &config).unwrap();
    let find = |method: &str, operator, variant: Option<&str>, metric| {
        let is_it = |row: &&MetricRow| {
            row.method.as_deref() == Some(method)
                && row.operator == operator
                && row.variant.as_deref() == variant
                && row.metric == metric
        };
        let row = found.iter().find(is_it).unwrap();
        assert_eq!((row.n, row.rank.name()), (900, "genus"));
        (row.value, row.ci_low.unwrap(), row.ci_high.unwrap())
    };
    let accuracy = |method, operator, variant| find(method, operator, variant, Metric::Accuracy).0;
    let majority = 0.5;
    // Kept, the honest token tells everything; removed, nothing is left. Noise does neither.
    assert_eq!(accuracy("honest", Operator::RetrainedKept, None), 1.0);
    assert!(accuracy("honest", Operator::RetrainedRemoved, None) < majority + 0.05);
    for noise in [Some("random_tokens"), Some("blurred_noise")] {
        assert!(accuracy("honest", Operator::RetrainedKept, noise) < majority + 0.1);
        assert!(accuracy("honest", Operator::RetrainedRemoved, noise) > 0.85);
    }
    // Retraining alone is taken in by a mask that encodes; the surrogate is not.
    assert_eq!(accuracy("encoding", Operator::RetrainedKept, None), 1.0);
    assert!(accuracy("encoding", Operator::Surrogate, None) < majority + 0.05);
    assert_eq!(accuracy("honest", Operator::Surrogate, None), 1.0);
    let of = |method, metric| find(method, Operator::Surrogate, None, metric);
    assert!(of("encoding", Metric::EncodeMeter).1 > 0.3);
    let [honest, encoding, chance] =
        ["honest", "encoding", "chance"].map(|method| of(method, Metric::StripeX));
    assert!(honest.1 > chance.2 && chance.1 > encoding.2, "{honest:?} {chance:?} {encoding:?}");
}
