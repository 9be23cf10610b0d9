//! Letters and hexamers of a sequence.

use std::sync::LazyLock;

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::Alphabet;

/// Number of hexamers.
pub(crate) const HEXAMERS: usize = 4096;
/// Length of a hexamer, in bases.
pub(crate) const LENGTH: usize = 6;

/// Code of a symbol that stands for no single base.
const AMBIGUOUS: u8 = 4;
/// Code of a byte that is no nucleotide symbol.
const FOREIGN: u8 = 5;

/// Code of every byte: 0 to 3 for A, C, G, T, U, else [`AMBIGUOUS`] or [`FOREIGN`].
static CODES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        let other = if Alphabet::Dna.is_symbol(byte) { AMBIGUOUS } else { FOREIGN };
        Alphabet::Dna.code(byte).unwrap_or(other)
    })
});

/// The other strand, read in its own direction; case and ambiguity codes are kept.
pub(crate) fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    Alphabet::Dna.reverse_complement(bases)
}

/// The hexamer that the other strand has in the place of `hexamer`.
pub(crate) fn reversed(hexamer: usize) -> usize {
    (0..LENGTH).fold(0, |other, base| (other << 2) | (3 - ((hexamer >> (2 * base)) & 3)))
}

/// Whether the first three bases of a hexamer are TAA or TAG.
pub(crate) fn begins_with_stop(hexamer: usize) -> bool {
    const A: usize = 0;
    const G: usize = 2;
    const T: usize = 3;
    let codon = hexamer >> 6;
    codon == (T << 4) | (A << 2) | A || codon == (T << 4) | (A << 2) | G
}

/// Calls `visit(start, hexamer)` for every hexamer of four-letter bases, from left to right.
///
/// A hexamer is the number whose digits to base four are the codes of its bases.
#[inline]
pub(crate) fn each(bases: &[u8], mut visit: impl FnMut(usize, usize)) {
    let codes = &*CODES;
    let (mut hexamer, mut letters) = (0, 0);
    for (end, &base) in bases.iter().enumerate() {
        let code = codes[usize::from(base)];
        if code >= AMBIGUOUS {
            letters = 0;
            continue;
        }
        hexamer = ((hexamer << 2) | usize::from(code)) % HEXAMERS;
        letters += 1;
        if letters >= LENGTH {
            visit(end + 1 - LENGTH, hexamer);
        }
    }
}

/// G and C among the A, C, G, T of a sequence, 0 to 1; 0 where it has none of these.
pub(crate) fn gc(bases: &[u8]) -> f64 {
    let mut counts = [0_u64; 6];
    let codes = &*CODES;
    bases.iter().for_each(|&base| counts[usize::from(codes[usize::from(base)])] += 1);
    let letters: u64 = counts[..4].iter().sum();
    (counts[1] + counts[2]) as f64 / letters.max(1) as f64
}

/// Refuses bytes that are no nucleotide symbol; `what` names the sequence.
pub(crate) fn check(bases: &[u8], what: impl FnOnce() -> String) -> Result<()> {
    let codes = &*CODES;
    let is_foreign = |base: &u8| codes[usize::from(*base)] == FOREIGN;
    let Some(place) = bases.iter().position(is_foreign) else { return Ok(()) };
    Err(Fault::input("sequences")
        .at(Place::Part(what()))
        .expected("nucleotide codes (A, C, G, T, U, IUPAC ambiguity codes, X, - and .)")
        .found(format!("\"{}\" at base {place} (0-based)", bases[place].escape_ascii()))
        .remedy("only nucleotide sequences have a reading frame; no proteins")
        .into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use readlens_kmer::Alphabet;

    use super::*;

    /// Hexamers and their starts.
    fn found(bases: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        each(bases, |start, hexamer| found.push((start, hexamer)));
        found
    }

    fn hexamer(bases: &[u8; 6]) -> usize {
        found(bases)[0].1
    }

    #[test]
    fn hexamers_are_numbers_to_base_four() {
        assert_eq!(found(b"AAAAAAC"), [(0, 0), (1, 1)]);
        assert_eq!(hexamer(b"CAAAAA"), 1024);
        assert_eq!(hexamer(b"TTTTTT"), HEXAMERS - 1);
        assert_eq!(hexamer(b"ACGTAC"), 0b00_01_10_11_00_01);
        assert_eq!(found(b"ACGTA"), []);
        assert_eq!(found(b""), []);
    }

    #[test]
    fn case_and_uracil_are_folded_and_other_symbols_break_the_chain() {
        assert_eq!(found(b"acguACg"), found(b"ACGTACG"));
        assert_eq!(found(b"ACGTANACGTACR"), [(6, hexamer(b"ACGTAC"))]);
        assert_eq!(found(b"AAAAA-AAAAAXAAAAA.AAAAA"), []);
    }

    #[test]
    fn every_byte_is_what_the_alphabet_of_the_tokens_says() {
        for byte in 0..=u8::MAX {
            let expected = match Alphabet::Dna.code(byte) {
                Some(code) => code,
                None if Alphabet::Dna.is_symbol(byte) => AMBIGUOUS,
                None => FOREIGN,
            };
            assert_eq!(CODES[usize::from(byte)], expected, "{byte}");
        }
        let symbols: Vec<u8> = (0..=u8::MAX).filter(|&b| Alphabet::Dna.is_symbol(b)).collect();
        let of_tokens = Alphabet::Dna.reverse_complement(&symbols);
        assert_eq!(reverse_complement(&symbols), of_tokens);
    }

    #[test]
    fn a_reversed_hexamer_is_that_of_the_other_strand() {
        for one in 0..HEXAMERS {
            assert_eq!(reversed(reversed(one)), one);
        }
        assert_eq!(reversed(hexamer(b"AACGTC")), hexamer(b"GACGTT"));
    }

    #[test]
    fn two_codons_stop() {
        let stopping = (0..HEXAMERS).filter(|&hexamer| begins_with_stop(hexamer)).count();
        assert_eq!(stopping, 2 * 64);
        assert!(begins_with_stop(hexamer(b"TAAACG")) && begins_with_stop(hexamer(b"TAGTGA")));
        assert!(!begins_with_stop(hexamer(b"TGATAA")) && !begins_with_stop(hexamer(b"ATAACG")));
    }

    #[test]
    fn gc_is_a_share_of_the_letters() {
        assert_eq!(gc(b"GCgcNNNN"), 1.0);
        assert_eq!(gc(b"ACgu"), 0.5);
        assert_eq!(gc(b"NNRY"), 0.0);
        assert_eq!(gc(b""), 0.0);
    }

    #[test]
    fn proteins_are_refused_with_their_place() {
        check(b"ACGTUNRYKMSWBDHVX-.acgtu", String::new).unwrap();
        let error = check(b"MKVLA", || "sequence 3".to_owned()).unwrap_err().to_string();
        assert_eq!(
            error,
            "sequences, sequence 3: expected nucleotide codes (A, C, G, T, U, IUPAC ambiguity \
             codes, X, - and .), found \"L\" at base 3 (0-based); only nucleotide sequences have \
             a reading frame; no proteins"
        );
        assert!(check(b"ACGT ACGT", String::new).is_err());
    }
}
