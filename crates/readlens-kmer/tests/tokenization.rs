//! K-mers are slices of their source, decoding undoes encoding, and ids match the golden file.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use bio::alphabets::{Alphabet as Letters, RankTransform};
use proptest::prelude::*;
use readlens_fault::Fault;
use readlens_kmer::{
    Alphabet, CLS, FIRST_KMER, Kmers, MASK, MAX_STRIDE, MAX_WINDOW_BASES, PAD, Tokenization, UNK,
};

fn dna(k: u32, stride: u32, cls: bool) -> Tokenization {
    Tokenization::new(Alphabet::Dna, k, stride, cls).unwrap()
}

/// What a k-mer reads as: upper case with T for U, or nothing where it is not all A, C, G, T.
fn plain(bases: &[u8]) -> Option<String> {
    let text = String::from_utf8(bases.to_ascii_uppercase()).unwrap().replace('U', "T");
    text.bytes().all(|b| b"ACGT".contains(&b)).then_some(text)
}

fn tokenizations() -> impl Strategy<Value = Tokenization> {
    (1_u32..=8, 1_u32..=12, any::<bool>()).prop_map(|(k, stride, cls)| dna(k, stride, cls))
}

fn bases() -> impl Strategy<Value = Vec<u8>> {
    // Mostly letters, so that whole k-mers occur; a few of everything else.
    let base = prop_oneof![
        20 => prop::sample::select(b"ACGTacgtUu".to_vec()),
        1 => prop::sample::select(b"NnRYKM-*.X5".to_vec()),
    ];
    prop::collection::vec(base, 0..120)
}

proptest! {
    #[test]
    fn kmers_are_slices_of_the_source(tokenization in tokenizations(), bases in bases()) {
        let mut tokens = vec![99];
        let unknown = tokenization.encode(&bases, &mut tokens);
        let kmers = if tokenization.cls {
            prop_assert_eq!(tokens[0], CLS);
            &tokens[1..]
        } else {
            &tokens[..]
        };
        prop_assert_eq!(kmers.len(), tokenization.most_tokens(bases.len()));
        prop_assert_eq!(kmers.iter().filter(|&&id| id == UNK).count(), unknown);
        let Kmers { k, .. } = tokenization.kmers().unwrap();
        let coverage = tokenization.coverage(&tokens);
        prop_assert_eq!(coverage.len(), kmers.len());
        prop_assert_eq!(coverage.end(), tokenization.least_bases(kmers.len()));
        for (i, &id) in kmers.iter().enumerate() {
            let slice = &bases[coverage.of(i)];
            prop_assert_eq!(slice.len(), k as usize);
            prop_assert!((id as usize) < tokenization.vocabulary_size());
            prop_assert_eq!(tokenization.letters(id), plain(slice));
        }
        // Not one more would fit.
        prop_assert!(tokenization.least_bases(kmers.len() + 1) > bases.len());
    }

    #[test]
    fn decoding_undoes_encoding_where_kmers_cover(tokenization in tokenizations(), bases in bases()) {
        let mut tokens = Vec::new();
        tokenization.encode(&bases, &mut tokens);
        if tokenization.leaves_gaps() {
            prop_assert!(tokenization.decode(&tokens).is_err());
            return Ok(());
        }
        let decoded = tokenization.decode(&tokens).unwrap();
        let count = tokenization.most_tokens(bases.len());
        let mut expected = vec![b'N'; decoded.len()];
        let coverage = tokenization.coverage(&tokens);
        prop_assert_eq!(coverage.len(), count);
        for range in coverage.iter() {
            if let Some(kmer) = plain(&bases[range.clone()]) {
                expected[range].copy_from_slice(kmer.as_bytes());
            }
        }
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn decoding_never_panics(tokenization in tokenizations(), tokens in prop::collection::vec(any::<u32>(), 0..9)) {
        let _ = tokenization.decode(&tokens);
    }

    #[test]
    fn kmers_are_numbered_as_the_q_grams_of_bio(
        (k, stride) in (1_u32..=8, 1_u32..=12),
        bases in prop::collection::vec(prop::sample::select(b"ACGT".to_vec()), 0..120),
    ) {
        let ranks = RankTransform::new(&Letters::new(b"ACGT"));
        let q_grams = ranks.qgrams(k, &bases).step_by(stride as usize);
        let expected: Vec<u32> = q_grams.map(|q_gram| FIRST_KMER + q_gram as u32).collect();
        let mut tokens = Vec::new();
        prop_assert_eq!(dna(k, stride, false).encode(&bases, &mut tokens), 0);
        prop_assert_eq!(tokens, expected);
    }

    #[test]
    fn reverse_complement_twice_is_the_sequence(bases in bases()) {
        let twice = Alphabet::Dna.reverse_complement(&Alphabet::Dna.reverse_complement(&bases));
        let with_t: Vec<u8> =
            bases.iter().map(|b| match b { b'U' => b'T', b'u' => b't', b => *b }).collect();
        prop_assert_eq!(twice, with_t);
    }
}

#[test]
fn ids_count_in_base_four_from_five() {
    // 5 + 0·64 + 1·16 + 2·4 + 3.
    let tokenization = dna(4, 4, false);
    let mut tokens = Vec::new();
    tokenization.encode(b"ACGTTTTTAAAAac", &mut tokens);
    assert_eq!(tokens, [FIRST_KMER + 27, FIRST_KMER + 255, FIRST_KMER]);
    assert_eq!(tokenization.vocabulary_size(), 5 + 256);
    assert_eq!(tokenization.letters(260), Some("TTTT".to_owned()));
    assert_eq!([MASK, 261, u32::MAX].map(|id| tokenization.letters(id)), [None, None, None]);
}

#[test]
fn token_counts_at_the_edges() {
    let overlapping = dna(6, 1, true);
    assert_eq!([0, 5, 6, 7].map(|bases| overlapping.most_tokens(bases)), [0, 0, 1, 2]);
    let apart = dna(3, 5, true);
    assert_eq!([2, 3, 7, 8, 12, 13].map(|bases| apart.most_tokens(bases)), [0, 1, 1, 2, 2, 3]);
}

#[test]
fn golden_token_ids() {
    let text = include_str!("../../../tests/golden/tiny_pre_mean_patch2.json");
    let golden: serde_json::Value = serde_json::from_str(text).unwrap();
    let number = |key: &str| golden[key].as_u64().unwrap() as u32;
    let tokenization = dna(number("k"), number("stride"), true);
    assert_eq!(Some(tokenization.vocabulary_size() as u64), golden["config"]["vocab"].as_u64());
    let sequences = golden["sequences"].as_array().unwrap();
    let rows = golden["token_ids"].as_array().unwrap();
    assert_eq!((sequences.len(), rows.len()), (3, 3));
    for (sequence, row) in sequences.iter().zip(rows) {
        let mut tokens = Vec::new();
        tokenization.encode(sequence.as_str().unwrap().as_bytes(), &mut tokens);
        tokens.resize(row.as_array().unwrap().len(), PAD);
        assert_eq!(serde_json::json!(tokens), *row);
    }
}

#[test]
fn json_is_checked_as_the_constructor_is() {
    let tokenization = dna(6, 3, true);
    let json = serde_json::to_string(&tokenization).unwrap();
    assert_eq!(json, r#"{"alphabet":"dna","k":6,"stride":3,"cls":true}"#);
    assert_eq!(serde_json::from_str::<Tokenization>(&json).unwrap(), tokenization);
    for (wrong, message) in [
        (json.replace("\"k\":6", "\"k\":9"), "k must be 1 to 8, but is 9"),
        (json.replace("\"stride\":3", "\"stride\":0"), "stride must be at least 1 base"),
        (json.replace("\"stride\":3", "\"stride\":1025"), "stride must be at most 1024 bases"),
        (json.replace("\"stride\":3", "\"stride\":4294967295"), "stride must be at most 1024"),
        (json.replace("cls", "clz"), "unknown field `clz`"),
        (json.replace(",\"cls\":true", ""), "missing field `cls`"),
    ] {
        let error = serde_json::from_str::<Tokenization>(&wrong).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn decoding_names_the_token_that_does_not_fit() {
    let tokenization = dna(3, 3, true);
    let overlapping = dna(3, 1, false);
    for (tokenization, tokens, message) in [
        (&tokenization, vec![], "token 0: expected CLS (2), found no token"),
        (&tokenization, vec![5, 6], "token 0: expected CLS (2), found token 5"),
        (&tokenization, vec![CLS, 5, CLS], "token 2: expected UNK (1) or a token of 5 to 68"),
        (&tokenization, vec![CLS, PAD], "token 1: expected UNK (1) or a token"),
        (&tokenization, vec![CLS, 69], "found token 69"),
        (&overlapping, vec![CLS], "token 0: expected UNK (1) or a token"),
        // AAA, then CCC one base on.
        (&overlapping, vec![5, 5 + 21], "token 1: expected a k-mer that agrees"),
    ] {
        let error = tokenization.decode(&tokens).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let gaps = dna(3, 4, false).decode(&[5]).unwrap_err().to_string();
    assert!(gaps.contains("stride 4 above k 3"), "{gaps}");
}

/// 4^k k-mers pair up but for the palindromes, of which an even k has 4^(k/2).
#[test]
fn a_kmer_and_its_reverse_complement_count_as_one() {
    for (k, palindromes) in [(3_u32, 0), (4, 16), (6, 64)] {
        let tokenization = Tokenization::new(Alphabet::Dna, k, 1, true).expect("can work");
        let (numbers, count) = tokenization.strandless_kmers();
        assert_eq!(count, (4_usize.pow(k) + palindromes) / 2);
        assert!(numbers[..FIRST_KMER as usize].iter().all(Option::is_none));
        let mut tokens = Vec::new();
        let bases: &[u8] = b"ACGGTTACGATCCATTGACA";
        tokenization.encode(bases, &mut tokens);
        let forward: Vec<_> = tokens[1..].iter().map(|&id| numbers[id as usize]).collect();
        tokenization.encode(&Alphabet::Dna.reverse_complement(bases), &mut tokens);
        let mut reverse: Vec<_> = tokens[1..].iter().map(|&id| numbers[id as usize]).collect();
        reverse.reverse();
        assert_eq!(forward, reverse);
    }
}

proptest! {
    /// Only the bases that have as many k-mers as the window are its bases.
    #[test]
    fn a_window_has_the_bases_of_its_tokens(
        tokenization in tokenizations(), start in 0_u32..9, bases in 0_u32..200, tokens in 0_usize..60,
    ) {
        let ids = vec![CLS; tokens];
        let found = tokenization.window_bases(start, start + bases, &ids, || Fault::input("t"));
        let wanted = tokenization.most_tokens(bases as usize) + usize::from(tokenization.cls);
        prop_assert_eq!(found.ok(), (wanted == tokens).then_some(bases as usize));
    }
}

/// 33 tokens beside four billion bases: the coordinates are two numbers in a file.
#[test]
fn coordinates_are_held_against_the_tokens() {
    let refused = |tokenization: &Tokenization, start, end, tokens| {
        let tokens = &vec![CLS; tokens];
        let fault = || Fault::input("tokens.parquet");
        tokenization.laid_bases(start, end, tokens, fault).unwrap_err().to_string()
    };
    let message = refused(&dna(6, 6, true), 0, u32::MAX - 1, 33);
    assert!(message.contains("715827882 tokens for bases 0 to 4294967294, found 32"), "{message}");
    assert!(refused(&dna(6, 6, true), 9, 3, 33).contains("0 tokens for bases 9 to 3, found 32"));
    assert!(refused(&dna(6, 6, true), 0, 3, 0).contains("found not even CLS"));
    // As far apart as k-mers may be, few tokens still have more bases than values are laid on.
    let apart = dna(8, MAX_STRIDE, false);
    let tokens = MAX_WINDOW_BASES / MAX_STRIDE as usize + 1;
    let end = apart.least_bases(tokens) as u32;
    assert!(refused(&apart, 0, end, tokens).contains("windows of at most 33554432 bases"));
    let end = end - MAX_STRIDE;
    let bases = apart.laid_bases(0, end, &vec![CLS; tokens - 1], || Fault::input("t")).unwrap();
    assert_eq!(bases, end as usize);
}
