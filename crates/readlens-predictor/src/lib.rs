//! Speaks to a program that answers in the place of a classifier.
//!
//! A [`Program`] is a process. It reads windows and masks as an Arrow IPC stream on standard input,
//! and writes probabilities as another one on standard output. Its schema, which comes before the
//! first answer, says which ranks and taxa it knows ([`Head`]) and how it hides tokens
//! ([`Masking`]). docs/any-program.md describes the protocol for those who write such a program.
//!
//! Nothing that the program says is believed: sizes are checked before memory is taken, and
//! answers before they are used. Whatever it does wrong is a fault that names it, and ends it.
//!
//! ```
//! use readlens_predictor::Command;
//!
//! let command = Command::new("CUDA_VISIBLE_DEVICES=1 /usr/bin/python3 -u models/my_model.py");
//! assert_eq!(command.name(), "python3");
//! ```

mod answers;
mod command;
mod conversation;
mod frames;
mod heads;
mod letters;
mod process;
mod program;
mod requests;

pub use command::Command;
pub use heads::{Head, Masking};
pub use program::{Check, Description, Program};
