/// Tokens joined to the features of LIME, which are the players of kernel SHAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    tokens: usize,
    length: usize,
}

impl Segments {
    /// `tokens` real tokens in runs of `length`, 1 or more; the last may be shorter.
    pub fn new(tokens: usize, length: usize) -> Self {
        Self { tokens, length: length.max(1) }
    }

    /// Number of segments.
    pub fn count(self) -> usize {
        self.tokens.div_ceil(self.length)
    }

    /// The mask that keeps the segments marked in `kept`.
    pub fn factors(self, kept: &[bool]) -> Vec<f32> {
        (0..self.tokens).map(|t| f32::from(u8::from(kept[t / self.length]))).collect()
    }

    /// Scores of tokens from those of segments: each token has its part of the segment's.
    pub fn spread(self, scores: &[f64]) -> Vec<f64> {
        let tokens = (0..self.tokens).collect::<Vec<_>>();
        let of_segment = |(segment, score): (&[usize], &f64)| {
            std::iter::repeat_n(score / segment.len() as f64, segment.len())
        };
        tokens.chunks(self.length).zip(scores).flat_map(of_segment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_share_their_segment() {
        let segments = Segments::new(7, 3);
        assert_eq!(segments.count(), 3);
        assert_eq!(segments.factors(&[false, true, true]), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(segments.spread(&[3.0, -6.0, 5.0]), [1.0, 1.0, 1.0, -2.0, -2.0, -2.0, 5.0]);
        assert_eq!(Segments::new(0, 3).count(), 0);
        assert_eq!(Segments::new(1, 3).spread(&[2.0]), [2.0]);
    }
}
