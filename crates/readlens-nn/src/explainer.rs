//! The Explainer: token ids to mask logits. It never sees a label.

mod config;

use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};
use readlens_fault::Result;
use readlens_kernels::{ConvolutionStash, ConvolutionTensors, Engine, Kept, Precision};

use crate::batch::TokenBatch;
use crate::encoder::{Encoder, layer_norm, linear};
use crate::fused::{FusedConvolutions, Pool};
use crate::masking;
use crate::ops::{Convolution, LayerNorm, Linear, gelu};
use crate::pass::Pass;
use crate::reading::Reading;
use crate::weights::{Initial, WeightSource};

pub use config::{ExplainerConfig, ExplainerNetwork, GuideConfig, Selection};

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
    /// What a gradient adds to the token embedding, `(masks, dim)`, and its weight in the logits, `(masks)`.
    guide: Option<(Tensor, Tensor)>,
    /// What a predicted taxon adds to the token embedding, `(taxa, dim)` per rank.
    conditions: Vec<Tensor>,
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
        let masks = config.masks.len();
        let out = linear(source, "out", dim, masks)?;
        let guide = match &config.guide {
            Some(GuideConfig { is_input: true, .. }) => Some((
                source.tensor("guide.embedding", &[masks, dim], Initial::Normal(1.0))?,
                source.tensor("guide.weight", &[masks], Initial::Ones)?,
            )),
            _ => None,
        };
        let conditions = config.conditions.iter().enumerate().map(|(rank, &taxa)| {
            source.tensor(&format!("condition.{rank}.weight"), &[taxa, dim], Initial::Normal(1.0))
        });
        let conditions = conditions.collect::<Result<_>>()?;
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
        Ok(Self { config, body, out, guide, conditions, convolutions, precision, stashes })
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

    /// Whether it reads the classifier beside the tokens: then [`Explainer::forward`] needs a [`Reading`].
    pub fn needs_reading(&self) -> bool {
        self.config.guide.is_some() || !self.config.conditions.is_empty()
    }

    /// Levels of the gradient that it is given; none where it is given none.
    pub fn gradient_levels(&self) -> &[f64] {
        self.config.guide.as_ref().map_or(&[], |guide| &guide.levels)
    }

    /// Mask logits, `(batch, tokens, masks)`; those of CLS and padding mean nothing. `reading` is the classifier's, for an
    /// Explainer that needs one.
    ///
    /// # Errors
    /// Ids are out of the vocabulary, rows too long for a transformer, shapes differ, or a reading is missing.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        reading: Option<&Reading>,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let logits = self.network_logits(batch, reading, pass)?;
        let logits = self.guided(logits, batch, reading)?;
        if self.config.smoothing == 1 { Ok(logits) } else { self.smooth(&logits, batch) }
    }

    /// The network's own logits, before a gradient is added to them and before they are smoothed; what a distilled
    /// Explainer learns with.
    ///
    /// # Errors
    /// As for [`Explainer::forward`].
    pub fn network_logits(
        &self,
        batch: &TokenBatch,
        reading: Option<&Reading>,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let added = self.added(batch, reading)?;
        match &self.body {
            Body::Transformer(encoder) => {
                self.out.forward(&encoder.forward(batch, None, pass)?.states)
            }
            Body::Convolutional { token, convolutions, norm } => {
                match pass.engine_for(token, self.precision) {
                    Some(engine) => self.fused(engine, batch, added.as_ref(), pass),
                    None => {
                        let added = added.as_ref();
                        let states = composed(batch, token, added, convolutions, norm, pass)?;
                        self.out.forward(&states)
                    }
                }
            }
        }
    }

    /// What is added to the token embedding, `(batch, tokens, dim)`.
    fn added(
        &self,
        batch: &TokenBatch,
        reading: Option<&Reading>,
    ) -> candle_core::Result<Option<Tensor>> {
        let mut added: Option<Tensor> = None;
        if let Some((embedding, _)) = &self.guide {
            let gradient = gradient_of(reading)?;
            let (rows, tokens, masks) = gradient.dims3()?;
            let flat = gradient.reshape((rows * tokens, masks))?.matmul(embedding)?;
            added = Some(flat.reshape((rows, tokens, ()))?);
        }
        for (rank, embedding) in self.conditions.iter().enumerate() {
            let Some(classes) = reading.and_then(|reading| reading.classes.get(rank)) else {
                candle_core::bail!(
                    "this Explainer reads the classifier's prediction, which is missing"
                );
            };
            let classes = Tensor::new(classes.as_slice(), self.device())?;
            let rows = embedding.index_select(&classes, 0)?.unsqueeze(1)?;
            let (count, tokens) = batch.dims()?;
            let rows = match added.take() {
                Some(others) => others.broadcast_add(&rows)?,
                None => rows.broadcast_as((count, tokens, rows.dim(2)?))?.contiguous()?,
            };
            added = Some(rows);
        }
        Ok(added)
    }

    /// The logits with the gradient's part.
    fn guided(
        &self,
        logits: Tensor,
        batch: &TokenBatch,
        reading: Option<&Reading>,
    ) -> candle_core::Result<Tensor> {
        match (&self.config.guide, &self.guide) {
            (None, _) => Ok(logits),
            (Some(_), Some((_, weight))) => logits + gradient_of(reading)?.broadcast_mul(weight)?,
            (Some(guide), None) => {
                let scores = (0..logits.dim(2)?).map(|mask| {
                    masking::standardize(&logits.narrow(2, mask, 1)?.squeeze(2)?, batch)
                });
                let scores = scores.collect::<candle_core::Result<Vec<_>>>()?;
                Tensor::stack(&scores, 2)? + (gradient_of(reading)? * guide.weight)?
            }
        }
    }

    /// The convolutional network as one operation.
    fn fused(
        &self,
        engine: Engine,
        batch: &TokenBatch,
        added: Option<&Tensor>,
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
            is_added: added.is_some(),
            dropout,
            gradients,
            stash: Mutex::new(self.stashes.take()),
            pool: Arc::clone(&self.stashes),
        };
        let added = match added {
            Some(added) => added.contiguous()?,
            None => tensors.token.detach(),
        };
        if keep {
            tensors.token.apply_op2(&added, operation)
        } else {
            tensors.token.apply_op2_no_bwd(&added, &operation)
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

fn gradient_of(reading: Option<&Reading>) -> candle_core::Result<&Tensor> {
    match reading.and_then(|reading| reading.gradient.as_ref()) {
        Some(gradient) => Ok(gradient),
        None => candle_core::bail!(
            "this Explainer reads a gradient of the classifier, which is missing"
        ),
    }
}

/// The convolutional network composed of candle's operations, for any dtype and device; its states before the
/// projection.
fn composed(
    batch: &TokenBatch,
    token: &Tensor,
    added: Option<&Tensor>,
    convolutions: &[Convolution],
    norm: &LayerNorm,
    pass: &mut Pass,
) -> candle_core::Result<Tensor> {
    let (rows, tokens) = batch.dims()?;
    let present = batch.present.unsqueeze(2)?;
    let x = token.index_select(&batch.ids.flatten_all()?, 0)?;
    let x = x.reshape((rows, tokens, ()))?;
    let x = added.map_or_else(|| Ok(x.clone()), |added| &x + added)?;
    let mut x = x.broadcast_mul(&present)?;
    for convolution in convolutions {
        let update = gelu(&convolution.forward(&x)?)?;
        x = (x + update)?.broadcast_mul(&present)?;
    }
    norm.forward(&pass.silence(&x)?)
}
