//! Each kernel at every level of this machine: `cargo bench -p readlens-kernels`.
//!
//! The throughput of what multiplies matrices is in floating-point operations (Gelem/s is GFLOP/s),
//! that of the others in bytes read and written. `scripts/bench/kernels` sets it beside the
//! machine's peak, which is measured here too: the rate of a product whose factors lie packed in
//! the first cache.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use readlens_kernels::product::{Matrix, PackedRight, Update, left, product};
use readlens_kernels::{
    AdamWStep, Affine, Buffer, ConvolutionStash, ConvolutionTensors, ConvolutionTokens,
    ConvolutionWork, Convolutions, Encoder, EncoderShape, EncoderStash, EncoderTensors,
    EncoderWork, Engine, LayerTensors, Level, MaskSite, NormPlace, Output, Precision, Tokens,
    adamw, gelu, layer_norm,
};

const DIM: usize = 128;
const HEADS: usize = 4;
const FEED_FORWARD: usize = 512;
const TOKENS: usize = 502;
const VOCABULARY: usize = 4101;

/// Numbers in (-0.1, 0.1) from a multiplicative congruence.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = count as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 0.1
    };
    (0..count).map(|_| next()).collect()
}

fn engines() -> Vec<(String, Engine)> {
    let precisions = |level: Level| {
        let has_bf16 = level >= Level::Avx512Bf16;
        let precisions = [Some(Precision::F32), has_bf16.then_some(Precision::Bf16)];
        precisions.into_iter().flatten().map(move |p| (level, p))
    };
    let levels = Level::available().into_iter().flat_map(precisions);
    levels.map(|(level, p)| (format!("{level} {p}"), Engine::new(level, p))).collect()
}

/// Products of the shapes that an encoder of model A has, packing of the left factor included.
fn products(criterion: &mut Criterion) {
    let shapes = [
        ("peak", 96, 32, 512),
        ("product 128 x 384 x 128", 128, 384, 128),
        ("product 128 x 128 x 512", 128, 128, 512),
        ("product 32 x 256 x 32", 32, 256, 32),
        ("product 32 x 32 x 256", 32, 32, 256),
    ];
    for (name, rows, columns, depth) in shapes {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(2 * (rows * columns * depth) as u64));
        let (a, b) = (numbers(rows * depth), numbers(columns * depth));
        for (label, engine) in engines() {
            let (mut packed, mut memory) = (PackedRight::default(), Buffer::default());
            packed.pack(engine, Matrix::rows(&b, depth, columns));
            let mut out = Buffer::default();
            let out = out.floats(rows * columns);
            let matrix = Matrix::rows(&a, rows, depth);
            let is_peak = name == "peak";
            group.bench_function(BenchmarkId::from_parameter(label), |bencher| {
                if is_peak {
                    let rows = left(engine, matrix, &mut memory);
                    let packed = packed.right(engine);
                    bencher.iter(|| {
                        product(engine, &rows, &packed, Update::Set, black_box(&mut *out), columns);
                    });
                    return;
                }
                bencher.iter(|| {
                    let rows = left(engine, matrix, &mut memory);
                    let packed = packed.right(engine);
                    product(engine, &rows, &packed, Update::Set, black_box(&mut *out), columns);
                });
            });
        }
        group.finish();
    }
}

/// The weights of an encoder of one block.
struct Weights {
    token: Vec<f32>,
    position: Vec<f32>,
    square: Vec<f32>,
    ones: Vec<f32>,
    zeros: Vec<f32>,
}

impl Weights {
    fn new() -> Self {
        Self {
            token: numbers(VOCABULARY * DIM),
            position: numbers(TOKENS * DIM),
            square: numbers(FEED_FORWARD * DIM),
            ones: vec![1.0; FEED_FORWARD],
            zeros: vec![0.0; FEED_FORWARD],
        }
    }

    fn tensors(&self) -> EncoderTensors<&[f32]> {
        let norm = Affine { weight: &self.ones[..DIM], bias: &self.zeros[..DIM] };
        let linear = |outputs: usize, inputs: usize| Affine {
            weight: &self.square[..outputs * inputs],
            bias: &self.zeros[..outputs],
        };
        EncoderTensors {
            token: &self.token,
            position: &self.position,
            embedding_norm: Some(norm),
            stem: None,
            layers: vec![LayerTensors {
                norm_1: norm,
                qkv: linear(3 * DIM, DIM),
                out: linear(DIM, DIM),
                norm_2: norm,
                ff_1: linear(FEED_FORWARD, DIM),
                ff_2: linear(DIM, FEED_FORWARD),
            }],
            final_norm: Some(norm),
        }
    }
}

/// One block, with embedding and pooling, on two windows: forward, and forward with a frozen or a
/// whole backward pass.
fn encoder(criterion: &mut Criterion) {
    let weights = Weights::new();
    let lengths = [TOKENS; 2];
    let rows = TOKENS * lengths.len();
    let ids: Vec<u32> = (0..rows).map(|i| (i * 7919 % (VOCABULARY - 5) + 5) as u32).collect();
    let mask = vec![0.5; rows];
    let tokens = Tokens { ids: &ids, lengths: &lengths, mask: Some(&mask) };
    let upstream = numbers(lengths.len() * DIM);
    let linear = 2 * rows * (4 * DIM * DIM + 2 * DIM * FEED_FORWARD);
    let attention = 4 * rows * TOKENS * DIM;
    let passes = [
        ("encoder block, forward", linear + attention),
        ("encoder block, frozen", 2 * linear + 7 * attention / 2),
        ("encoder block, training", 3 * linear + 7 * attention / 2),
    ];
    for (name, operations) in passes {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(operations as u64));
        for (label, engine) in engines() {
            let shape = EncoderShape {
                dim: DIM,
                heads: HEADS,
                feed_forward: FEED_FORWARD,
                patch: 1,
                norm: NormPlace::Pre,
                site: MaskSite::Embedding,
                first_kmer: 5,
                has_cls: false,
            };
            let (tensors, output) = (weights.tensors(), Output::Mean);
            let encoder = Encoder { engine, shape, tensors, output, dropout: None };
            let (mut stash, mut work) = (EncoderStash::default(), EncoderWork::default());
            let mut sizes = Vec::new();
            let _ = weights.tensors().try_map(|tensor| {
                sizes.push(tensor.len());
                Ok::<_, ()>(())
            });
            let mut memory: Vec<Vec<f32>> = sizes.into_iter().map(|size| vec![0.0; size]).collect();
            let mut mask_gradient = vec![0f32; rows];
            group.bench_function(BenchmarkId::from_parameter(label), |bencher| {
                bencher.iter(|| {
                    let is_forward = name.ends_with("forward");
                    black_box(encoder.forward(tokens, !is_forward, &mut stash, &mut work));
                    if is_forward {
                        return;
                    }
                    let mut parts = memory.iter_mut();
                    let gradients = weights.tensors().try_map(|_| match parts.next() {
                        Some(part) => Ok(part.as_mut_slice()),
                        None => Err("one part a tensor"),
                    });
                    let mut gradients = gradients.ok().filter(|_| name.ends_with("training"));
                    let mask = Some(mask_gradient.as_mut_slice());
                    encoder.backward(
                        tokens,
                        &upstream,
                        &stash,
                        gradients.as_mut(),
                        mask,
                        &mut work,
                    );
                });
            });
        }
        group.finish();
    }
}

/// The default convolutional Explainer, forward.
fn convolutions(criterion: &mut Criterion) {
    const WIDTH: usize = 5;
    const CHANNELS: usize = 32;
    let dilations = [1, 2, 4, 8];
    let (token, weight) = (numbers(VOCABULARY * CHANNELS), numbers(CHANNELS * CHANNELS * WIDTH));
    let (ones, zeros) = (vec![1.0; CHANNELS], vec![0.0; CHANNELS]);
    let lengths = [TOKENS; 8];
    let rows = TOKENS * lengths.len();
    let ids: Vec<u32> = (0..rows).map(|i| (i * 7919 % (VOCABULARY - 5) + 5) as u32).collect();
    let mut group = criterion.benchmark_group("convolutions, forward");
    let operations = 2 * rows * dilations.len() * CHANNELS * CHANNELS * WIDTH;
    group.throughput(Throughput::Elements(operations as u64));
    for (label, engine) in engines() {
        let norm = Affine { weight: &ones[..], bias: &zeros[..] };
        let layer = Affine { weight: &weight[..], bias: &zeros[..] };
        let tokens = ConvolutionTokens { ids: &ids, lengths: &lengths, added: None };
        let network = Convolutions {
            engine,
            dim: CHANNELS,
            width: WIDTH,
            dilations: &dilations,
            outputs: 1,
            tensors: ConvolutionTensors {
                token: &token[..],
                convolutions: vec![layer; dilations.len()],
                norm,
                out: Affine { weight: &ones[..], bias: &zeros[..1] },
            },
            dropout: None,
        };
        let (mut stash, mut work) = (ConvolutionStash::default(), ConvolutionWork::default());
        group.bench_function(BenchmarkId::from_parameter(label), |bencher| {
            bencher.iter(|| black_box(network.forward(tokens, &mut stash, &mut work)));
        });
    }
    group.finish();
}

/// What is bound by memory: rows of model A's width that fit the second cache, and 1 M parameters.
fn elementwise(criterion: &mut Criterion) {
    const ROWS: usize = 512;
    let (x, ones, zeros) = (numbers(ROWS * DIM), vec![1.0; DIM], vec![0.0; DIM]);
    let mut out = vec![0f32; ROWS * DIM];
    let mut statistics = vec![[0f32; 2]; ROWS];
    for name in ["layer norm", "GELU"] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(8 * x.len() as u64));
        for level in Level::available() {
            let engine = Engine::new(level, Precision::F32);
            group.bench_function(BenchmarkId::from_parameter(level), |bencher| {
                bencher.iter(|| {
                    if name == "GELU" {
                        gelu(engine, &x, black_box(&mut out));
                    } else {
                        let norm = Affine { weight: &ones[..], bias: &zeros[..] };
                        layer_norm(engine, &x, norm, black_box(&mut out), &mut statistics);
                    }
                });
            });
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("AdamW");
    let count = 1 << 20;
    let gradient = numbers(count);
    let (mut values, mut first, mut second) =
        (numbers(count), vec![0f32; count], vec![0f32; count]);
    group.throughput(Throughput::Bytes(28 * count as u64));
    let step = AdamWStep {
        beta_1: 0.9,
        beta_2: 0.98,
        rate: 1e-3,
        root: 1.0,
        epsilon: 1e-8,
        keep: 1.0,
        scale: 1.0,
    };
    for level in Level::available() {
        let engine = Engine::new(level, Precision::F32);
        group.bench_function(BenchmarkId::from_parameter(level), |bencher| {
            bencher.iter(|| {
                let values = black_box(&mut values);
                adamw(engine, values, &gradient, &mut first, &mut second, step);
            });
        });
    }
    group.finish();
}

fn brief() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = kernels;
    config = brief();
    targets = products, encoder, convolutions, elementwise
}
criterion_main!(kernels);
