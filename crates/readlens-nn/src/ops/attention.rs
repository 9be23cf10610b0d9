//! Softmax attention.

use candle_core::{D, Result, Tensor};

/// Added to the attention scores of padding.
const HIDDEN_SCORE: f64 = -1e9;

/// How attention sees where its positions stand, beside what is in their states.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    /// What queries and keys are turned by.
    pub(crate) turn: Option<Turn>,
    /// Added to the scores, `(1, heads, positions, positions)`, the query's position first.
    pub(crate) bias: Option<Tensor>,
}

/// Angles by which pairs of channels are turned, `(positions, dim / heads)` each. A channel of the
/// first half of a head is paired with the one as far in its second half.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
}

impl Turn {
    /// `x`: `(batch, heads, positions, dim / heads)`.
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let half = x.dim(D::Minus1)? / 2;
        let (first, second) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
        let turned = Tensor::cat(&[&second.neg()?, &first], D::Minus1)?;
        x.broadcast_mul(&self.cos)? + turned.broadcast_mul(&self.sin)?
    }
}

impl Heads {
    /// The weights of [`attention`] under them; see [`attention_probabilities`].
    pub(crate) fn probabilities(
        &self,
        qkv: &Tensor,
        present: &Tensor,
        heads: usize,
    ) -> Result<Tensor> {
        let (batch, positions, width) = qkv.dims3()?;
        let split = of_heads(qkv, heads)?;
        let scale = 1.0 / ((width / 3 / heads) as f64).sqrt();
        let (mut q, mut k) = ((split.get(0)? * scale)?, split.get(1)?);
        if let Some(turn) = &self.turn {
            (q, k) = (turn.apply(&q)?, turn.apply(&k)?);
        }
        let k = k.transpose(2, 3)?.contiguous()?;
        let hidden =
            present.affine(-HIDDEN_SCORE, HIDDEN_SCORE)?.reshape((batch, 1, 1, positions))?;
        let mut scores = q.contiguous()?.matmul(&k)?;
        if let Some(bias) = &self.bias {
            scores = scores.broadcast_add(bias)?;
        }
        candle_nn::ops::softmax(&scores.broadcast_add(&hidden)?, D::Minus1)
    }

    /// [`attention`] under them.
    pub(crate) fn attend(&self, qkv: &Tensor, present: &Tensor, heads: usize) -> Result<Tensor> {
        let (batch, positions, width) = qkv.dims3()?;
        let v = of_heads(qkv, heads)?.get(2)?.contiguous()?;
        let joined = self.probabilities(qkv, present, heads)?.matmul(&v)?;
        joined.transpose(1, 2)?.reshape((batch, positions, width / 3))
    }
}

/// Softmax attention of every position over the `present` ones (Vaswani et al. 2017).
///
/// `qkv`: `(batch, positions, 3 dim)`, rows q, k, v with contiguous heads; `present`:
/// `(batch, positions)`, 0 = padding. Returns `(batch, positions, dim)`.
///
/// # Errors
/// Shapes differ.
pub fn attention(qkv: &Tensor, present: &Tensor, heads: usize) -> Result<Tensor> {
    Heads::default().attend(qkv, present, heads)
}

/// The weights of [`attention`]; `(batch, heads, positions, positions)`, the query's position
/// before the key's.
///
/// # Errors
/// Shapes differ.
pub fn attention_probabilities(qkv: &Tensor, present: &Tensor, heads: usize) -> Result<Tensor> {
    Heads::default().probabilities(qkv, present, heads)
}

/// `(3, batch, heads, positions, dim / heads)`.
fn of_heads(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, positions, width) = qkv.dims3()?;
    qkv.reshape((batch, positions, 3, heads, width / 3 / heads))?.permute((2, 0, 3, 1, 4))
}
