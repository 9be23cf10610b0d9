use candle_core::Tensor;

use super::{Encoded, Encoder};
use crate::batch::TokenBatch;
use crate::pass::Pass;

impl Encoder {
    /// Encodes `batch` under `mask` by candle's operations, and gives `observe` each block's
    /// attention probabilities, first block first: `(batch, heads, positions, positions)`, the
    /// query's position before the key's; a row over the positions that are present sums to 1, and
    /// padding has 0. Rows of padding are unspecified. An end that the encoder adds has a position
    /// behind the last token of its row, and rows are one position longer.
    ///
    /// # Errors
    /// As [`Encoder::forward`], or those of `observe`.
    pub fn observe_attention(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        observe: &mut dyn FnMut(&Tensor) -> candle_core::Result<()>,
    ) -> candle_core::Result<Encoded> {
        self.composed(batch, mask, &mut Pass::composed(), Some(observe))
    }
}
