use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use readlens_fault::{InputFault, Result};
use readlens_kmer::Tokenization;
use readlens_random::stream;
use readlens_tables::tokens::TokenRow;

use crate::config::Kind;

/// The variant of a window.
///
/// It covers, on the source sequence, exactly the bases of its tokens: bases behind the last whole
/// k-mer are in no token and cannot be read back, so a variant ends before them. A window without
/// a token keeps its place. `seed` decides the substitutions, with the identifier and the ordinal
/// of the window; `fault` is that of the row.
///
/// # Errors
/// The strand is neither + nor -, the tokens are not those of the window's bases, or `stride > k`.
pub fn vary(
    row: &TokenRow,
    kind: Kind,
    tokenization: &Tokenization,
    seed: u64,
    fault: impl Fn() -> InputFault,
) -> Result<TokenRow> {
    let is_forward = match row.strand.as_str() {
        "+" => true,
        "-" => false,
        other => {
            let fault = fault().expected("the strand + or -").found(other);
            return Err(fault.remedy("write the table again with readlens-tokenize").into());
        }
    };
    let mut bases = bases_of(row, tokenization, &fault)?;
    if bases.is_empty() {
        let strand = if kind == Kind::ReverseComplement { !is_forward } else { is_forward };
        return Ok(TokenRow { strand: sign(strand), phase: None, frame_gap: None, ..row.clone() });
    }
    let length = bases.len() as u32;
    // Where the bases that were read lie.
    let (start, end) = match is_forward {
        true => (row.start, row.start + length),
        false => (row.end - length, row.end),
    };
    let (mut dropped, mut is_read_forward) = (0, is_forward);
    let mut phase = row.phase;
    match kind {
        Kind::ReverseComplement => {
            bases = tokenization.alphabet.reverse_complement(&bases);
            is_read_forward = !is_forward;
            // The codons are on the strand that is no longer read.
            phase = None;
        }
        Kind::FrameShift { bases: shift } => {
            dropped = shift.min(length);
            bases.drain(..dropped as usize);
            phase = phase.map(|phase| (phase + 2 * (dropped % 3)) % 3);
        }
        Kind::Substitute { rate } => {
            let purpose = format!("substitute/{}\t{}", row.id, row.window);
            substitute(&mut bases, rate, tokenization, &mut stream(seed, &purpose));
        }
    }
    let mut tokens = Vec::new();
    tokenization.encode(&bases, &mut tokens);
    let covered = tokenization.coverage(&tokens).end();
    let (start, end) = match is_read_forward {
        true => (start + dropped, start + dropped + covered as u32),
        false => (end - dropped - covered as u32, end - dropped),
    };
    // How sure the frame was is known of the window that was read, not of its variant.
    let strand = sign(is_read_forward);
    Ok(TokenRow { start, end, strand, phase, frame_gap: None, tokens, ..row.clone() })
}

fn sign(is_forward: bool) -> String {
    if is_forward { "+" } else { "-" }.to_owned()
}

/// The bases of a window, in reading direction, up to the last whole k-mer.
fn bases_of(
    row: &TokenRow,
    tokenization: &Tokenization,
    fault: &impl Fn() -> InputFault,
) -> Result<Vec<u8>> {
    tokenization.window_bases(row.start, row.end, &row.tokens, fault)?;
    tokenization.decode(&row.tokens).map_err(|e| match e {
        readlens_fault::Fault::Input(e) => {
            fault().expected("tokens that agree").found(e).remedy("tokenize again").into()
        }
        other => other,
    })
}

/// Replaces the nearest number to `rate` of the known bases, at places drawn without replacement,
/// each by one of the other letters with equal probability.
fn substitute(bases: &mut [u8], rate: f64, tokenization: &Tokenization, rng: &mut impl Rng) {
    let alphabet = tokenization.alphabet;
    let letters = alphabet.letters();
    let known = bases.iter().enumerate().filter_map(|(i, &b)| Some((i, alphabet.code(b)?)));
    let mut known: Vec<(usize, u8)> = known.collect();
    let count = (rate * known.len() as f64).round() as usize;
    let (chosen, _) = known.partial_shuffle(rng, count);
    for &mut (place, code) in chosen {
        let step = rng.random_range(1..letters.len());
        bases[place] = letters[(usize::from(code) + step) % letters.len()];
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;
    use readlens_fault::Fault;
    use readlens_kmer::Alphabet;
    use readlens_tables::vocabulary::Split;

    use super::*;

    fn tokenization(k: u32, stride: u32) -> Tokenization {
        Tokenization::new(Alphabet::Dna, k, stride, true).unwrap()
    }

    /// The window `start..end` of the source, read on the strand.
    fn window(
        source: &[u8],
        start: usize,
        end: usize,
        strand: &str,
        by: &Tokenization,
    ) -> TokenRow {
        let mut bases = source[start..end].to_vec();
        if strand == "-" {
            bases = by.alphabet.reverse_complement(&bases);
        }
        let mut tokens = Vec::new();
        by.encode(&bases, &mut tokens);
        TokenRow {
            id: "r".to_owned(),
            window: 3,
            start: start as u32,
            end: end as u32,
            strand: strand.to_owned(),
            tokens,
            split: Some(Split::Test),
            taxa: vec![Some("A".to_owned()), None],
            phase: None,
            frame_gap: None,
        }
    }

    fn of(row: &TokenRow, kind: Kind, by: &Tokenization) -> TokenRow {
        vary(row, kind, by, 1, || Fault::input("t")).unwrap()
    }

    fn place(row: &TokenRow) -> (u32, u32, &str) {
        (row.start, row.end, &row.strand)
    }

    /// 3-mers side by side leave one base of ten over: on the forward strand the last.
    #[test]
    fn the_other_strand_covers_the_bases_of_the_tokens() {
        let by = tokenization(3, 3);
        let source = b"ACGTTGCATGCCAGT";
        let forward = window(source, 2, 12, "+", &by);
        let other = of(&forward, Kind::ReverseComplement, &by);
        assert_eq!(other, window(source, 2, 11, "-", &by));
        let reverse = window(source, 2, 12, "-", &by);
        let other = of(&reverse, Kind::ReverseComplement, &by);
        assert_eq!(other, window(source, 3, 12, "+", &by));
    }

    #[test]
    fn a_shift_drops_the_bases_that_are_read_first() {
        let by = tokenization(3, 3);
        let source = b"ACGTTGCATGCCAGT";
        let shifted = |strand, bases| {
            of(&window(source, 2, 12, strand, &by), Kind::FrameShift { bases }, &by)
        };
        assert_eq!(shifted("+", 1), window(source, 3, 9, "+", &by));
        assert_eq!(shifted("+", 3), window(source, 5, 11, "+", &by));
        assert_eq!(shifted("-", 1), window(source, 5, 11, "-", &by));
        // Nothing is left of 9 bases: the window is empty, where the last one was.
        assert_eq!(place(&shifted("+", 50)), (11, 11, "+"));
        assert_eq!(place(&shifted("-", 50)), (3, 3, "-"));
        assert_eq!(shifted("+", 50).tokens, [readlens_kmer::CLS]);
    }

    #[test]
    fn a_window_without_a_token_keeps_its_place() {
        let by = tokenization(6, 6);
        let row = window(b"ACGTTGCATGCCAGT", 2, 5, "+", &by);
        assert_eq!(place(&of(&row, Kind::ReverseComplement, &by)), (2, 5, "-"));
        assert_eq!(of(&row, Kind::FrameShift { bases: 1 }, &by), row);
        assert_eq!(of(&row, Kind::Substitute { rate: 1.0 }, &by), row);
    }

    #[test]
    fn a_share_of_the_known_bases_is_replaced_and_no_unknown_one() {
        let by = tokenization(1, 1);
        let source = [b"ACGT".repeat(25), b"N".repeat(20)].concat();
        let row = window(&source, 0, 120, "+", &by);
        for (rate, replaced) in [(0.001, 0), (0.05, 5), (0.5, 50), (1.0, 100)] {
            let variant = of(&row, Kind::Substitute { rate }, &by);
            let bases = by.decode(&variant.tokens).unwrap();
            let differ = bases.iter().zip(&source).filter(|(a, b)| a != b).count();
            assert_eq!(differ, replaced, "{rate}");
            assert_eq!(bases[100..], source[100..]);
            assert_eq!(place(&variant), place(&row));
        }
        let seeded = |seed| {
            vary(&row, Kind::Substitute { rate: 0.5 }, &by, seed, || Fault::input("t")).unwrap()
        };
        assert_eq!(seeded(1), seeded(1));
        assert_ne!(seeded(1), seeded(2));
    }

    /// Over all bases each of the three other letters comes a third of the time: 4 standard errors
    /// of 30,000 draws are .011.
    #[test]
    fn the_other_letters_are_equally_likely() {
        let by = tokenization(1, 1);
        let row = window(&b"G".repeat(30_000), 0, 30_000, "+", &by);
        let bases = by.decode(&of(&row, Kind::Substitute { rate: 1.0 }, &by).tokens).unwrap();
        for letter in b"ACT" {
            let share = bases.iter().filter(|b| *b == letter).count() as f64 / 30_000.0;
            assert!((share - 1.0 / 3.0).abs() < 0.011, "{letter}: {share}");
        }
    }

    #[test]
    fn rows_that_no_tokenizer_wrote_are_faults() {
        let by = tokenization(3, 1);
        let good = window(b"ACGTTGCATGCCAGT", 2, 12, "+", &by);
        let kind = Kind::ReverseComplement;
        let message = |change: fn(&mut TokenRow)| {
            let mut row = good.clone();
            change(&mut row);
            vary(&row, kind, &by, 1, || Fault::input("t.parquet")).unwrap_err().to_string()
        };
        assert!(message(|row| row.strand = "?".to_owned()).contains("the strand + or -"));
        assert!(message(|row| row.end += 1).contains("9 tokens for bases 2 to 13"));
        assert!(message(|row| row.end = 0).contains("0 tokens for bases 2 to 0"));
        assert!(message(|row| row.tokens.clear()).contains("found not even CLS"));
        let found = message(|row| row.tokens[3] = 69);
        assert!(found.starts_with("t.parquet: expected tokens that agree"), "{found}");
        let apart = tokenization(3, 4);
        let row = window(b"ACGTTGCATGCCAGT", 2, 12, "+", &apart);
        let fault = vary(&row, kind, &apart, 1, || Fault::input("t")).unwrap_err();
        assert_eq!(fault.exit_code(), readlens_fault::ExitCode::Usage);
    }

    proptest! {
        /// Whatever the window, a variant is what the tokenizer makes of the bases it claims.
        #[test]
        fn coordinates_stay_true_to_the_source(
            source in "[ACGTN]{40}", start in 0_usize..20, length in 0_usize..20, k in 1_u32..5,
            stride in 1_u32..5, is_forward: bool, shift in 1_u32..9,
        ) {
            prop_assume!(stride <= k);
            let by = tokenization(k, stride);
            let source = source.as_bytes();
            let strand = if is_forward { "+" } else { "-" };
            let row = window(source, start, start + length, strand, &by);
            prop_assume!(row.tokens.len() > 1);
            for kind in [Kind::ReverseComplement, Kind::FrameShift { bases: shift }] {
                let variant = of(&row, kind, &by);
                // A base that only unknown k-mers cover is not known any more.
                let known = known_bases(source, &row, &by);
                let expected = window(
                    &known, variant.start as usize, variant.end as usize, &variant.strand, &by,
                );
                prop_assert_eq!(variant, expected);
            }
            let twice = of(&of(&row, Kind::ReverseComplement, &by), Kind::ReverseComplement, &by);
            prop_assert_eq!(by.decode(&twice.tokens).ok(), by.decode(&row.tokens).ok());
        }
    }

    /// The source as far as the tokens of the window tell it.
    fn known_bases(source: &[u8], row: &TokenRow, by: &Tokenization) -> Vec<u8> {
        let read = by.decode(&row.tokens).unwrap();
        let mut known = source.to_vec();
        match row.strand.as_str() {
            "+" => known[row.start as usize..][..read.len()].copy_from_slice(&read),
            _ => {
                let forward = by.alphabet.reverse_complement(&read);
                known[row.end as usize - read.len()..row.end as usize].copy_from_slice(&forward);
            }
        }
        known
    }
}
