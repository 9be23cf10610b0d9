//! The Explainer: token ids to mask logits. It never sees a label.

use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};
use readlens_fault::{Fault, Result};
use readlens_kernels::{ConvolutionStash, ConvolutionTensors, Engine, Kept, Precision};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::encoder::{Encoder, EncoderConfig, check_vocabulary, layer_norm, linear};
use crate::fused::{FusedConvolutions, Pool};
use crate::ops::{Convolution, LayerNorm, Linear, gelu};
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

/// Most tokens that one convolution may span.
const MOST_REACH: usize = 1 << 14;

/// Kind and shape of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ExplainerNetwork {
    /// Residual dilated convolutions over token embeddings.
    Convolutional {
        /// Number of token ids.
        vocabulary: usize,
        /// Width of the embedding and of every layer.
        dim: usize,
        /// Tokens that a convolution spans; odd.
        width: usize,
        /// Dilation of each layer.
        dilations: Vec<usize>,
    },
    /// A transformer encoder without stem, as in the paper.
    Transformer(EncoderConfig),
}

/// Which tokens count as read: what turns mask logits into a hard mask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// Those with a mask above 1/2: the Explainer decides how many.
    Threshold,
    /// The stated share of the window's tokens with the largest logits.
    Share {
        /// In `(0, 1]`.
        share: f64,
    },
}

/// Shape of an Explainer, as `config.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainerConfig {
    /// The network.
    pub network: ExplainerNetwork,
    /// What each of its masks explains: `all`, or one rank each.
    pub masks: Vec<String>,
    /// Tokens that a mask logit is averaged over, odd; 1 for none. Longer stretches are easier to
    /// read, for the classifier and for people.
    pub smoothing: usize,
    /// Which tokens count as read.
    pub selection: Selection,
    /// How the windows it reads must be tokenized.
    pub tokenization: Tokenization,
}

impl ExplainerConfig {
    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if self.masks.is_empty() || self.masks.len() > 1 << 16 {
            return Err(Fault::usage("an Explainer gives at least one mask"));
        }
        if self.smoothing.is_multiple_of(2) || self.smoothing > 1 << 10 {
            let found = self.smoothing;
            return Err(Fault::usage(format!(
                "smoothing must be odd and below 1,024, not {found}"
            )));
        }
        if let Selection::Share { share } = self.selection
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Fault::usage(format!(
                "the share of tokens to keep must be in (0, 1], not {share}"
            )));
        }
        match &self.network {
            ExplainerNetwork::Transformer(encoder) => {
                encoder.validate()?;
                encoder.check_vocabulary(&self.tokenization)?;
                if encoder.patch > 1 {
                    return Err(Fault::usage("a transformer Explainer has no stem: set patch = 1"));
                }
                Ok(())
            }
            ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations } => {
                check_vocabulary(*vocabulary, &self.tokenization)?;
                let sound =
                    *vocabulary > 0 && *vocabulary <= 1 << 24 && *dim > 0 && *dim <= 1 << 14;
                if !sound || width.is_multiple_of(2) || *width > 1 << 10 {
                    return Err(Fault::usage(
                        "a convolutional Explainer needs a vocabulary, a dim and an odd width",
                    ));
                }
                if dilations.is_empty()
                    || dilations.iter().any(|&d| d == 0 || d * width > MOST_REACH)
                {
                    return Err(Fault::usage(format!(
                        "dilations must be one or more positive numbers, and times width at most {MOST_REACH}"
                    )));
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug)]
enum Body {
    Convolutional { token: Tensor, convolutions: Vec<Convolution>, norm: LayerNorm },
    Transformer(Box<Encoder>),
}

/// Gives every token of a sequence a mask logit.
#[derive(Debug)]
pub struct Explainer {
    config: ExplainerConfig,
    body: Body,
    out: Linear,
    /// The same tensors, as kernels take them, where the network is convolutional.
    convolutions: Option<Arc<ConvolutionTensors<Tensor>>>,
    /// Of passes that train nothing.
    precision: Precision,
    stashes: Arc<Pool<ConvolutionStash>>,
}

impl Explainer {
    /// Takes its tensors from `source`.
    ///
    /// # Errors
    /// The shape cannot work or a tensor is missing.
    pub fn new(config: &ExplainerConfig, source: &mut WeightSource) -> Result<Self> {
        config.validate()?;
        let (body, dim) = match &config.network {
            ExplainerNetwork::Transformer(encoder) => {
                (Body::Transformer(Box::new(Encoder::new(encoder, source)?)), encoder.dim)
            }
            ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations } => {
                let token =
                    source.tensor("tok.weight", &[*vocabulary, *dim], Initial::Normal(1.0))?;
                let mut convolutions = Vec::with_capacity(dilations.len());
                for (i, dilation) in dilations.iter().enumerate() {
                    let shape = [*dim, *dim, *width];
                    convolutions.push(Convolution {
                        weight: source.tensor(
                            &format!("convs.{i}.weight"),
                            &shape,
                            Initial::Glorot,
                        )?,
                        bias: source.tensor(&format!("convs.{i}.bias"), &[*dim], Initial::Zeros)?,
                        dilation: *dilation,
                    });
                }
                let norm = layer_norm(source, "ln", *dim)?;
                (Body::Convolutional { token, convolutions, norm }, *dim)
            }
        };
        let out = linear(source, "out", dim, config.masks.len())?;
        let convolutions = match &body {
            Body::Transformer(_) => None,
            Body::Convolutional { token, convolutions, norm } => {
                Some(Arc::new(ConvolutionTensors {
                    token: token.clone(),
                    convolutions: convolutions.iter().map(Convolution::tensors).collect(),
                    norm: norm.tensors(),
                    out: out.tensors(),
                }))
            }
        };
        let precision = Precision::F32;
        let (config, stashes) = (config.clone(), Arc::default());
        Ok(Self { config, body, out, convolutions, precision, stashes })
    }

    /// Computes in `precision` where it is not trained.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let body = match self.body {
            Body::Transformer(encoder) => {
                Body::Transformer(Box::new(encoder.with_precision(precision)))
            }
            convolutional @ Body::Convolutional { .. } => convolutional,
        };
        Self { body, precision, ..self }
    }

    /// The shape it was built with.
    pub fn config(&self) -> &ExplainerConfig {
        &self.config
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        self.out.bias.device()
    }

    /// Mask logits, `(batch, tokens, masks)`; those of CLS and padding mean nothing.
    ///
    /// # Errors
    /// Ids are out of the vocabulary, rows too long for a transformer, or shapes differ.
    pub fn forward(&self, batch: &TokenBatch, pass: &mut Pass) -> candle_core::Result<Tensor> {
        let logits = match &self.body {
            Body::Transformer(encoder) => {
                self.out.forward(&encoder.forward(batch, None, pass)?.states)?
            }
            Body::Convolutional { token, convolutions, norm } => {
                match pass.engine_for(token, self.precision) {
                    Some(engine) => self.fused(engine, batch, pass)?,
                    None => {
                        let states = composed(batch, token, convolutions, norm, pass)?;
                        self.out.forward(&states)?
                    }
                }
            }
        };
        if self.config.smoothing == 1 { Ok(logits) } else { self.smooth(&logits, batch) }
    }

    /// The convolutional network as one operation.
    fn fused(
        &self,
        engine: Engine,
        batch: &TokenBatch,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let (ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations }, Some(tensors)) =
            (&self.config.network, &self.convolutions)
        else {
            candle_core::bail!("a transformer has no convolutions");
        };
        let ragged = &batch.ragged;
        if let Some(id) = ragged.ids.iter().find(|&&id| id as usize >= *vocabulary) {
            candle_core::bail!("token id {id} of a vocabulary of {vocabulary}");
        }
        let padded = ragged.lengths.len() * ragged.width * dim;
        let dropout = pass.dropout().draw(padded).map(|(flags, scale)| {
            let rows = flags.chunks_exact(ragged.width * dim).zip(&ragged.lengths);
            let flags = rows.flat_map(|(row, &tokens)| &row[..tokens * dim]).copied().collect();
            Kept { flags, scale }
        });
        let gradients = pass.gradients_of(&tensors.token).cloned();
        let keep = tensors.token.track_op();
        let operation = FusedConvolutions {
            engine,
            dim: *dim,
            width: *width,
            dilations: dilations.clone(),
            outputs: self.config.masks.len(),
            tensors: Arc::clone(tensors),
            batch: Arc::clone(ragged),
            dropout,
            gradients,
            stash: Mutex::new(self.stashes.take()),
            pool: Arc::clone(&self.stashes),
        };
        if keep {
            tensors.token.apply_op1(operation)
        } else {
            tensors.token.apply_op1_no_bwd(&operation)
        }
    }

    /// The mean of each logit and its neighbours, over real tokens only.
    fn smooth(&self, logits: &Tensor, batch: &TokenBatch) -> candle_core::Result<Tensor> {
        let tokens = logits.dim(1)?;
        let width = self.config.smoothing;
        let sum = |x: &Tensor| {
            let padded = x.pad_with_zeros(1, width / 2, width / 2)?;
            let mut sum = padded.narrow(1, 0, tokens)?;
            for shift in 1..width {
                sum = (sum + padded.narrow(1, shift, tokens)?)?;
            }
            Ok::<_, candle_core::Error>(sum)
        };
        let maskable = batch.maskable.unsqueeze(2)?;
        let counts = sum(&maskable)?.maximum(1.0)?;
        sum(&logits.broadcast_mul(&maskable)?)?.broadcast_div(&counts)
    }
}

/// The convolutional network composed of candle's operations, for any dtype and device; its states before the
/// projection.
fn composed(
    batch: &TokenBatch,
    token: &Tensor,
    convolutions: &[Convolution],
    norm: &LayerNorm,
    pass: &mut Pass,
) -> candle_core::Result<Tensor> {
    let (rows, tokens) = batch.dims()?;
    let present = batch.present.unsqueeze(2)?;
    let x = token.index_select(&batch.ids.flatten_all()?, 0)?;
    let mut x = x.reshape((rows, tokens, ()))?.broadcast_mul(&present)?;
    for convolution in convolutions {
        let update = gelu(&convolution.forward(&x)?)?;
        x = (x + update)?.broadcast_mul(&present)?;
    }
    norm.forward(&pass.silence(&x)?)
}
