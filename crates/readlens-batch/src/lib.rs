//! Token tables to padded tensors: the only bridge between tables and networks.
//!
//! [`Dataset`] holds a whole split for training; [`WindowStream`] gives any table in chunks for
//! inference, in constant memory. Both check that the rows fit the network. [`Bound`] opens a
//! classifier with the windows that it reads. [`Model`] is whatever answers for windows: a
//! classifier of ours, or a program of somebody else's.
//!
//! A table is divided among machines by whole chunks, so that merged shards equal one run:
//!
//! ```
//! use readlens_batch::Shard;
//!
//! let [first, second]: [Shard; 2] = ["1/2".parse()?, "2/2".parse()?];
//! assert_eq!(first.rows(1200), 0..512);
//! assert_eq!(second.rows(1200), 512..1200);
//! assert!("3/2".parse::<Shard>().is_err());
//! # Ok::<(), String>(())
//! ```

mod augment;
mod blocks;
mod bound;
mod dataset;
mod inference;
mod masks;
mod model;
mod options;
mod permute;
mod stream;
mod wrong_classes;

pub use augment::Augmentation;
pub use blocks::{BlockMasks, block_mask};
pub use bound::{Bound, check_tokenization};
pub use dataset::{Dataset, Window, as_read};
pub use inference::{
    explain, for_each_batch, most_likely, most_likely_classes, predict, probabilities,
    relative_entropy,
};
pub use masks::{MaskKind, RandomMasks};
pub use model::{Model, ModelSource, Probabilities, log_of, needs_a_network};
pub use options::{
    AveragingOptions, ComputeOptions, DeviceOption, InferenceOptions, ModelOptions, PrecisionOption,
};
pub use readlens_predictor::{Command, Description};
pub use stream::{
    CHUNKS_AT_ONCE, Chunk, Shard, WindowStream, check_lengths, tokenization_of, too_long,
};
pub use wrong_classes::WrongClasses;
