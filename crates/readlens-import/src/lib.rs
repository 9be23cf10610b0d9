//! Classifiers that were trained elsewhere, as classifiers of readlens.
//!
//! [`read`] takes a directory as Hugging Face's `save_pretrained` writes it, of a model
//! `…ForSequenceClassification`, and gives its shape, its labels and its tensors under the names
//! that `readlens-nn` has for them. Rows of the token embedding are then still in the order of the
//! model's own vocabulary; [`Imported::arrange`] puts them into ours.
//!
//! What changes the computation is read from `config.json` and nothing is guessed: a field that is
//! not known, or has a value that is not computed here, is refused by name. So is a tensor that the
//! architecture has no place for, and one that is missing. A `pytorch_model.bin` is read without
//! running it.

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
