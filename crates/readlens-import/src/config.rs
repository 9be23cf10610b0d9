//! `config.json` of a model: every field is either read, known to change nothing, or refused.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, InputFault, Place, Result};
use readlens_provenance::read_json;
use serde_json::{Map, Value};

/// Fields that say nothing about what a trained classifier computes: how it was trained, how text
/// would be generated, and who wrote the file.
const HARMLESS: &[&str] = &[
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "attention_probs_dropout_prob",
    "attn_implementation",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cls_token_id",
    "decoder_start_token_id",
    "directionality",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "eos_token_ids",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout_prob",
    "initializer_range",
    "keys_to_ignore_at_inference",
    "label2id",
    "length_penalty",
    "mask_token_id",
    "max_length",
    "min_length",
    "model_max_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "output_scores",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "use_bfloat16",
    "use_cache",
];

/// The fields of `config.json`.
pub(crate) struct Settings {
    file: PathBuf,
    fields: Map<String, Value>,
    /// Those that were asked for.
    read: RefCell<BTreeSet<String>>,
}

impl Settings {
    /// Reads the file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let fields = match read_json(file)? {
            Value::Object(fields) => fields,
            _ => {
                return Err(Fault::input(file)
                    .expected("a JSON object, as save_pretrained writes it")
                    .found("another value")
                    .remedy("give the directory of a model of Hugging Face's transformers")
                    .into());
            }
        };
        Ok(Self { file: file.to_path_buf(), fields, read: RefCell::default() })
    }

    /// Where it was read from.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Starts a fault about a field.
    pub(crate) fn fault(&self, name: &str) -> InputFault {
        Fault::input(&self.file).at(Place::Part(name.to_owned()))
    }

    /// The value of a field; null counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.read.borrow_mut().insert(name.to_owned());
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field has a value, which does not count as reading it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, expected: &str, found: Option<&Value>) -> Fault {
        self.fault(name)
            .expected(expected)
            .found(found.map_or("nothing".to_owned(), Value::to_string))
            .remedy("restore config.json as it was saved with the model")
            .into()
    }

    /// A whole number from `least` to `most`.
    fn whole(&self, name: &str, least: u64, most: u64, default: Option<u64>) -> Result<usize> {
        let found = self.get(name);
        let value = found.map_or(default, Value::as_u64);
        match value.filter(|value| (least..=most).contains(value)) {
            Some(value) => Ok(value as usize),
            None => Err(self.wrong(name, &format!("a whole number from {least} to {most}"), found)),
        }
    }

    /// A size of 1 to `most`.
    pub(crate) fn size(&self, name: &str, most: u64) -> Result<usize> {
        self.whole(name, 1, most, None)
    }

    /// A size of 1 to `most`, if the field has a value.
    pub(crate) fn maybe_size(&self, name: &str, most: u64) -> Result<Option<usize>> {
        self.get(name).is_some().then(|| self.size(name, most)).transpose()
    }

    /// A token id below `vocabulary`, if the field has a value.
    pub(crate) fn token(&self, name: &str, vocabulary: usize) -> Result<Option<usize>> {
        let most = vocabulary as u64 - 1;
        self.get(name).is_some().then(|| self.whole(name, 0, most, None)).transpose()
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            other => Err(self.wrong(name, "true or false", other)),
        }
    }

    /// What is added under the square root of a layer norm's variance.
    pub(crate) fn epsilon(&self, name: &str, default: f64) -> Result<f64> {
        match self.get(name) {
            None => Ok(default),
            found => match found.and_then(Value::as_f64) {
                Some(value) if (1e-20..=0.1).contains(&value) => Ok(value),
                _ => Err(self.wrong(name, "a number from 1e-20 to 0.1", found)),
            },
        }
    }

    /// Text, if the field has a value.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            other => Err(self.wrong(name, "text", other)),
        }
    }

    /// Refuses another value of a field than those that are computed here; nothing is one of them
    /// too.
    pub(crate) fn must_be(&self, name: &str, allowed: &[Value]) -> Result<()> {
        let Some(found) = self.get(name) else { return Ok(()) };
        let is_number = |a: &Value| a.as_f64().is_some_and(|a| found.as_f64() == Some(a));
        if allowed.iter().any(|a| a == found || is_number(a)) {
            return Ok(());
        }
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let expected = match allowed.as_slice() {
            [] => "nothing".to_owned(),
            some => some.join(" or "),
        };
        Err(self
            .fault(name)
            .expected(expected)
            .found(found)
            .remedy("a model that computes otherwise cannot be imported")
            .into())
    }

    /// Refuses what no family has: decoders, pruned heads, quantised weights, answers that are no
    /// classes.
    pub(crate) fn check_of_all(&self) -> Result<()> {
        let no = [Value::Bool(false)];
        for name in ["is_decoder", "is_encoder_decoder", "add_cross_attention"] {
            self.must_be(name, &no)?;
        }
        self.must_be("pruned_heads", &[Value::Object(Map::new())])?;
        self.must_be("cross_attention_hidden_size", &[])?;
        self.must_be("quantization_config", &[])?;
        self.must_be("problem_type", &[Value::from("single_label_classification")])
    }

    /// Refuses fields that were neither read nor are known to change nothing.
    pub(crate) fn refuse_others(&self) -> Result<()> {
        let read = self.read.borrow();
        let is_known =
            |name: &str| read.contains(name) || HARMLESS.contains(&name) || !self.has(name);
        match self.fields.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(self
                .fault(name)
                .expected("only fields whose part in the computation is known")
                .found(&self.fields[name.as_str()])
                .remedy("delete the field if it changes nothing that the classifier computes")
                .into()),
        }
    }
}
