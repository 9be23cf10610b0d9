//! What stands in the place of hidden tokens.

use rand::Rng;
use readlens_fault::Result;
use readlens_kmer::{Tokenization, UNK};
use readlens_tables::vocabulary::Removal;

use crate::shuffle::shuffle_dinucleotides;

/// Whether a removal puts other tokens there; the others act on embeddings.
pub(crate) fn replaces_tokens(removal: Removal) -> bool {
    match removal {
        Removal::Own | Removal::Mean => false,
        Removal::Unknown | Removal::Shuffled => true,
    }
}

/// The window's `tokens`, CLS included where there is one, with those replaced whose factor is 0.
///
/// `factors`: 0 or 1 per real token. The tokens are unchanged where the removal acts on embeddings.
///
/// # Errors
/// Bases cannot be read back from the tokens.
pub(crate) fn replace(
    removal: Removal,
    tokens: &[u32],
    factors: &[f32],
    tokenization: &Tokenization,
    rng: &mut impl Rng,
) -> Result<Vec<u32>> {
    match removal {
        Removal::Own | Removal::Mean => Ok(tokens.to_vec()),
        Removal::Unknown => {
            let mut replaced = tokens.to_vec();
            let real = replaced.iter_mut().skip(usize::from(tokenization.cls));
            real.zip(factors).filter(|(_, factor)| **factor < 0.5).for_each(|(t, _)| *t = UNK);
            Ok(replaced)
        }
        Removal::Shuffled => Ok(match tokenization.kmers() {
            Some(_) => shuffled_kmers(tokens, factors, tokenization, rng)?,
            None => shuffled_listed(tokens, factors, tokenization, rng)?,
        }),
    }
}

/// The k-mers of a window after the bases that no kept one covers were shuffled.
fn shuffled_kmers(
    tokens: &[u32],
    factors: &[f32],
    tokenization: &Tokenization,
    rng: &mut impl Rng,
) -> Result<Vec<u32>> {
    let mut bases = tokenization.decode(tokens)?;
    let coverage = tokenization.coverage(tokens);
    let mut is_kept = vec![false; bases.len()];
    for (covered, _) in coverage.iter().zip(factors).filter(|(_, factor)| **factor > 0.5) {
        is_kept[covered].fill(true);
    }
    let mut start = 0;
    for stretch in is_kept.chunk_by(|a, b| a == b) {
        let end = start + stretch.len();
        if !stretch[0] {
            shuffle_dinucleotides(&mut bases[start..end], rng);
        }
        start = end;
    }
    let mut replaced = Vec::new();
    tokenization.encode(&bases, &mut replaced);
    Ok(replaced)
}

/// Tokens of a list of which each hidden stretch is shuffled and cut for itself, so that the kept
/// ones stay what they are. There may be more or fewer tokens then.
fn shuffled_listed(
    tokens: &[u32],
    factors: &[f32],
    tokenization: &Tokenization,
    rng: &mut impl Rng,
) -> Result<Vec<u32>> {
    let mut bases = tokenization.decode(tokens)?;
    let coverage = tokenization.coverage(tokens);
    let real = tokenization.real(tokens);
    let mut replaced = tokens[..tokens.len() - real.len()].to_vec();
    let (mut first, mut cut) = (0, Vec::new());
    for stretch in factors.chunk_by(|a, b| (*a > 0.5) == (*b > 0.5)) {
        let next = first + stretch.len();
        if stretch[0] > 0.5 {
            replaced.extend_from_slice(&real[first..next]);
        } else {
            let letters = &mut bases[coverage.of(first).start..coverage.of(next - 1).end];
            shuffle_dinucleotides(letters, rng);
            tokenization.encode(letters, &mut cut);
            replaced.extend_from_slice(tokenization.real(&cut));
        }
        first = next;
    }
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use readlens_kmer::Alphabet;

    fn replaced(removal: Removal, stride: u32, factors: &[f32]) -> (Vec<u8>, Vec<u8>) {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, stride, true).unwrap();
        let bases: Vec<u8> = b"ACGTTGCATGCCATAAGGACTTACAGGATC".repeat(4);
        let mut tokens = Vec::new();
        tokenization.encode(&bases, &mut tokens);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let found = replace(removal, &tokens, factors, &tokenization, &mut rng).unwrap();
        assert_eq!(found.len(), tokens.len());
        assert_eq!(removal == Removal::Own || removal == Removal::Mean, found == tokens);
        (tokenization.decode(&tokens).unwrap(), tokenization.decode(&found).unwrap())
    }

    #[test]
    fn hidden_tokens_become_unknown_and_others_stay() {
        let factors: Vec<f32> = (0..40).map(|t| f32::from(u8::from(t >= 10))).collect();
        let (before, after) = replaced(Removal::Unknown, 3, &factors);
        assert_eq!(after[..30], [b'N'; 30]);
        assert_eq!(after[30..], before[30..]);
        replaced(Removal::Own, 3, &factors);
        replaced(Removal::Mean, 3, &factors);
    }

    #[test]
    fn hidden_bases_are_shuffled_and_kept_tokens_stay() {
        let factors: Vec<f32> =
            (0..40).map(|t| f32::from(u8::from(!(5..30).contains(&t)))).collect();
        let (before, after) = replaced(Removal::Shuffled, 3, &factors);
        assert_eq!((&after[..15], &after[90..]), (&before[..15], &before[90..]));
        assert_ne!(after[15..90], before[15..90]);
        let sorted = |bases: &[u8]| {
            let mut bases = bases.to_vec();
            bases.sort_unstable();
            bases
        };
        assert_eq!(sorted(&after[15..90]), sorted(&before[15..90]));
        // Overlapping 3-mers: tokens 20 to 89 are hidden, but kept ones cover bases up to 21 and
        // from 90 on.
        let factors: Vec<f32> =
            (0..118).map(|t| f32::from(u8::from(!(20..90).contains(&t)))).collect();
        let (before, after) = replaced(Removal::Shuffled, 1, &factors);
        assert_eq!((&after[..22], &after[90..]), (&before[..22], &before[90..]));
        assert_ne!(after[22..90], before[22..90]);
    }
}
