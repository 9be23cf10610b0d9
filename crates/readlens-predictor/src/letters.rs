//! What a program reads of a window.

use readlens_fault::Result;
use readlens_kmer::Tokenization;

/// The letters of a window from its tokens, CLS included where there is one.
///
/// With `factors`, 0 or 1 per real token, letters that no kept token covers are the unknown one:
/// what a mask keeps stays readable, and what it hides is seen nowhere.
///
/// # Errors
/// The tokens do not say their letters.
pub(crate) fn letters_of(
    tokenization: &Tokenization,
    tokens: &[u32],
    factors: Option<&[f32]>,
) -> Result<Vec<u8>> {
    let mut letters = tokenization.decode(tokens)?;
    let Some(factors) = factors else { return Ok(letters) };
    let mut is_kept = vec![false; letters.len()];
    let coverage = tokenization.coverage(tokens);
    for (covered, _) in coverage.iter().zip(factors).filter(|(_, factor)| **factor > 0.5) {
        is_kept[covered].fill(true);
    }
    let unknown = tokenization.alphabet.unknown_letter();
    let hidden = letters.iter_mut().zip(is_kept).filter(|(_, is_kept)| !is_kept);
    hidden.for_each(|(letter, _)| *letter = unknown);
    Ok(letters)
}

/// Whether every token is either seen or hidden.
pub(crate) fn is_hard(factors: &[f32]) -> bool {
    factors.iter().all(|factor| *factor == 0.0 || *factor == 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use readlens_kmer::Alphabet;

    fn hidden(stride: u32, cls: bool, factors: &[f32]) -> String {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, stride, cls).unwrap();
        let mut tokens = Vec::new();
        tokenization.encode(b"ACGTTGCAT", &mut tokens);
        assert_eq!(letters_of(&tokenization, &tokens, None).unwrap(), b"ACGTTGCAT");
        String::from_utf8(letters_of(&tokenization, &tokens, Some(factors)).unwrap()).unwrap()
    }

    #[test]
    fn hidden_letters_are_those_that_no_kept_token_covers() {
        for cls in [true, false] {
            assert_eq!(hidden(3, cls, &[1.0, 0.0, 1.0]), "ACGNNNCAT");
            assert_eq!(hidden(3, cls, &[0.0, 0.0, 0.0]), "NNNNNNNNN");
            assert_eq!(hidden(3, cls, &[1.0, 1.0, 1.0]), "ACGTTGCAT");
            // Overlapping tokens: ACG CGT GTT TTG TGC GCA CAT.
            assert_eq!(hidden(1, cls, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), "ACGNNNCAT");
            assert_eq!(hidden(1, cls, &[1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]), "ACGTTGCAT");
        }
        assert!(is_hard(&[0.0, 1.0]) && !is_hard(&[0.5]) && !is_hard(&[f32::NAN]));
    }
}
