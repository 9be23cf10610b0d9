//! Fused f32 kernels for the CPU, each with its gradient.
//!
//! A kernel works on plain slices on one thread; callers run sequences in parallel. Every kernel
//! is the same source compiled for several instruction sets ([`Level`]), chosen at run time, and
//! its result depends on the level but never on the number of threads. Matrix products are the
//! exception with code of its own per level ([`product`]).
//!
//! Matrices are row-major. Sequences are *ragged*: the rows of a batch stand one sequence after the
//! other without padding, so no kernel ever computes a padded position.

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
pub use tensors::{Affine, EncoderTensors, LayerTensors};
