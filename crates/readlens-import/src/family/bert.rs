//! BERT, and BERTax as `scripts/bertax_to_safetensors.py` writes it: learned positions, norms
//! behind each sum, a pooler over CLS.

use readlens_fault::Result;
use readlens_nn::{Architecture, EncoderConfig, FeedForward, MaskSite, NormPlace};
use serde_json::Value;

use super::{Family, Sizes, checked, first_type, join_attention};
use crate::config::Settings;
use crate::imported::Imported;
use crate::labels::{only_rank, ranks};
use crate::tensors::{Named, Tensors};

/// Most token types.
const MOST_TYPES: u64 = 1 << 10;

/// What DNABERT's fork of transformers wrote beside, for a recurrent classifier that this one is
/// not.
const OF_DNABERT: [&str; 5] = ["num_rnn_layer", "rnn", "rnn_dropout", "rnn_hidden", "split"];

/// What transformers calls the GELU that is approximated by a hyperbolic tangent.
const APPROXIMATED: [&str; 2] = ["gelu_new", "gelu_pytorch_tanh"];

pub(super) fn read(family: Family, settings: &Settings, mut tensors: Tensors) -> Result<Imported> {
    let known = ["gelu"].into_iter().chain(APPROXIMATED).map(Value::from);
    settings.must_be("hidden_act", &known.collect::<Vec<_>>())?;
    let unit = match settings.text("hidden_act")? {
        Some(name) if APPROXIMATED.contains(&name) => FeedForward::GeluTanh,
        _ => FeedForward::Gelu,
    };
    settings.must_be("position_embedding_type", &[Value::from("absolute")])?;
    for name in OF_DNABERT {
        settings.get(name);
    }
    let Sizes { vocabulary, dim, layers, heads, feed_forward, positions } = Sizes::read(settings)?;
    let types = settings.maybe_size("type_vocab_size", MOST_TYPES)?.unwrap_or(2);
    let norm_epsilon = settings.epsilon("layer_norm_eps", 1e-12)?;
    settings.token("pad_token_id", vocabulary)?;
    let ranks = match family {
        Family::Bertax => ranks(settings)?,
        _ => only_rank(settings)?,
    };
    settings.refuse_others()?;
    let encoder = EncoderConfig {
        vocabulary,
        max_tokens: positions,
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
            unit,
            token_type: true,
            norm_epsilon: Some(norm_epsilon),
            ..Architecture::default()
        },
    };
    checked(settings, &encoder)?;

    let mut named = Named::default();
    let embeddings = |part: &str| format!("bert.embeddings.{part}");
    let of_tokens = embeddings("word_embeddings.weight");
    named.put("tok.weight", tensors.take(&of_tokens, &[vocabulary, dim])?);
    let of_places = embeddings("position_embeddings.weight");
    named.put("pos", tensors.take(&of_places, &[positions, dim])?);
    let of_types = embeddings("token_type_embeddings.weight");
    named.put("type", first_type(&mut tensors, &of_types, types, dim)?);
    named.layer("emb_ln", tensors.norm(&embeddings("LayerNorm"), dim)?);
    for i in 0..layers {
        let (block, layer) = (format!("blocks.{i}"), format!("bert.encoder.layer.{i}"));
        join_attention(&mut named, &mut tensors, (&block, &layer), dim)?;
        let mut put = |own: &str, layer| named.layer(&format!("{block}.{own}"), layer);
        put("out", tensors.linear(&format!("{layer}.attention.output.dense"), dim, dim)?);
        put("ln1", tensors.norm(&format!("{layer}.attention.output.LayerNorm"), dim)?);
        put("ff1", tensors.linear(&format!("{layer}.intermediate.dense"), dim, feed_forward)?);
        put("ff2", tensors.linear(&format!("{layer}.output.dense"), feed_forward, dim)?);
        put("ln2", tensors.norm(&format!("{layer}.output.LayerNorm"), dim)?);
    }
    named.layer("pooler", tensors.linear("bert.pooler.dense", dim, dim)?);
    let mut width = dim;
    for (i, rank) in ranks.iter().enumerate() {
        // A head of BERTax also sees what those above it say, which comes first, as in our own.
        let head = match family {
            Family::Bertax => format!("classifier.{i}"),
            _ => "classifier".to_owned(),
        };
        named.layer(&format!("heads.{i}"), tensors.linear(&head, width, rank.taxa.len())?);
        width += rank.taxa.len();
    }
    let unused = tensors.unused(|name| {
        name.starts_with("cls.")
            || ["position_ids", "token_type_ids"].iter().any(|part| *name == embeddings(part))
    })?;
    Ok(Imported::new(family, encoder, ranks, named.finish(), unused))
}
