//! Fused f32 kernels for the CPU, each with its gradient.
//!
//! A kernel works on plain slices on one thread; callers run sequences in parallel. Every kernel
//! is the same source compiled for several instruction sets ([`Level`]), chosen at run time, and
//! its result depends on the level but never on the number of threads. Matrix products are the
//! exception with code of its own per level ([`product`]).
//!
//! Matrices are row-major. Sequences are *ragged*: the rows of a batch stand one sequence after the
//! other without padding, so no kernel ever computes a padded position.
//!
//! ```
//! use readlens_kernels::{Affine, Engine, Level, Precision, layer_norm};
//!
//! // A layer norm undoes any scaling of its input: this is why masks act before it.
//! let norm = Affine { weight: &[1.0, 1.0][..], bias: &[0.0, 0.0][..] };
//! let (row, scaled) = ([3.0, 7.0], [0.3, 0.7]);
//! for level in Level::available() {
//!     let engine = Engine::new(level, Precision::F32);
//!     let (mut out, mut of_scaled, mut statistics) = ([0.0; 2], [0.0; 2], [[0.0; 2]]);
//!     layer_norm(engine, &row, norm, &mut out, &mut statistics);
//!     layer_norm(engine, &scaled, norm, &mut of_scaled, &mut statistics);
//!     assert!((out[1] - 1.0).abs() < 1e-5);
//!     assert!((out[1] - of_scaled[1]).abs() < 1e-3);
//! }
//! ```

mod adamw;
mod attention;
mod buffer;
mod convolution;
mod cpu;
mod embedding;
mod encoder;
mod exponential;
mod gelu;
mod layer;
mod norm;
mod rows;
mod sparse_sum;
mod table_sum;
mod tensors;
mod vectorized;

pub mod product;

pub use adamw::{AdamWStep, adamw};
pub use buffer::Buffer;
pub use convolution::{
    ConvolutionStash, ConvolutionTensors, ConvolutionTokens, ConvolutionWork, Convolutions,
};
pub use cpu::{Engine, Level, Precision};
pub use embedding::{MaskSite, Tokens};
pub use encoder::{Encoder, EncoderDropout, EncoderShape, EncoderStash, EncoderWork, Output};
pub use gelu::gelu;
pub use layer::{Kept, NormPlace};
pub use norm::layer_norm;
pub use rows::add;
pub use sparse_sum::{SparseRows, sparse_entry, sparse_value};
pub use table_sum::{AdagradStep, Features, adagrad_rows, row_products, sum_rows};
pub use tensors::{Affine, EncoderTensors, LayerTensors};
