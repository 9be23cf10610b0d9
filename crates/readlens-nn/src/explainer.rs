//! The Explainer: token ids to mask logits. It never sees a label.

mod config;
mod query;

use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};
use readlens_fault::{Fault, Result};
use readlens_kernels::{ConvolutionStash, ConvolutionTensors, Engine, Kept, Precision};

use crate::batch::TokenBatch;
use crate::classifier::Classifier;
use crate::encoder::Encoder;
use crate::evidence::Evidence;
use crate::fused::{FusedConvolutions, Pool};
use crate::mask_gradient::{mask_gradient, predicted_mask_gradient};
use crate::masking;
use crate::ops::{Convolution, LayerNorm, Linear, gelu};
use crate::pass::Pass;
use crate::targets::Targets;
use crate::weights::{Initial, WeightSource};

pub use config::{ExplainerConfig, ExplainerNetwork, GradientUse};
use query::{Queried, QueryNetwork};
pub use query::{QueryConfig, query_start};

#[derive(Debug)]
enum Body {
    Convolutional { token: Tensor, convolutions: Vec<Convolution>, norm: LayerNorm },
    Transformer(Box<Encoder>),
    Query(QueryNetwork),
}

/// What an Explainer is told of the frozen classifier beside the tokens.
#[derive(Debug, Default)]
pub struct Hints {
    /// The gradient at uniform masks, `(batch, tokens, masks)`: see
    /// [`crate::predicted_mask_gradient`].
    pub gradient: Option<Tensor>,
    /// What its embeddings bring and what it predicts.
    pub evidence: Option<Evidence>,
}

/// Gives every token of a sequence a mask logit.
#[derive(Debug)]
pub struct Explainer {
    config: ExplainerConfig,
    body: Body,
    out: Linear,
    /// Where the network reads a gradient: what the gradient adds to the token embedding, `(masks,
    /// dim)`, and its weight in the logits, `(masks)`.
    gradient: Option<(Tensor, Tensor)>,
    /// The same tensors, as kernels take them, where the network is convolutional.
    convolutions: Option<Arc<ConvolutionTensors<Tensor>>>,
    /// Precision of inference; training is in f32.
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
            ExplainerNetwork::Query(query) => {
                (Body::Query(QueryNetwork::new(query, source)?), query.hidden)
            }
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
                let norm = LayerNorm::new(source, "ln", *dim)?;
                (Body::Convolutional { token, convolutions, norm }, *dim)
            }
        };
        let masks = config.masks.len();
        let out = match &body {
            Body::Query(_) => Linear {
                weight: source.tensor("out.weight", &[masks, dim], Initial::Zeros)?,
                bias: source.tensor("out.bias", &[masks], Initial::Zeros)?,
            },
            Body::Transformer(_) | Body::Convolutional { .. } => {
                Linear::new(source, "out", dim, masks)?
            }
        };
        let gradient = match &config.gradient {
            Some(GradientUse::Read { .. }) => Some((
                source.tensor("guide.embedding", &[masks, dim], Initial::Normal(1.0))?,
                source.tensor("guide.weight", &[masks], Initial::Ones)?,
            )),
            Some(GradientUse::Added { .. }) | None => None,
        };
        let convolutions = match &body {
            Body::Transformer(_) | Body::Query(_) => None,
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
        Ok(Self { config, body, out, gradient, convolutions, precision, stashes })
    }

    /// Computes in `precision` where it is not trained.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let body = match self.body {
            Body::Transformer(encoder) => {
                Body::Transformer(Box::new(encoder.with_precision(precision)))
            }
            other => other,
        };
        Self { body, precision, ..self }
    }

    /// Adds the classifier's gradient at uniform masks of these `levels` to the z-scores of its
    /// logits.
    ///
    /// # Errors
    /// [`Fault::Usage`] for levels outside `(0, 1]`, a weight that is no number, or an Explainer
    /// that uses a gradient already.
    pub fn with_gradient(mut self, levels: Vec<f64>, weight: f64) -> Result<Self> {
        if self.config.gradient.is_some() {
            return Err(Fault::usage(
                "this Explainer uses the classifier's gradient already: leave out --gradient-weight",
            ));
        }
        self.config.gradient = Some(GradientUse::Added { levels, weight });
        self.config.validate()?;
        Ok(self)
    }

    /// The shape it was built with.
    pub fn config(&self) -> &ExplainerConfig {
        &self.config
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        self.out.bias.device()
    }

    /// Uniform masks at which it wants the classifier's gradient, if it uses one: then
    /// [`Explainer::forward`] needs [`crate::predicted_mask_gradient`] at these levels.
    pub fn gradient_levels(&self) -> Option<&[f64]> {
        self.config.gradient.as_ref().map(GradientUse::levels)
    }

    /// Whether it must be told something of the classifier to explain a window.
    pub fn needs_classifier(&self) -> bool {
        self.config.gradient.is_some() || matches!(self.body, Body::Query(_))
    }

    /// What it must be told of `classifier` to explain `batch`.
    ///
    /// # Errors
    /// Rows do not fit the classifier.
    pub fn hints(&self, classifier: &Classifier, batch: &TokenBatch) -> candle_core::Result<Hints> {
        self.hints_for(classifier, batch, None)
    }

    /// The same for other classes than those that the classifier predicts, where `asked` has them:
    /// for each rank of the classifier one class per row.
    ///
    /// # Errors
    /// As for [`Explainer::hints`], or `asked` has another shape.
    pub fn hints_for(
        &self,
        classifier: &Classifier,
        batch: &TokenBatch,
        asked: Option<&[Vec<u32>]>,
    ) -> candle_core::Result<Hints> {
        let explained = self.config.explained();
        let gradient = self.gradient_levels().map(|levels| match asked {
            None => predicted_mask_gradient(classifier, batch, levels, &explained),
            Some(asked) => {
                let targets: Vec<Targets> = asked.iter().map(|c| Targets::of_classes(c)).collect();
                mask_gradient(classifier, batch, &targets, levels, &explained)
            }
        });
        let queries = matches!(self.body, Body::Query(_));
        let evidence = queries.then(|| classifier.evidence(batch, asked));
        Ok(Hints { gradient: gradient.transpose()?, evidence: evidence.transpose()? })
    }

    /// Mask logits, `(batch, tokens, masks)`; those of CLS and padding are unspecified. `hints`:
    /// what [`Explainer::hints`] gave for an Explainer that needs the classifier.
    ///
    /// # Errors
    /// Ids are out of the vocabulary, rows too long for a transformer, shapes differ, or a hint is
    /// missing.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        hints: &Hints,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let logits = self.network_logits(batch, hints, pass)?;
        let logits = self.with_gradient_added(logits, batch, hints.gradient.as_ref())?;
        if self.config.smoothing == 1 { Ok(logits) } else { self.smooth(&logits, batch) }
    }

    /// The network's own logits, before a gradient is added to them and before they are smoothed;
    /// what a distilled Explainer learns with.
    ///
    /// # Errors
    /// As for [`Explainer::forward`].
    pub fn network_logits(
        &self,
        batch: &TokenBatch,
        hints: &Hints,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let added = self.embedded_gradient(hints.gradient.as_ref())?;
        match &self.body {
            Body::Query(network) => {
                let missing = "this Explainer queries the classifier, of which nothing was told";
                let evidence = hints.evidence.as_ref();
                let evidence = evidence.ok_or_else(|| candle_core::Error::msg(missing))?;
                let masks = self.config.masks.len();
                let Queried { mean, states } = network.forward(batch, evidence, masks)?;
                mean + self.out.forward(&pass.drop_out(&states)?)?
            }
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

    /// What a gradient adds to the token embedding, `(batch, tokens, dim)`, where the network reads
    /// one.
    fn embedded_gradient(&self, gradient: Option<&Tensor>) -> candle_core::Result<Option<Tensor>> {
        let Some((embedding, _)) = &self.gradient else { return Ok(None) };
        let gradient = present(gradient)?;
        let (rows, tokens, masks) = gradient.dims3()?;
        let flat = gradient.reshape((rows * tokens, masks))?.matmul(embedding)?;
        flat.reshape((rows, tokens, ())).map(Some)
    }

    /// The logits with the gradient's part.
    fn with_gradient_added(
        &self,
        logits: Tensor,
        batch: &TokenBatch,
        gradient: Option<&Tensor>,
    ) -> candle_core::Result<Tensor> {
        match (&self.config.gradient, &self.gradient) {
            (Some(GradientUse::Added { weight, .. }), _) => {
                let scores = (0..logits.dim(2)?).map(|mask| {
                    masking::standardize(&logits.narrow(2, mask, 1)?.squeeze(2)?, batch)
                });
                let scores = scores.collect::<candle_core::Result<Vec<_>>>()?;
                Tensor::stack(&scores, 2)? + (present(gradient)? * *weight)?
            }
            (Some(GradientUse::Read { .. }), Some((_, weight))) => {
                logits + present(gradient)?.broadcast_mul(weight)?
            }
            (Some(GradientUse::Read { .. }) | None, _) => Ok(logits),
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

fn present(gradient: Option<&Tensor>) -> candle_core::Result<&Tensor> {
    let missing = "this Explainer uses a gradient of the classifier, which is missing";
    gradient.ok_or_else(|| candle_core::Error::msg(missing))
}

/// The convolutional network composed of candle's operations, for any dtype and device; its states
/// before the projection.
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
    norm.forward(&pass.drop_out(&x)?)
}
