//! Features of known sequences, of both strands and in every phase.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use readlens_channels::{Channel, Feature, Kind, Window};
use readlens_kmer::{Alphabet, Tokenization};

fn channel(text: &str) -> Channel {
    text.parse().unwrap()
}

/// The window of `bases` by tokens of one base.
fn window(bases: &[u8], phase: Option<u8>) -> Window {
    let tokenization = Tokenization::new(Alphabet::Dna, 1, 1, false).unwrap();
    let mut tokens = Vec::new();
    tokenization.encode(bases, &mut tokens);
    Window::of(&tokens, &tokenization, phase).unwrap()
}

fn features(channel: &Channel, window: &Window) -> Vec<Feature> {
    let mut found = Vec::new();
    channel.each(window, |feature| found.push(feature));
    found
}

/// Rows by the base at which their features begin.
fn rows(text: &str, bases: &str, phase: Option<u8>) -> Vec<(u32, u32)> {
    let found = features(&channel(text), &window(bases.as_bytes(), phase));
    found.into_iter().map(|feature| (feature.first, feature.row)).collect()
}

/// A number by its digits.
fn number(base: u32, digits: &[u32]) -> u32 {
    digits.iter().fold(0, |number, digit| base * number + digit)
}

#[test]
fn a_kmer_and_its_reverse_complement_are_one_feature() {
    // AAC, and GTT read from the other strand.
    assert_eq!(rows("kmer:3", "AAC", None), [(0, 1)]);
    assert_eq!(rows("kmer:3", "GTT", None), [(0, 1)]);
    // An unknown base is in no feature.
    assert_eq!(rows("kmer:2", "ACNGT", None), [(0, 1), (3, 1)]);
    assert_eq!(rows("kmer:3", "AC", None), []);
}

#[test]
fn seeds_read_the_bases_at_their_ones() {
    // A.C, whatever is between; from the other strand G.T.
    for bases in ["AAC", "ATC", "GAT", "GGT"] {
        assert_eq!(rows("seed:101", bases, None), [(0, 1)], "{bases}");
    }
    assert_eq!(rows("seed:101", "ANC", None), [(0, 1)]);
    assert_eq!(rows("seed:101", "NAC", None), []);
    assert_eq!(rows("seed:111", "AACGT", None), rows("kmer:3", "AACGT", None));
}

#[test]
fn features_in_frame_follow_the_phase() {
    let bases = "CATGGCTAAC";
    // In phase 1: ATG GCT AAC, that is M A N.
    assert_eq!(rows("codons:1", bases, Some(1)), [(1, 14), (4, 39), (7, 1)]);
    let of = |letter| "ACDEFGHIKLMNPQRSTVWY*".find(letter).unwrap() as u32;
    let (m, a, n) = (of('M'), of('A'), of('N'));
    assert_eq!(rows("amino:1", bases, Some(1)), [(1, m), (4, a), (7, n)]);
    assert_eq!(rows("amino:2", bases, Some(1)), [(1, 21 * m + a), (4, 21 * a + n)]);
    assert_eq!(rows("amino:3", bases, Some(1)), [(1, number(21, &[m, a, n]))]);
    // A stop codon is a letter too.
    assert_eq!(rows("amino:1", "TAA", Some(0)), [(0, 20)]);
    assert_eq!(rows("codons:2", bases, Some(1)), [(1, 14 * 64 + 39), (4, 39 * 64 + 1)]);
    // CA at the last codon position, AT at the first, TG at the second.
    assert_eq!(rows("phased:2", "CATG", Some(1)), [(0, 3 * 4 + 2), (1, 3 * 3), (2, 3 * 14 + 1)]);
    for text in ["codons:1", "amino:1", "phased:2"] {
        assert_eq!(rows(text, bases, None), [], "{text}");
        assert!(channel(text).kind().needs_phase());
    }
}

#[test]
fn the_standard_code_translates() {
    // Each amino acid and stop by one codon (NCBI translation table 1).
    let codons =
        "GCT TGT GAT GAA TTT GGT CAT ATT AAA CTG ATG AAT CCT CAA CGT AGC ACT GTT TGG TAT TGA";
    let found = rows("amino:1", &codons.replace(' ', ""), Some(0));
    let letters: Vec<u32> = found.into_iter().map(|(_, row)| row).collect();
    assert_eq!(letters, (0..21).collect::<Vec<_>>());
    let found = rows("grouped:1", &codons.replace(' ', ""), Some(0));
    let groups: Vec<u32> = found.into_iter().map(|(_, row)| row).collect();
    // A C DE FWY G H ILMV KR NQ P ST; a stop has none.
    assert_eq!(groups, [0, 1, 2, 2, 3, 4, 5, 6, 7, 6, 6, 8, 9, 8, 7, 10, 10, 6, 3, 3]);
    assert_eq!(rows("grouped:2", "GCTTGTTAAGCT", Some(0)), [(0, 1)]);
    // How many codons each has.
    let all: String = (0..64)
        .flat_map(|i| [i / 16, i / 4 % 4, i % 4])
        .map(|i| "ACGT".as_bytes()[i] as char)
        .collect();
    let mut counts = BTreeMap::new();
    for (_, row) in rows("amino:1", &all, Some(0)) {
        *counts.entry(b"ACDEFGHIKLMNPQRSTVWY*"[row as usize] as char).or_insert(0) += 1;
    }
    let expected = "A4C2D2E2F2G4H2I3K2L6M1N2P4Q2R6S6T4V4W1Y2*3";
    let written: String =
        "ACDEFGHIKLMNPQRSTVWY*".chars().map(|c| format!("{c}{}", counts[&c])).collect();
    assert_eq!(written, expected);
}

#[test]
fn tables_have_as_many_rows_as_features_or_as_were_asked_for() {
    for (text, rows, written) in [
        ("kmer:8", 65_536, "kmer:8"),
        ("kmer:8@1000", 1000, "kmer:8@1000"),
        ("kmer:8@16777216", 65_536, "kmer:8"),
        ("kmer:10", 1 << 18, "kmer:10"),
        ("kmer:10@1048576", 1 << 20, "kmer:10@1048576"),
        ("amino:4", 194_481, "amino:4"),
        ("amino:5@4194304", 4_084_101, "amino:5@4084101"),
    ] {
        let channel = channel(text);
        assert_eq!((channel.rows(), channel.to_string().as_str()), (rows, written), "{text}");
        let json = serde_json::to_string(&channel).unwrap();
        assert_eq!(serde_json::from_str::<Channel>(&json).unwrap(), channel);
    }
    for text in ["kmer:8@0", "kmer:8@", "kmer:8@-1", "kmer:8@16777217", "kmer:8@x"] {
        assert!(text.parse::<Channel>().is_err(), "{text}");
    }
}

proptest! {
    /// A channel of both strands counts the same from either strand.
    #[test]
    fn either_strand_has_the_same_features(bases in "[ACGTN]{0,80}", k in 1_u32..20) {
        let reverse = Alphabet::Dna.reverse_complement(bases.as_bytes());
        for text in [format!("kmer:{k}"), "seed:1101011".to_owned()] {
            let of = |bases: &[u8]| {
                let mut rows: Vec<u32> =
                    features(&channel(&text), &window(bases, None)).iter().map(|f| f.row).collect();
                rows.sort_unstable();
                rows
            };
            prop_assert_eq!(of(bases.as_bytes()), of(&reverse), "{}", text);
        }
    }

    /// Tokens tell the bases, so the way they are cut changes no row; and under a hard mask the
    /// features left are those of the bases that no hidden token has.
    #[test]
    fn what_a_hidden_token_holds_is_in_no_feature_that_is_left(
        bases in "[ACGT]{12,60}", k in 1_u32..7, by in 1_u32..7, hidden in 0_u32..10, phase in 0_u8..3,
    ) {
        let tokenization = Tokenization::new(Alphabet::Dna, k, by.min(k), true).unwrap();
        let mut tokens = Vec::new();
        tokenization.encode(bases.as_bytes(), &mut tokens);
        let cut = Window::of(&tokens, &tokenization, Some(phase)).unwrap();
        let covered = &bases[..cut.bases()];
        let hidden = hidden as usize % cut.tokens();
        let gone = tokenization.coverage(&tokens).of(hidden);
        for text in ["kmer:4", "seed:10101", "phased:4", "codons:1", "amino:2"] {
            let channel = channel(text);
            let by_tokens = features(&channel, &cut);
            let by_bases = features(&channel, &window(covered.as_bytes(), Some(phase)));
            prop_assert_eq!(by_tokens.len(), by_bases.len());
            for (feature, at) in by_tokens.iter().zip(&by_bases) {
                prop_assert_eq!(feature.row, at.row);
                let start = at.first as usize;
                let touches = start < gone.end && gone.start < start + channel.kind().span();
                let is_shown = !(feature.first..=feature.last).contains(&(hidden as u32));
                prop_assert_eq!(is_shown, !touches);
            }
        }
    }

    #[test]
    fn rows_are_within_the_table(bases in "[ACGTN]{0,60}", rows in 1_u32..5000) {
        for kind in ["kmer:9", "seed:110101011", "phased:7", "codons:3", "amino:4"] {
            let channel = Channel::new(kind.parse::<Kind>().unwrap(), rows).unwrap();
            let found = features(&channel, &window(bases.as_bytes(), Some(0)));
            prop_assert!(found.iter().all(|feature| feature.row < channel.rows()));
        }
    }
}
