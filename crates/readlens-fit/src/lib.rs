//! The seeded training loop: sampler, schedule, optimiser, early stopping, exact resume.
//!
//! A [`Task`] says what a batch is and what its loss is; [`fit`] does the rest. Every random
//! choice is addressed by seed, epoch and step, never by a running generator, so a run that was
//! stopped and resumed ends with the same weights as one that was not, and the number of threads
//! changes nothing: a batch is always cut into the same shards, and their gradients are added in
//! the same order.
//!
//! ```
//! let shards: Vec<_> = readlens_fit::shards_of(10, 4).collect();
//! assert_eq!(shards, [0..3, 3..6, 6..9, 9..10]);
//! ```

mod adagrad;
mod adamw;
mod budget;
mod checkpoint;
mod config;
mod fitting;
mod gradients;
mod schedule;
mod shards;
mod task;
mod watch;

pub use budget::plan;
pub use checkpoint::{CHECKPOINT, Checkpoint};
pub use config::FitConfig;
pub use fitting::{Fitted, fit};
pub use readlens_nn::Loss;
pub use shards::shards_of;
pub use task::{Figure, Observer, Split, Task};
