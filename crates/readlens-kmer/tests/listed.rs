//! Tokens of a list: cut as their rule says, and read back letter by letter.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use proptest::prelude::*;
use readlens_fault::Fault;
use readlens_kmer::{Alphabet, CLS, FIRST_KMER, ListedTokens, Tokenization, UNK};

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn listed(list: &[&str], merges: Option<Vec<(u32, u32)>>) -> Tokenization {
    let tokens = ListedTokens::new(words(list), merges).unwrap();
    Tokenization::listed(Alphabet::Dna, Arc::new(tokens), true)
}

/// What the tokens of `bases` read as, UNK as a question mark.
fn cut(by: &Tokenization, bases: &[u8]) -> String {
    let mut tokens = Vec::new();
    by.encode(bases, &mut tokens);
    assert_eq!(tokens[0], CLS);
    let word = |&id: &u32| by.letters(id).unwrap_or_else(|| "?".to_owned());
    by.real(&tokens).iter().map(word).collect::<Vec<_>>().join(" ")
}

/// As the Nucleotide Transformer's: k-mers side by side, and single letters for what is left.
#[test]
fn the_longest_token_that_fits_is_taken() {
    let by = listed(&["A", "C", "G", "T", "N", "ACG", "GTT", "TTA"], None);
    assert_eq!(cut(&by, b"ACGGTTTTAC"), "ACG GTT TTA C");
    assert_eq!(cut(&by, b"acgnguu"), "ACG N GTT");
    assert_eq!(cut(&by, b"ACR-GTT"), "A C ? ? GTT");
    assert_eq!(cut(&by, b""), "");
    let mut tokens = Vec::new();
    assert_eq!(by.encode(b"ACR-GTT", &mut tokens), 2);
    assert_eq!(by.decode(&tokens).unwrap(), b"ACNNGTT");
    assert_eq!((by.vocabulary_size(), by.frames(), by.least_bases(3)), (13, 1, 3));
}

/// The pairs are joined in the order of the merges, wherever they are, and the leftmost first.
#[test]
fn pairs_are_joined_by_urgency() {
    // AA is joined before AC, and AAC needs both.
    let by = listed(&["A", "C", "AA", "AC", "AAC"], Some(vec![(0, 0), (0, 1), (2, 1)]));
    assert_eq!(cut(&by, b"AAAC"), "AA AC");
    assert_eq!(cut(&by, b"AAC"), "AAC");
    assert_eq!(cut(&by, b"AAAAA"), "AA AA A");
    assert_eq!(cut(&by, b"CAGAC"), "C A ? AC");
}

/// Byte-pair encoding as its paper says it: join the most urgent pair everywhere, then look again.
fn slowly(letters: &[u8], list: &[String], merges: &[(u32, u32)]) -> Vec<u32> {
    let place = |word: &str| list.iter().position(|token| token == word).map(|at| at as u32);
    let mut out = Vec::new();
    for run in letters.split_inclusive(|letter| !b"ACGT".contains(letter)) {
        let (run, is_cut) = match run.split_last() {
            Some((last, rest)) if !b"ACGT".contains(last) => (rest, true),
            _ => (run, false),
        };
        let mut ids: Vec<u32> =
            run.iter().map(|&letter| place(&char::from(letter).to_string()).unwrap()).collect();
        loop {
            let found = merges.iter().find_map(|&(left, right)| {
                let at = ids.windows(2).position(|pair| pair == [left, right])?;
                Some((at, left, right))
            });
            let Some((at, left, right)) = found else { break };
            let joined = format!("{}{}", list[left as usize], list[right as usize]);
            ids.splice(at..at + 2, [place(&joined).unwrap()]);
        }
        out.extend(ids.into_iter().map(|id| FIRST_KMER + id));
        out.extend(is_cut.then_some(UNK));
    }
    out
}

/// A list that begins with the letters, and merges of any two of its tokens so far.
fn vocabularies() -> impl Strategy<Value = (Vec<String>, Vec<(u32, u32)>)> {
    prop::collection::vec((any::<u32>(), any::<u32>()), 0..24).prop_map(|draws| {
        let mut list = words(&["A", "C", "G", "T"]);
        let mut merges = Vec::new();
        for (left, right) in draws {
            let (left, right) = (left % list.len() as u32, right % list.len() as u32);
            let joined = format!("{}{}", list[left as usize], list[right as usize]);
            if joined.len() <= 12 && !list.contains(&joined) {
                list.push(joined);
                merges.push((left, right));
            }
        }
        (list, merges)
    })
}

proptest! {
    #[test]
    fn the_heap_joins_as_the_paper_does(
        (list, merges) in vocabularies(), bases in "[ACGT]{0,40}[NR]?[ACGT]{0,40}",
    ) {
        let tokens = ListedTokens::new(list.clone(), Some(merges.clone())).unwrap();
        let by = Tokenization::listed(Alphabet::Dna, Arc::new(tokens), false);
        let mut found = Vec::new();
        by.encode(bases.as_bytes(), &mut found);
        prop_assert_eq!(found, slowly(bases.as_bytes(), &list, &merges));
    }

    /// Every letter is in one token, whatever the list.
    #[test]
    fn tokens_cover_the_window_side_by_side(
        (list, merges) in vocabularies(), is_joined: bool, bases in "[ACGTNacgt.]{0,60}", start in 0_u32..9,
    ) {
        let tokens = ListedTokens::new(list, is_joined.then_some(merges)).unwrap();
        let by = Tokenization::listed(Alphabet::Dna, Arc::new(tokens), true);
        let mut tokens = Vec::new();
        let unknown = by.encode(bases.as_bytes(), &mut tokens);
        prop_assert_eq!(by.real(&tokens).iter().filter(|&&id| id == UNK).count(), unknown);
        let coverage = by.coverage(&tokens);
        prop_assert_eq!(coverage.end(), bases.len());
        prop_assert!(coverage.len() <= by.most_tokens(bases.len()));
        let mut end = 0;
        for (covered, &id) in coverage.iter().zip(by.real(&tokens)) {
            prop_assert_eq!(covered.start, end);
            end = covered.end;
            let read = bases[covered].to_ascii_uppercase();
            match by.letters(id) {
                Some(letters) => prop_assert_eq!(letters, read),
                None => prop_assert!(read == "N" || read == "."),
            }
        }
        let read = bases.to_ascii_uppercase().replace('.', "N");
        prop_assert_eq!(by.decode(&tokens).unwrap(), read.into_bytes());
        let fault = || Fault::input("t");
        let end = start + bases.len() as u32;
        prop_assert_eq!(by.window_bases(start, end, &tokens, fault).unwrap(), bases.len());
        prop_assert!(by.window_bases(start, end + 1, &tokens, fault).is_err());
        let json = serde_json::to_string(&by).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Tokenization>(&json).unwrap(), &by);
    }

    #[test]
    fn decoding_never_panics(tokens in prop::collection::vec(any::<u32>(), 0..9)) {
        let by = listed(&["A", "CG"], None);
        let _ = by.decode(&tokens);
        let _ = by.coverage(&tokens);
    }
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let refused = |list: &[&str], merges: Option<Vec<(u32, u32)>>| {
        ListedTokens::new(words(list), merges).unwrap_err().to_string()
    };
    assert!(refused(&[], None).contains("a list of tokens has 1 to 1048576, not 0"));
    for wrong in ["", "a", "##A", "Ġ", "A C"] {
        let message = refused(&["C", wrong], None);
        assert!(message.contains("capital letters, and token 1 is"), "{message}");
    }
    assert!(refused(&["A", "C", "A"], None).contains("the token A is twice in the list"));
    assert!(refused(&["A", "C"], Some(vec![(0, 1)])).contains("makes no token of the list"));
    assert!(refused(&["A", "C"], Some(vec![(0, 7)])).contains("merge 0 joins 0 and 7"));
    for wrong in [
        r#"{"alphabet":"dna","tokens":{"list":["A"]},"k":3,"cls":true}"#,
        r#"{"alphabet":"dna","k":3,"cls":true}"#,
        r#"{"alphabet":"dna","tokens":{"list":["a"]},"cls":true}"#,
        r#"{"alphabet":"dna","tokens":{"list":["A"],"rule":1},"cls":true}"#,
    ] {
        assert!(serde_json::from_str::<Tokenization>(wrong).is_err(), "{wrong}");
    }
}

/// Proteins: 20 letters, ambiguous ones unknown, and no other strand.
#[test]
fn proteins_are_read_by_their_letters() {
    let by = Tokenization::new(Alphabet::Protein, 1, 1, false).unwrap();
    let mut tokens = Vec::new();
    assert_eq!(by.encode(b"mkXW*", &mut tokens), 2);
    assert_eq!(by.decode(&tokens).unwrap(), b"MKXWX");
    assert_eq!(by.vocabulary_size(), 25);
    assert!(Tokenization::new(Alphabet::Protein, 4, 4, false).is_err());
    assert!(!Alphabet::Protein.has_complement());
    let symbols: Vec<u8> = (0..=255).filter(|&b| Alphabet::Protein.is_symbol(b)).collect();
    assert_eq!(symbols, b"*-.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    let (numbers, count) = by.strandless_kmers();
    assert_eq!((numbers.iter().flatten().count(), count), (20, 20));
}
