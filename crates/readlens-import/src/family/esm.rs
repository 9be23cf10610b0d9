//! ESM and the Nucleotide Transformers: norms before each unit, learned or rotary positions, plain
//! or gated feed-forward units, a dense layer over CLS.

use candle_core::{DType, Tensor};
use readlens_fault::{Fault, Result};
use readlens_nn::{
    Architecture, EncoderConfig, FeedForward, MaskSite, NormPlace, Positions, RankClasses,
};
use serde_json::{Map, Value};

use super::{Family, Sizes, checked, join_attention};
use crate::config::Settings;
use crate::imported::Imported;
use crate::labels::only_rank;
use crate::tensors::{Named, Tensors};

/// Share of tokens that was hidden in training: 15 percent were chosen, and 80 percent of them had
/// the mask in their place.
const HIDDEN_IN_TRAINING: f64 = 0.15 * 0.8;

/// What a configuration says beside the sizes.
struct Shape {
    sizes: Sizes,
    positions: Positions,
    /// Id of padding, behind which the learned positions begin.
    padding: usize,
    /// Whether the word embeddings are norm before the first block.
    embedding_norm: bool,
    /// Whether embeddings are scaled for the tokens that were hidden in training.
    token_dropout: bool,
    /// Id of the mask.
    mask: Option<usize>,
    /// Whether the layers of the feed-forward unit have biases.
    biased: bool,
    norm_epsilon: f64,
    ranks: Vec<RankClasses>,
}

impl Shape {
    fn read(family: Family, settings: &Settings) -> Result<Self> {
        let activations = match family {
            Family::GatedEsm => vec!["gelu", "silu", "swish"],
            _ => vec!["gelu"],
        };
        // The unit is fixed; the field says nothing else.
        let activations: Vec<Value> = activations.into_iter().map(Value::from).collect();
        settings.must_be("hidden_act", &activations)?;
        for name in ["esmfold_config", "vocab_list", "rope_scaling", "head_dim"] {
            settings.must_be(name, &[])?;
        }
        let rotary = [("rope_theta", Value::from(1e4)), ("rope_type", Value::from("default"))];
        let rotary: Map<String, Value> =
            rotary.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        settings.must_be("rope_parameters", &[Value::Object(rotary)])?;
        settings.must_be("rope_theta", &[Value::from(1e4)])?;
        settings.must_be("is_folding_model", &[Value::Bool(false)])?;
        let sizes = Sizes::read(settings)?;
        let positions = match settings.text("position_embedding_type")? {
            None | Some("absolute") => Positions::Learned,
            Some("rotary") => Positions::Rotary,
            Some(other) => {
                return Err(settings
                    .fault("position_embedding_type")
                    .expected("absolute or rotary")
                    .found(other)
                    .remedy("a model that computes otherwise cannot be imported")
                    .into());
            }
        };
        let biased = match family {
            Family::GatedEsm => settings.flag("add_bias_fnn", true)?,
            _ => true,
        };
        let padding = settings.token("pad_token_id", sizes.vocabulary)?.unwrap_or(1);
        if padding + 2 >= sizes.positions {
            return Err(settings
                .fault("max_position_embeddings")
                .expected(format!("more than {}, which padding takes", padding + 2))
                .found(sizes.positions)
                .remedy("restore config.json as it was saved with the model")
                .into());
        }
        Ok(Self {
            positions,
            padding,
            embedding_norm: settings.flag("emb_layer_norm_before", false)?,
            token_dropout: settings.flag("token_dropout", false)?,
            mask: settings.token("mask_token_id", sizes.vocabulary)?,
            biased,
            norm_epsilon: settings.epsilon("layer_norm_eps", 1e-12)?,
            ranks: only_rank(settings)?,
            sizes,
        })
    }

    /// Places of a row, its CLS included: positions begin behind the id of padding.
    fn places(&self) -> usize {
        self.sizes.positions - self.padding - 1
    }
}

pub(super) fn read(family: Family, settings: &Settings, mut tensors: Tensors) -> Result<Imported> {
    let shape = Shape::read(family, settings)?;
    settings.refuse_others()?;
    let Sizes { vocabulary, dim, layers, heads, feed_forward, positions } = shape.sizes;
    let unit = match family {
        Family::GatedEsm => FeedForward::GatedSilu,
        _ => FeedForward::Gelu,
    };
    let mut encoder = EncoderConfig {
        vocabulary,
        max_tokens: shape.places(),
        dim,
        layers,
        heads,
        feed_forward,
        patch: 1,
        norm: NormPlace::Pre,
        embedding_norm: shape.embedding_norm,
        dropout: 0.0,
        mask_site: MaskSite::Embedding,
        architecture: Architecture {
            positions: shape.positions,
            frequencies: None,
            unit,
            token_type: false,
            norm_epsilon: Some(shape.norm_epsilon),
            end: false,
        },
    };
    checked(settings, &encoder)?;
    if shape.positions == Positions::Rotary {
        encoder.architecture.frequencies = frequencies(&mut tensors, dim / heads / 2)?;
    }

    let mut named = Named::default();
    let tokens = tensors.take("esm.embeddings.word_embeddings.weight", &[vocabulary, dim])?;
    let tokens = match shape.token_dropout {
        true => scaled(&tokens, shape.mask).map_err(|e| Fault::failed("scaling embeddings", e))?,
        false => tokens,
    };
    named.put("tok.weight", tokens);
    if shape.positions == Positions::Learned {
        let places = tensors.take(OF_PLACES, &[positions, dim])?;
        let from = places.narrow(0, shape.padding + 1, shape.places());
        let from = from.and_then(|places| places.contiguous());
        named.put("pos", from.map_err(|e| Fault::failed("reading positions", e))?);
    }
    if shape.embedding_norm {
        named.layer("emb_ln", tensors.norm("esm.embeddings.layer_norm", dim)?);
    }
    let inner = match family {
        Family::GatedEsm => 2 * feed_forward,
        _ => feed_forward,
    };
    for i in 0..layers {
        let (block, layer) = (format!("blocks.{i}"), format!("esm.encoder.layer.{i}"));
        join_attention(&mut named, &mut tensors, (&block, &layer), dim)?;
        let mut put = |own: &str, layer| named.layer(&format!("{block}.{own}"), layer);
        put("ln1", tensors.norm(&format!("{layer}.attention.LayerNorm"), dim)?);
        put("out", tensors.linear(&format!("{layer}.attention.output.dense"), dim, dim)?);
        put("ln2", tensors.norm(&format!("{layer}.LayerNorm"), dim)?);
        let (up, down) = (format!("{layer}.intermediate.dense"), format!("{layer}.output.dense"));
        if shape.biased {
            put("ff1", tensors.linear(&up, dim, inner)?);
            put("ff2", tensors.linear(&down, feed_forward, dim)?);
        } else {
            put("ff1", tensors.unbiased(&up, dim, inner)?);
            put("ff2", tensors.unbiased(&down, feed_forward, dim)?);
        }
    }
    named.layer("final_ln", tensors.norm("esm.encoder.emb_layer_norm_after", dim)?);
    named.layer("pooler", tensors.linear("classifier.dense", dim, dim)?);
    named.layer("heads.0", tensors.linear("classifier.out_proj", dim, shape.ranks[0].taxa.len())?);
    let unused = tensors.unused(is_harmless)?;
    Ok(Imported::new(family, encoder, shape.ranks, named.finish(), unused))
}

const OF_PLACES: &str = "esm.embeddings.position_embeddings.weight";

/// Frequencies of rotary positions, where the file holds them: once, or once for each layer. Those
/// of ESM-2 went through f16, and transformers computes with them.
fn frequencies(tensors: &mut Tensors, pairs: usize) -> Result<Option<Vec<f32>>> {
    let mut found: Option<Vec<f32>> = None;
    for name in tensors.names(|name| name.ends_with("rotary_embeddings.inv_freq")) {
        let tensor = tensors.take(&name, &[pairs])?;
        let values = tensor.to_vec1().map_err(|e| Fault::failed("reading frequencies", e))?;
        if found.as_ref().is_some_and(|found| *found != values) {
            return Err(tensors
                .fault(&name)
                .expected("the same frequencies in every layer")
                .found("others")
                .remedy("a model that turns its layers by different angles cannot be imported")
                .into());
        }
        found = Some(values);
    }
    Ok(found)
}

/// Heads of other tasks, and buffers that follow from the configuration. A table of positions is
/// left over only where positions are rotary.
fn is_harmless(name: &str) -> bool {
    name.starts_with("lm_head.")
        || name.starts_with("esm.contact_head.")
        || name.starts_with("esm.pooler.")
        || name == "esm.embeddings.position_ids"
        || name == OF_PLACES
}

/// Embeddings as a sequence without hidden tokens has them: all scaled by the share that was seen
/// in training, and that of the mask 0.
fn scaled(tokens: &Tensor, mask: Option<usize>) -> candle_core::Result<Tensor> {
    let seen = (tokens * (1.0 - HIDDEN_IN_TRAINING))?;
    let Some(mask) = mask else { return Ok(seen) };
    let keep = |row: usize| f32::from(u8::from(row != mask));
    let keep: Vec<f32> = (0..tokens.dim(0)?).map(keep).collect();
    let keep = Tensor::from_vec(keep, (tokens.dim(0)?, 1), tokens.device())?;
    seen.broadcast_mul(&keep.to_dtype(DType::F32)?)
}
