use std::sync::LazyLock;

use bio::alphabets::dna;
use serde::{Deserialize, Serialize};

/// Marks a byte that is no letter; codes of letters are below it.
pub(crate) const NO_LETTER: u8 = u8::MAX;

/// The letters a sequence is written in.
///
/// Everything that depends on the letters is asked of this type: how many there are, which
/// bytes fold onto which, what an unknown position is written as and whether a strand has a
/// complement. A further alphabet is a further variant here and nothing elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Alphabet {
    /// Nucleotides A, C, G, T in either case; U reads as T; the other IUPAC codes are ambiguous.
    #[default]
    Dna,
    /// The 20 amino acids that the genetic code names, in either case. B, J, Z and X are
    /// ambiguous; U (selenocysteine), O (pyrrolysine) and `*` (stop) are symbols without a code.
    Protein,
}

/// The amino acids by their letters.
const AMINO_ACIDS: &[u8; 20] = b"ACDEFGHIKLMNPQRSTVWY";

/// Code of every byte: 0 to 3 for A, C, G, T and their foldings, else [`NO_LETTER`].
static DNA_CODES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let mask = dna::iupac_mask(thymine_for_uracil(byte as u8));
        if mask.count_ones() == 1 { mask.trailing_zeros() as u8 } else { NO_LETTER }
    })
});

/// Code of every byte: 0 to 19 for the amino acids, else [`NO_LETTER`].
static PROTEIN_CODES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    let place = |byte: u8| AMINO_ACIDS.iter().position(|acid| *acid == byte.to_ascii_uppercase());
    std::array::from_fn(|byte| place(byte as u8).map_or(NO_LETTER, |place| place as u8))
});

/// U read as T, in its own case.
fn thymine_for_uracil(byte: u8) -> u8 {
    match byte {
        b'U' => b'T',
        b'u' => b't',
        other => other,
    }
}

impl Alphabet {
    /// The letters in the order of their codes, upper case.
    pub fn letters(self) -> &'static [u8] {
        match self {
            Self::Dna => b"ACGT",
            Self::Protein => AMINO_ACIDS,
        }
    }

    /// The longest k-mer whose vocabulary (letters to the power of k) is at most 65,536.
    pub fn longest_k(self) -> u32 {
        match self {
            Self::Dna => 8,
            Self::Protein => 3,
        }
    }

    /// Code of `byte`, its place in [`Alphabet::letters`], case and, of DNA, U folded; none for any
    /// other byte, ambiguity codes included.
    pub fn code(self, byte: u8) -> Option<u8> {
        let code = self.codes()[usize::from(byte)];
        (code != NO_LETTER).then_some(code)
    }

    /// Whether `byte` stands for more than one letter, such as N, R or Y of DNA, in either case.
    pub fn is_ambiguous(self, byte: u8) -> bool {
        match self {
            Self::Dna => dna::iupac_mask(byte).count_ones() > 1,
            Self::Protein => matches!(byte.to_ascii_uppercase(), b'B' | b'J' | b'Z' | b'X'),
        }
    }

    /// Whether `byte` may stand in a sequence at all: a letter, an ambiguity code, or one of the
    /// stand-ins `X` (masked), `-` and `.` (gaps), in either case; of proteins U, O and `*` too.
    /// Any other byte means that the sequence is not one of this alphabet.
    pub fn is_symbol(self, byte: u8) -> bool {
        let is_stand_in = match self {
            Self::Dna => matches!(byte, b'X' | b'x' | b'-' | b'.'),
            Self::Protein => matches!(byte.to_ascii_uppercase(), b'U' | b'O' | b'*' | b'-' | b'.'),
        };
        is_stand_in || self.code(byte).is_some() || self.is_ambiguous(byte)
    }

    /// `byte` in upper case, U as T in DNA; a question mark for what is no ASCII.
    pub(crate) fn folded(self, byte: u8) -> u8 {
        match (self, byte.to_ascii_uppercase()) {
            (_, 0x80..) => b'?',
            (Self::Dna, b'U') => b'T',
            (_, byte) => byte,
        }
    }

    /// What a position of unknown letter is written as.
    pub fn unknown_letter(self) -> u8 {
        match self {
            Self::Dna => b'N',
            Self::Protein => b'X',
        }
    }

    /// Whether a sequence can be read from its other strand.
    pub fn has_complement(self) -> bool {
        match self {
            Self::Dna => true,
            Self::Protein => false,
        }
    }

    /// The other strand, read in its own direction. Case and IUPAC codes are kept (R becomes Y);
    /// U, like T, becomes A; a byte that is no nucleotide code stays as it is. Letters without
    /// complement are only read backward.
    pub fn reverse_complement(self, bases: &[u8]) -> Vec<u8> {
        match self {
            Self::Dna => dna::revcomp(bases.iter().map(|&base| thymine_for_uracil(base))),
            Self::Protein => bases.iter().rev().copied().collect(),
        }
    }

    pub(crate) fn codes(self) -> &'static [u8; 256] {
        match self {
            Self::Dna => &DNA_CODES,
            Self::Protein => &PROTEIN_CODES,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn only_the_four_letters_and_u_have_codes_in_either_case() {
        let coded: Vec<u8> = (0..=255).filter(|&b| Alphabet::Dna.code(b).is_some()).collect();
        assert_eq!(coded, b"ACGTUacgtu");
        for (place, letter) in Alphabet::Dna.letters().iter().enumerate() {
            assert_eq!(Alphabet::Dna.code(*letter), Some(place as u8));
            assert_eq!(Alphabet::Dna.code(letter.to_ascii_lowercase()), Some(place as u8));
        }
        assert_eq!(Alphabet::Dna.code(b'u'), Alphabet::Dna.code(b'T'));
    }

    #[test]
    fn ambiguity_codes_are_the_eleven_of_iupac() {
        let ambiguous: Vec<u8> = (b'A'..=b'Z').filter(|&b| Alphabet::Dna.is_ambiguous(b)).collect();
        assert_eq!(ambiguous, b"BDHKMNRSVWY");
    }

    #[test]
    fn symbols_are_the_codes_the_ambiguities_and_three_stand_ins() {
        let symbols: Vec<u8> = (0..=255).filter(|&b| Alphabet::Dna.is_symbol(b)).collect();
        assert_eq!(symbols, b"-.ABCDGHKMNRSTUVWXYabcdghkmnrstuvwxy");
    }

    #[test]
    fn reverse_complement_keeps_case_and_ambiguity() {
        // Cornish-Bowden 1985, table 1: R-Y, K-M, B-V, D-H pair; S, W and N are their own.
        assert_eq!(Alphabet::Dna.reverse_complement(b"AGCTYRWSKMDVHBN"), b"NVDBHKMSWYRAGCT");
        assert_eq!(Alphabet::Dna.reverse_complement(b"GaTtaCA"), b"TGtaAtC");
        assert_eq!(Alphabet::Dna.reverse_complement(b"UuA"), b"TaA");
    }

    #[test]
    fn names_are_lower_case_in_json() {
        assert_eq!(serde_json::to_string(&Alphabet::Dna).unwrap(), "\"dna\"");
        assert!(serde_json::from_str::<Alphabet>("\"DNA\"").is_err());
    }
}
