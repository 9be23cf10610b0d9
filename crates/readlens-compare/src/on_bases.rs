use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_kmer::{Coverage, Tokenization};
use readlens_tables::Reader;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};

/// A table of masks on tokens, laid on the bases of the windows of a tokens table.
#[derive(Debug)]
pub(crate) struct OnBases {
    masks: Reader<MaskRow>,
    tokens: Reader<TokenRow>,
    tokenization: Tokenization,
    window: Option<TokenRow>,
}

impl OnBases {
    pub(crate) fn open(masks: &Path, tokens: &Path) -> Result<Self> {
        let tokens = Reader::<TokenRow>::open(tokens)?;
        let tokenization = tokens.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
        Ok(Self { masks: Reader::open_own(masks)?, tokens, tokenization, window: None })
    }

    /// The fault about the row given last.
    pub(crate) fn fault(&self) -> InputFault {
        self.masks.fault()
    }

    /// The next mask.
    ///
    /// # Errors
    /// Its window is not among the tokens or out of their order, or it has not one value in
    /// `[0, 1]` per real token.
    pub(crate) fn next(&mut self) -> Result<Option<BaseRow>> {
        let Some(row) = self.masks.next().transpose()? else { return Ok(None) };
        let is_it = |token: &TokenRow| token.window == row.window && token.id == row.id;
        while !self.window.as_ref().is_some_and(is_it) {
            self.window = self.tokens.next().transpose()?;
            if self.window.is_none() {
                let expected =
                    format!("the windows of {}, in their order", self.tokens.path().display());
                let found = format!(
                    "window {} of {}, which is not there or came before",
                    row.window, row.id
                );
                let remedy = "pass the tokens that were masked, as WHAT=MASKS,TOKENS";
                return Err(self.fault().expected(expected).found(found).remedy(remedy).into());
            }
        }
        let Some(token) = &self.window else { return Ok(None) };
        let tokens = token.tokens.len().saturating_sub(usize::from(self.tokenization.cls));
        if row.mask.len() != tokens {
            return Err(self
                .fault()
                .expected(format!("{tokens} values of mask, one per real token"))
                .found(row.mask.len())
                .remedy("pass the tokens that were masked, as WHAT=MASKS,TOKENS")
                .into());
        }
        let outside = row.mask.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
        if let Some((place, value)) = outside {
            return Err(self
                .fault()
                .expected("mask values from 0 to 1")
                .found(format!("{value} at token {place}"))
                .remedy("scale the method's scores to 0 to 1, keeping their order")
                .into());
        }
        let fault = || self.tokens.fault();
        let (start, end) = (token.start, token.end);
        let length = self.tokenization.laid_bases(start, end, &token.tokens, fault)?;
        let mut mask = means(&row.mask, &self.tokenization.coverage(&token.tokens), length);
        if token.strand == "-" {
            mask.reverse();
        }
        Ok(Some(BaseRow {
            id: row.id,
            window: row.window,
            start,
            end,
            strand: token.strand.clone(),
            method: row.method,
            method_kind: row.method_kind,
            replicate: row.replicate,
            rank: row.rank,
            mask,
        }))
    }
}

/// The mean value of the tokens that cover each base, in reading direction; 0 where none does.
fn means(mask: &[f32], coverage: &Coverage, length: usize) -> Vec<f32> {
    let mut sums = vec![0f32; length];
    let mut counts = vec![0u16; length];
    for (covered, &value) in coverage.iter().zip(mask) {
        for base in covered.take_while(|&base| base < length) {
            sums[base] += value;
            counts[base] += 1;
        }
    }
    sums.iter().zip(counts).map(|(sum, count)| sum / f32::from(count.max(1))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use readlens_kmer::{Alphabet, Tokenization};

    use super::*;

    /// 3-mers at 0, 2 and 4 of 8 bases: bases 2 and 4 are in two of them, base 7 is in none.
    #[test]
    fn bases_have_the_mean_of_the_k_mers_that_cover_them() {
        let by = Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap();
        let found = means(&[1.0, 0.5, 0.0], &by.coverage(&[2, 5, 5, 5]), 8);
        assert_eq!(found, [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]);
    }
}
