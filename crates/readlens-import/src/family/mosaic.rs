//! MosaicBERT: slopes of attention in the place of positions, gated feed-forward units, norms
//! behind each sum, a pooler over CLS.

use readlens_fault::Result;
use readlens_nn::{
    Architecture, EncoderConfig, FeedForward, MAX_TOKENS, MaskSite, NormPlace, Positions,
};
use serde_json::Value;

use super::{Family, Sizes, checked, first_type};
use crate::config::Settings;
use crate::imported::Imported;
use crate::labels::only_rank;
use crate::tensors::{Named, Tensors};

/// Most tokens of a row. There is no table of positions to end, but attention takes memory with the
/// square of them.
const MOST_TOKENS: usize = 1 << 14;
/// Most token types.
const MOST_TYPES: u64 = 1 << 10;

pub(super) fn read(settings: &Settings, mut tensors: Tensors) -> Result<Imported> {
    settings.must_be("hidden_act", &[Value::from("gelu")])?;
    // Written by the class that it derives from; its code reads it nowhere.
    settings.get("position_embedding_type");
    settings.maybe_size("alibi_starting_size", MAX_TOKENS as u64)?;
    let Sizes { vocabulary, dim, layers, heads, feed_forward, .. } = Sizes::read(settings)?;
    let types = settings.maybe_size("type_vocab_size", MOST_TYPES)?.unwrap_or(2);
    let norm_epsilon = settings.epsilon("layer_norm_eps", 1e-12)?;
    settings.token("pad_token_id", vocabulary)?;
    let ranks = only_rank(settings)?;
    settings.refuse_others()?;
    let encoder = EncoderConfig {
        vocabulary,
        max_tokens: MOST_TOKENS,
        dim,
        layers,
        heads,
        feed_forward,
        patch: 1,
        norm: NormPlace::Post,
        embedding_norm: true,
        dropout: 0.0,
        mask_site: MaskSite::Embedding,
        architecture: Architecture {
            positions: Positions::Alibi,
            unit: FeedForward::GatedGelu,
            token_type: true,
            norm_epsilon: Some(norm_epsilon),
            end: false,
        },
    };
    checked(settings, &encoder)?;

    let mut named = Named::default();
    let embeddings = |part: &str| format!("bert.embeddings.{part}");
    let of_tokens = embeddings("word_embeddings.weight");
    named.put("tok.weight", tensors.take(&of_tokens, &[vocabulary, dim])?);
    let of_types = embeddings("token_type_embeddings.weight");
    named.put("type", first_type(&mut tensors, &of_types, types, dim)?);
    named.layer("emb_ln", tensors.norm(&embeddings("LayerNorm"), dim)?);
    for i in 0..layers {
        let layer = format!("bert.encoder.layer.{i}");
        let mut put = |own: &str, layer| named.layer(&format!("blocks.{i}.{own}"), layer);
        put("qkv", tensors.linear(&format!("{layer}.attention.self.Wqkv"), dim, 3 * dim)?);
        put("out", tensors.linear(&format!("{layer}.attention.output.dense"), dim, dim)?);
        put("ln1", tensors.norm(&format!("{layer}.attention.output.LayerNorm"), dim)?);
        let gated = format!("{layer}.mlp.gated_layers");
        put("ff1", tensors.unbiased(&gated, dim, 2 * feed_forward)?);
        put("ff2", tensors.linear(&format!("{layer}.mlp.wo"), feed_forward, dim)?);
        put("ln2", tensors.norm(&format!("{layer}.mlp.layernorm"), dim)?);
    }
    named.layer("pooler", tensors.linear("bert.pooler.dense", dim, dim)?);
    named.layer("heads.0", tensors.linear("classifier", dim, ranks[0].taxa.len())?);
    let unused = tensors.unused(|name| name.starts_with("cls."))?;
    Ok(Imported::new(Family::MosaicBert, encoder, ranks, named.finish(), unused))
}
