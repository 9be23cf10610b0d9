use readlens_kmer::Alphabet;

/// Marks a base that is no letter.
pub(crate) const UNKNOWN: u8 = u8::MAX;

/// Counts k-mers, a k-mer and its reverse complement as one where the alphabet has complements.
#[derive(Debug)]
pub(crate) struct Kmers {
    alphabet: Alphabet,
    k: usize,
    /// Feature of every k-mer, by its number in the order of the letters.
    features: Vec<u32>,
    count: usize,
}

impl Kmers {
    /// `k` is 1 to [`Alphabet::longest_k`].
    pub(crate) fn new(alphabet: Alphabet, k: u32) -> Self {
        let letters = alphabet.letters();
        let kmers = letters.len().pow(k);
        let mut features = vec![0; kmers];
        let mut count = 0;
        for kmer in 0..kmers {
            let other =
                if alphabet.has_complement() { complement(alphabet, kmer, k) } else { kmer };
            // The smaller of the two has come first and brought the feature.
            features[kmer] = if other < kmer { features[other] } else { count };
            count += u32::from(other >= kmer);
        }
        Self { alphabet, k: k as usize, features, count: count as usize }
    }

    /// Number of features.
    pub(crate) fn features(&self) -> usize {
        self.count
    }

    /// Replaces bases by the codes that [`Kmers::write`] reads.
    pub(crate) fn encode(&self, bases: &mut [u8]) {
        for base in bases {
            *base = self.alphabet.code(*base).unwrap_or(UNKNOWN);
        }
    }

    /// Overwrites `counts` by how often each feature occurs among the k-mers of `codes` that hold
    /// nothing but letters.
    pub(crate) fn write(&self, codes: &[u8], counts: &mut [f32]) {
        counts.fill(0.0);
        let letters = self.alphabet.letters().len();
        let kmers = self.features.len();
        let (mut kmer, mut known) = (0, 0);
        for &code in codes {
            if code == UNKNOWN {
                known = 0;
                continue;
            }
            kmer = (kmer * letters + usize::from(code)) % kmers;
            known += 1;
            if known >= self.k {
                counts[self.features[kmer] as usize] += 1.0;
            }
        }
    }
}

/// The number of the reverse complement of a k-mer.
fn complement(alphabet: Alphabet, kmer: usize, k: u32) -> usize {
    let letters = alphabet.letters();
    let mut rest = kmer;
    let mut bases = vec![0; k as usize];
    for base in bases.iter_mut().rev() {
        *base = letters[rest % letters.len()];
        rest /= letters.len();
    }
    let codes = alphabet.reverse_complement(&bases).into_iter();
    codes.fold(0, |number, base| {
        number * letters.len() + usize::from(alphabet.code(base).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(k: u32, bases: &[u8]) -> Vec<f32> {
        let kmers = Kmers::new(Alphabet::Dna, k);
        let mut codes = bases.to_vec();
        kmers.encode(&mut codes);
        let mut counts = vec![9.0; kmers.features()];
        kmers.write(&codes, &mut counts);
        counts
    }

    /// (4ᵏ + palindromes) / 2, with 4^(k/2) palindromes for even k and none for odd k.
    #[test]
    fn strands_share_their_features() {
        let features = |k| Kmers::new(Alphabet::Dna, k).features();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(features), [2, 10, 32, 136, 512, 2080, 8192]);
    }

    /// The features of k = 2 in order: AA AC AG AT CA CC CG GA GC TA; ACGTT is AC CG GT TT, that is
    /// AC CG AC AA.
    #[test]
    fn counts_are_those_of_the_hand() {
        assert_eq!(counts(2, b"ACGTT"), [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        // No k-mer over an N, and none in what is too short.
        assert_eq!(counts(2, b"ACNTT"), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(counts(2, b"A"), [0.0; 10]);
        assert_eq!(counts(2, b""), [0.0; 10]);
    }

    proptest! {
        #[test]
        fn both_strands_have_the_same_counts(bases in "[ACGTN]{0,60}", k in 1u32..8) {
            let other = Alphabet::Dna.reverse_complement(bases.as_bytes());
            prop_assert_eq!(counts(k, bases.as_bytes()), counts(k, &other));
        }
    }
}
