//! Bases from tokens, and values on tokens spread over bases, both in source orientation.

use readlens_fault::{Fault, InputFault, Result};
use readlens_kmer::{Coverage, Kmers, Tokenization};
use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};

/// What stands for a base that no token covers.
pub(crate) const NOT_COVERED: u8 = b'.';

/// The tokenization that a tokens table was written with.
///
/// # Errors
/// The file's metadata has none, or it is not one.
pub(crate) fn tokenization_of(reader: &Reader<TokenRow>) -> Result<Tokenization> {
    reader.metadata_json(KEY_TOKENIZATION, "the tokenization")
}

/// How the bases of one window follow from its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    tokenization: Tokenization,
    coverage: Coverage,
    /// Bases of the window.
    pub(crate) bases: usize,
    is_reverse: bool,
}

impl Layout {
    /// Lays out `row`; `fault` is about its place in the table.
    ///
    /// # Errors
    /// The strand is neither + nor -, or the tokens are not those of the window's bases.
    pub(crate) fn of(
        tokenization: &Tokenization,
        row: &TokenRow,
        fault: impl Fn() -> InputFault,
    ) -> Result<Self> {
        let remedy = "tokenize again";
        let is_reverse = match row.strand.as_str() {
            "+" => false,
            "-" => true,
            other => {
                return Err(fault()
                    .expected("strand + or -")
                    .found(format!("{other:?}"))
                    .remedy(remedy)
                    .into());
            }
        };
        let bases = tokenization.laid_bases(row.start, row.end, &row.tokens, fault)?;
        let coverage = tokenization.coverage(&row.tokens);
        Ok(Self { tokenization: tokenization.clone(), coverage, bases, is_reverse })
    }

    /// Real tokens, CLS left out.
    pub(crate) fn tokens(&self) -> usize {
        self.coverage.len()
    }

    /// The window's letters from `start` to `end`; [`NOT_COVERED`] where no token is.
    ///
    /// # Errors
    /// A token is in no vocabulary, or overlapping k-mers disagree.
    pub(crate) fn letters(
        &self,
        tokens: &[u32],
        fault: impl FnOnce() -> InputFault,
    ) -> Result<Vec<u8>> {
        let mut letters = self.decoded(tokens).map_err(|e| {
            Fault::from(
                fault().expected("tokens that spell a sequence").found(e).remedy("tokenize again"),
            )
        })?;
        if self.is_reverse {
            letters = self.tokenization.alphabet.reverse_complement(&letters);
        }
        let mut out = vec![NOT_COVERED; self.bases];
        for (place, letter) in letters.iter().enumerate() {
            // The decoded bases lie at the window's start in reading direction.
            let shift = if self.is_reverse { self.bases - letters.len() } else { 0 };
            if self.is_covered(place + shift) {
                out[place + shift] = *letter;
            }
        }
        Ok(out)
    }

    /// Decoded bases in reading direction, from the first k-mer to the last.
    fn decoded(&self, tokens: &[u32]) -> Result<Vec<u8>> {
        let t = &self.tokenization;
        if !t.leaves_gaps() {
            return t.decode(tokens);
        }
        // Between two k-mers there are bases that no token holds.
        let mut letters = vec![t.alphabet.unknown_letter(); self.coverage.end()];
        for (covered, id) in self.coverage.iter().zip(t.real(tokens)) {
            if let Some(kmer) = t.letters(*id) {
                letters[covered].copy_from_slice(kmer.as_bytes());
            }
        }
        Ok(letters)
    }

    /// Whether a token covers the base at `place` (from the window's start in the source).
    fn is_covered(&self, place: usize) -> bool {
        let read = if self.is_reverse { self.bases - 1 - place } else { place };
        let Some(kmers) = self.tokenization.kmers().filter(Kmers::leave_gaps) else {
            return read < self.coverage.end();
        };
        let token = (read / kmers.stride as usize).min(self.tokens().saturating_sub(1));
        self.tokens() > 0 && self.coverage.of(token).contains(&read)
    }

    /// Mean of the values of the tokens that cover each base; 0 where none does.
    ///
    /// `values`: one per real token. One value per base comes back, from start to end.
    pub(crate) fn spread(&self, values: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0_f32; self.bases];
        let mut counts = vec![0_u32; self.bases];
        for (covered, value) in self.coverage.iter().zip(values) {
            for place in covered {
                let place = if self.is_reverse { self.bases - 1 - place } else { place };
                sums[place] += value;
                counts[place] += 1;
            }
        }
        sums.iter().zip(counts).map(|(sum, n)| if n == 0 { 0.0 } else { sum / n as f32 }).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use readlens_kmer::Alphabet;

    fn layout(k: u32, stride: u32, source: &[u8], strand: &str) -> (Layout, Vec<u32>) {
        let tokenization = Tokenization::new(Alphabet::Dna, k, stride, true).unwrap();
        let read = match strand {
            "-" => Alphabet::Dna.reverse_complement(source),
            _ => source.to_vec(),
        };
        let mut tokens = Vec::new();
        tokenization.encode(&read, &mut tokens);
        let row = TokenRow {
            id: "x".into(),
            window: 0,
            start: 10,
            end: 10 + source.len() as u32,
            strand: strand.into(),
            tokens: tokens.clone(),
            split: None,
            taxa: vec![],
            phase: None,
            frame_gap: None,
        };
        (Layout::of(&tokenization, &row, || Fault::input("t")).unwrap(), tokens)
    }

    fn letters(k: u32, stride: u32, source: &[u8], strand: &str) -> String {
        let (layout, tokens) = layout(k, stride, source, strand);
        String::from_utf8(layout.letters(&tokens, || Fault::input("t")).unwrap()).unwrap()
    }

    #[test]
    fn letters_are_those_of_the_source_on_either_strand() {
        assert_eq!(letters(3, 3, b"ACGTTGCA", "+"), "ACGTTG..");
        assert_eq!(letters(3, 3, b"ACGTTGCA", "-"), "..GTTGCA");
        assert_eq!(letters(3, 1, b"ACGTTGCA", "-"), "ACGTTGCA");
        assert_eq!(letters(2, 3, b"ACGTTGCA", "+"), "AC.TT.CA");
        assert_eq!(letters(2, 3, b"ACGTTGC", "-"), "..GT.GC");
        assert_eq!(letters(3, 3, b"ACGNTG", "+"), "ACGNNN");
    }

    #[test]
    fn values_are_averaged_where_tokens_overlap_and_turned_on_the_reverse_strand() {
        let (forward, _) = layout(2, 1, b"ACGT", "+");
        assert_eq!(forward.spread(&[1.0, 0.0, 0.5]), [1.0, 0.5, 0.25, 0.5]);
        let (reverse, _) = layout(2, 2, b"ACGTA", "-");
        assert_eq!(reverse.spread(&[1.0, 0.25]), [0.0, 0.25, 0.25, 1.0, 1.0]);
    }
}
