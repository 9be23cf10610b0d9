//! Predictions for windows and for records, against computations of the test's own.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;

use std::collections::BTreeSet;

use bench::{Folder, decoding_shape, table};
use readlens_batch::{Shard, most_likely};
use readlens_predict::Config;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;
use readlens_tests::{RANKS, classifier_shape, rows, tokenization};

/// The rows of each record, in order.
fn records_of(table: &[TokenRow]) -> Vec<&[TokenRow]> {
    table.chunk_by(|a, b| a.id == b.id).collect()
}

#[test]
fn windows_have_the_probabilities_that_every_stage_computes() {
    let table = rows(60, &tokenization());
    let folder = Folder::new(&table, &classifier_shape());
    let (found, _) = folder.run(&Config::default());
    let predicted = folder.probabilities(&table);
    assert_eq!(found.len(), table.len() * RANKS.len());
    for (row, (window, rank)) in
        found.iter().zip((0..table.len()).flat_map(|window| [(window, 0), (window, 1)]))
    {
        let (p, taxa) = (&predicted[window][rank], &classifier_shape().ranks[rank].taxa);
        let of = &table[window];
        assert_eq!((&row.id, row.window, row.split), (&of.id, Some(of.window), of.split));
        assert_eq!((row.rank.as_str(), row.windows, row.votes), (RANKS[rank], 1, 1));
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
        assert_eq!(row.taxon.as_ref(), Some(&taxa[order[0]]));
        assert_eq!(row.probability, p[order[0]], "the very number that predict gives");
        assert_eq!(row.confidence, row.probability, "nothing was fitted");
        assert_eq!(row.runner_up.as_ref(), Some(&taxa[order[1]]));
        assert_eq!(row.runner_up_probability, Some(p[order[1]]));
        let entropy: f32 = p.iter().map(|p| -p * p.ln()).sum();
        assert!((row.entropy - entropy / (p.len() as f32).ln()).abs() < 1e-6);
    }
}

/// The mean of the logarithms over windows on both strands, in the test's own words.
fn merged(windows: &[Vec<Vec<f32>>], rank: usize) -> Vec<f64> {
    let taxa = windows[0][rank].len();
    let product = |taxon: usize| -> f64 {
        windows.iter().map(|ranks| f64::from(ranks[rank][taxon]).ln()).sum()
    };
    let means: Vec<f64> = (0..taxa).map(|t| (product(t) / windows.len() as f64).exp()).collect();
    let total: f64 = means.iter().sum();
    means.iter().map(|mean| mean / total).collect()
}

#[test]
fn records_have_the_mean_log_probability_of_their_windows() {
    let table = table(2600);
    assert!(table.iter().any(|row| row.strand == "-") && table.iter().any(|r| r.strand == "+"));
    let folder = Folder::new(&table, &classifier_shape());
    let (_, found) = folder.run(&Config::default());
    let predicted = folder.probabilities(&table);
    let records = records_of(&table);
    assert!(records.iter().any(|windows| windows.len() == 1400));
    assert_eq!(found.len(), records.len() * RANKS.len());
    let (mut first, mut disagreeing) = (0, 0);
    for (rows, windows) in found.chunks(RANKS.len()).zip(records) {
        let own = &predicted[first..first + windows.len()];
        first += windows.len();
        for (rank, row) in rows.iter().enumerate() {
            let p: Vec<f32> = merged(own, rank).iter().map(|p| *p as f32).collect();
            let best = most_likely(&p);
            let taxa = &classifier_shape().ranks[rank].taxa;
            assert_eq!((&row.id, row.window), (&windows[0].id, None));
            assert_eq!((row.windows as usize, row.rank.as_str()), (windows.len(), RANKS[rank]));
            assert_eq!(row.taxon.as_ref(), Some(&taxa[best]));
            assert!((row.probability - p[best]).abs() < 1e-5, "{row:?} {p:?}");
            let votes = own.iter().filter(|ranks| most_likely(&ranks[rank]) == best).count();
            assert_eq!(row.votes as usize, votes);
            disagreeing += usize::from(votes < windows.len());
            let splits: BTreeSet<Option<Split>> = windows.iter().map(|row| row.split).collect();
            assert_eq!(row.split, splits.first().copied().flatten().filter(|_| splits.len() == 1));
        }
    }
    assert!(disagreeing > 0, "votes are tried");
}

#[test]
fn where_the_classifier_knows_lineages_every_prediction_is_one() {
    let table = table(700);
    let folder = Folder::new(&table, &decoding_shape());
    let (windows, records) = folder.run(&Config::default());
    let lineage = |rows: &[PredictionRow]| {
        let number = |row: &PredictionRow, rank: &str| -> usize {
            row.taxon.as_ref().unwrap().trim_start_matches(rank).parse().unwrap()
        };
        (number(&rows[0], "phylum"), number(&rows[1], "genus"))
    };
    for rows in windows.chunks(RANKS.len()).chain(records.chunks(RANKS.len())) {
        let (phylum, genus) = lineage(rows);
        assert_eq!(phylum, genus / 2, "{rows:?}");
    }
    // The best phylum of the mean alone would be another one in some.
    let predicted = folder.probabilities(&table);
    let (mut first, mut led) = (0, 0);
    for (rows, windows) in records.chunks(RANKS.len()).zip(records_of(&table)) {
        let own = &predicted[first..first + windows.len()];
        first += windows.len();
        let best = [0, 1].map(|rank| {
            let p: Vec<f32> = merged(own, rank).iter().map(|p| *p as f32).collect();
            most_likely(&p)
        });
        assert_eq!(lineage(rows).1, best[1], "the lowest rank stays what it is");
        led += usize::from(best[0] != best[1] / 2);
    }
    assert!(led > 0, "leads are tried");
    // A record of one window says what the window says.
    let mut single = 0;
    for row in records.iter().filter(|row| row.windows == 1) {
        let is_same = |window: &&PredictionRow| window.id == row.id && window.rank == row.rank;
        let window = windows.iter().find(is_same).unwrap();
        assert_eq!((&window.taxon, &window.runner_up), (&row.taxon, &row.runner_up));
        assert!((window.probability - row.probability).abs() < 1e-5, "{window:?} {row:?}");
        assert!((window.entropy - row.entropy).abs() < 1e-4);
        single += 1;
    }
    assert!(single > 10);
}

#[test]
fn taxa_below_the_least_probability_are_not_named() {
    let table = table(200);
    let folder = Folder::new(&table, &classifier_shape());
    let (all, all_records) = folder.run(&Config::default());
    let mut p: Vec<f32> = all.iter().map(|row| row.probability).collect();
    p.sort_by(f32::total_cmp);
    let least = p[p.len() / 2];
    let config = Config { min_probability: least, ..Config::default() };
    let (some, some_records) = folder.run(&config);
    for (all, some) in [(&all, &some), (&all_records, &some_records)] {
        assert!(some.iter().any(|row| row.taxon.is_none()), "{least}");
        assert!(some.iter().any(|row| row.taxon.is_some()), "{least}");
        for (all, some) in all.iter().zip(some) {
            let taxon = all.taxon.clone().filter(|_| all.probability >= least);
            assert_eq!(*some, PredictionRow { taxon, ..all.clone() });
        }
    }
}

#[test]
fn shards_are_the_windows_and_records_of_one_run() {
    let table = table(2600);
    let folder = Folder::new(&table, &decoding_shape());
    let (windows, records) = folder.run(&Config::default());
    for count in [2, 3, 6, 9] {
        let (mut of_shards, mut records_of_shards) = (Vec::new(), Vec::new());
        for index in 1..=count {
            let shard = Shard { index, count };
            let (more, more_records) = folder.run_with(&Config::default(), shard, |_| ()).unwrap();
            of_shards.extend(more);
            records_of_shards.extend(more_records);
        }
        assert!(of_shards == windows, "{count}");
        assert!(records_of_shards == records, "{count}");
    }
}

#[test]
fn shards_of_a_split_are_those_of_one_run_too() {
    let mut table = table(2600);
    // Records of one split each, and the contig of none.
    for row in &mut table {
        row.split = match row.id.as_bytes().last() {
            Some(b'0'..=b'4') => Some(Split::Test),
            Some(b'5'..=b'9') => Some(Split::Train),
            _ => None,
        };
    }
    let folder = Folder::new(&table, &classifier_shape());
    let config = Config { split: Some(Split::Test), ..Config::default() };
    let (windows, records) = folder.run(&config);
    assert!(windows.iter().all(|row| row.split == Some(Split::Test)));
    let chosen: Vec<TokenRow> = table.into_iter().filter(|row| row.split == config.split).collect();
    assert_eq!(windows.len(), chosen.len() * RANKS.len());
    assert_eq!(records.len(), records_of(&chosen).len() * RANKS.len());
    let (mut of_shards, mut records_of_shards) = (Vec::new(), Vec::new());
    for index in 1..=4 {
        let shard = Shard { index, count: 4 };
        let (more, more_records) = folder.run_with(&config, shard, |_| ()).unwrap();
        of_shards.extend(more);
        records_of_shards.extend(more_records);
    }
    assert!(of_shards == windows && records_of_shards == records);
}

#[test]
fn records_change_nothing_of_the_windows() {
    let table = table(1100);
    let folder = Folder::new(&table, &classifier_shape());
    let (windows, _) = folder.run(&Config::default());
    let (alone, _) =
        folder.run_with(&Config::default(), Shard::WHOLE, |paths| paths.records = None).unwrap();
    assert!(windows == alone);
}
