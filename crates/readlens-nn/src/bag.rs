//! The k-mer bag: how often each k-mer is seen, whatever its place, weighted by the mask.

use candle_core::{D, Tensor};
use readlens_fault::{Fault, Result};
use readlens_kernels::MaskSite;
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::fused_linear::linear;
use crate::ops::{Linear, gelu};
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

/// Shape of a k-mer bag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BagConfig {
    /// Width of its hidden layer.
    pub hidden: usize,
    /// Probability of zeroing a hidden activation in training.
    pub dropout: f64,
}

impl BagConfig {
    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let Self { hidden, dropout } = self;
        if *hidden == 0 || *hidden > 1 << 14 {
            return Err(Fault::usage(format!("bag must be 1 to {}, not {hidden}", 1 << 14)));
        }
        if !(0.0..1.0).contains(dropout) {
            return Err(Fault::usage(format!("bag dropout must be in [0, 1), not {dropout}")));
        }
        Ok(())
    }
}

/// A branch of the classifier beside the encoder: `gelu(W ln(1 + c) + b)` with
/// `c_v = Σ_t m_t 1[token t is k-mer v]`.
///
/// A k-mer and its reverse complement are one feature, so the branch reads both strands alike;
/// special tokens are none. The counts are a sum of one-hot embeddings, so that a mask acts on them
/// as it does on the encoder's: under [`MaskSite::Mean`] a hidden token counts as the mean k-mer.
/// The logarithm is of the counts themselves and not of fractions, which a uniform mask would not
/// change.
#[derive(Debug)]
pub(crate) struct Bag {
    config: BagConfig,
    /// Feature of each token id, `(vocabulary)` u32; `features` for special tokens.
    feature_of: Tensor,
    features: usize,
    /// The mean k-mer: fraction of all k-mers that are each feature, `(1, features)`.
    mean: Tensor,
    hidden: Linear,
    /// Logits of each rank straight from the features.
    direct: Vec<Linear>,
}

/// What the bag says of a batch.
#[derive(Debug)]
pub(crate) struct BagStates {
    /// Hidden activations, `(batch, hidden)`.
    pub(crate) hidden: Tensor,
    /// Addends of the logits, `(batch, taxa)` per rank.
    pub(crate) logits: Vec<Tensor>,
}

impl Bag {
    /// Takes its tensors, `bag.…`, from `source`; `taxa` holds the number of taxa of each rank.
    pub(crate) fn new(
        config: &BagConfig,
        tokenization: &Tokenization,
        taxa: &[usize],
        source: &mut WeightSource,
    ) -> Result<Self> {
        let (numbers, features) = tokenization.strandless_kmers();
        let mut shares = vec![0f32; features];
        for number in numbers.iter().flatten() {
            shares[*number as usize] += 1.0;
        }
        let kmers = shares.iter().sum::<f32>().max(1.0);
        shares.iter_mut().for_each(|share| *share /= kmers);
        let ids: Vec<u32> = numbers.into_iter().map(|n| n.unwrap_or(features as u32)).collect();
        let mut layer = |name: &str, out: usize, initial: Initial| {
            Ok::<_, Fault>(Linear {
                weight: source.tensor(&format!("bag.{name}.weight"), &[out, features], initial)?,
                bias: source.tensor(&format!("bag.{name}.bias"), &[out], Initial::Zeros)?,
            })
        };
        let hidden = layer("hidden", config.hidden, Initial::Glorot)?;
        // The direct way starts at zero: it learns what the hidden layer leaves.
        let direct = taxa.iter().enumerate();
        let direct: Vec<Linear> = direct
            .map(|(i, &taxa)| layer(&format!("direct.{i}"), taxa, Initial::Zeros))
            .collect::<Result<_>>()?;
        let failed = |e: candle_core::Error| Fault::failed("preparing the k-mer bag", e);
        let (dtype, device) = (hidden.bias.dtype(), hidden.bias.device().clone());
        let mean = Tensor::from_vec(shares, (1, features), &device).and_then(|m| m.to_dtype(dtype));
        Ok(Self {
            config: config.clone(),
            feature_of: Tensor::new(ids, &device).map_err(failed)?,
            features,
            mean: mean.map_err(failed)?,
            hidden,
            direct,
        })
    }

    /// `mask`: complete, `(batch, tokens)`; none leaves the batch whole.
    pub(crate) fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        site: MaskSite,
        pass: &mut Pass,
    ) -> candle_core::Result<BagStates> {
        let features = self.counts(batch, mask, site)?.affine(1.0, 1.0)?.log()?;
        let hidden = gelu(&linear(&self.hidden, &features, pass)?)?;
        let logits = self.direct.iter().map(|direct| linear(direct, &features, pass));
        Ok(BagStates {
            logits: logits.collect::<candle_core::Result<_>>()?,
            hidden: pass.drop_out_at(self.config.dropout, &hidden)?,
        })
    }

    /// Mask-weighted counts, `(batch, features)`.
    fn counts(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        site: MaskSite,
    ) -> candle_core::Result<Tensor> {
        let (rows, tokens) = batch.dims()?;
        let mask = mask.unwrap_or(&batch.present);
        // Special tokens are counted in a column of their own, which is left out. Rows lie one
        // after the other: candle's scatter_add has no gradient where it has fewer indices than
        // places.
        let columns = self.features + 1;
        let first: Vec<u32> = (0..rows).map(|row| (row * columns) as u32).collect();
        let first = Tensor::from_vec(first, (rows, 1), mask.device())?;
        let features = self.feature_of.index_select(&batch.ids.flatten_all()?, 0)?;
        let places = features.reshape((rows, tokens))?.broadcast_add(&first)?.flatten_all()?;
        let none = Tensor::zeros(rows * columns, mask.dtype(), mask.device())?;
        let counts = none.index_add(&places, &mask.flatten_all()?, 0)?.reshape((rows, columns))?;
        let counts = counts.narrow(1, 0, self.features)?;
        if site != MaskSite::Mean {
            return Ok(counts);
        }
        let hidden = ((&batch.present - mask)? * &batch.maskable)?.sum_keepdim(D::Minus1)?;
        counts + hidden.broadcast_mul(&self.mean)?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use candle_core::{DType, Device};
    use readlens_kmer::{Alphabet, CLS, UNK};

    fn bag(tokenization: &Tokenization) -> Bag {
        let mut source = WeightSource::fresh(1, DType::F64, &Device::Cpu);
        Bag::new(&BagConfig { hidden: 3, dropout: 0.0 }, tokenization, &[2], &mut source).unwrap()
    }

    /// Dimers AC, CG, GT: AC and GT are one feature, CG is its own complement.
    #[test]
    fn counts_are_sums_of_the_mask_over_both_strands() {
        let tokenization = Tokenization::new(Alphabet::Dna, 2, 1, true).unwrap();
        let mut row = Vec::new();
        tokenization.encode(b"ACGT", &mut row);
        let padded = [CLS, UNK];
        let batch = TokenBatch::unframed(&[&row, &padded], DType::F64, &Device::Cpu).unwrap();
        let mask = [[1.0, 0.25, 0.5, 0.125], [1.0, 1.0, 0.0, 0.0]];
        let mask = Tensor::new(&mask, &Device::Cpu).unwrap();
        let bag = bag(&tokenization);
        let counts = |mask, site| bag.counts(&batch, mask, site).unwrap().to_vec2::<f64>().unwrap();
        let (numbers, features) = tokenization.strandless_kmers();
        assert_eq!(features, 10);
        let place = |token: u32| numbers[token as usize].unwrap() as usize;
        let masked = counts(Some(&mask), MaskSite::Embedding);
        assert_eq!(masked[0][place(row[1])], 0.375);
        assert_eq!(masked[0][place(row[2])], 0.5);
        assert_eq!(masked[0].iter().sum::<f64>(), 0.875);
        assert_eq!(masked[1].iter().sum::<f64>(), 0.0, "UNK and CLS are no k-mers");
        assert_eq!(counts(None, MaskSite::Embedding)[0][place(row[3])], 2.0);
        // 2.125 tokens are hidden; of 16 dimers AC and GT are two and CG is one.
        let mean = counts(Some(&mask), MaskSite::Mean);
        assert!((mean[0][place(row[1])] - (0.375 + 2.125 * 2.0 / 16.0)).abs() < 1e-7);
        assert!((mean[0][place(row[2])] - (0.5 + 2.125 / 16.0)).abs() < 1e-7);
    }
}
