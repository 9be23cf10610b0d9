//! Classifiers that were trained elsewhere, as classifiers of readlens.
//!
//! [`read`] takes a directory as Hugging Face's `save_pretrained` writes it, of a model
//! `…ForSequenceClassification`, and gives its shape, its labels and its tensors under the names
//! that `readlens-nn` has for them; so it does for BERTax as `scripts/bertax_to_safetensors.py`
//! writes it. Rows of the token embedding are then still in the order of the model's own
//! vocabulary; [`Imported::arrange`] puts them into ours.
//!
//! What changes the computation is read from `config.json` and nothing is guessed: a field that is
//! not known, or has a value that is not computed here, is refused by name. So is a tensor that the
//! architecture has no place for, and one that is missing. A `pytorch_model.bin` is read without
//! running it.
//!
//! A mask multiplies the word embedding. Where a layer norm follows at once and nothing is added
//! between, as in an ESM with rotary positions and `emb_layer_norm_before`, the norm undoes every
//! factor but 0: such a model can be explained by hiding tokens, not by gradients of the mask. No
//! published model is known to be one.

mod config;
mod family;
mod heads;
mod imported;
mod labels;
mod options;
mod run;
mod tensors;
mod tokenizer;
mod weights;

pub use family::Family;
pub use imported::{Arranged, EndToken, Imported, read};
pub use options::Options;
pub use run::{Config, Paths, run};
pub use tokenizer::{Tokenizer, read_tokenizer};
