//! Products of f32 panels: a block of C in registers, one outer product per step.
#![expect(
    unsafe_code,
    reason = "the innermost loop reads through pointers that are checked before it"
)]

use super::{Matrix, Order, Update};
use crate::{Level, Precision};

/// Sizes of a product.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

/// The left factor where it lies: value `(i, k)` is at `i row + k column`.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Columns of a panel: two vectors.
pub(super) fn width(level: Level) -> usize {
    match level {
        Level::Portable => 8,
        Level::Avx2 => 16,
        _ => 32,
    }
}

/// The nearest bf16, as f32.
fn rounded(value: f32) -> f32 {
    let bits = value.to_bits();
    // Round half to even, as the processor's own conversion does.
    let even = (bits >> 16) & 1;
    f32::from_bits(bits.wrapping_add(0x7fff + even) & 0xffff_0000)
}

/// Rows of the left factor, rounded to bf16, for machines without bf16 products.
pub(super) fn rounded_rows(matrix: Matrix, out: &mut [f32]) {
    let (row, column) = match matrix.order {
        Order::Rows => (matrix.stride, 1),
        Order::Columns => (1, matrix.stride),
    };
    for (i, out) in out.chunks_mut(matrix.columns.max(1)).enumerate() {
        for (k, out) in out.iter_mut().enumerate() {
            *out = rounded(matrix.values[i * row + k * column]);
        }
    }
}

/// Panels of `width` columns, one after the other; each holds its rows, the last panel filled up
/// with zeros.
pub(super) fn pack_right(matrix: Matrix, width: usize, precision: Precision, out: &mut [f32]) {
    let (depth, columns) = (matrix.rows, matrix.columns);
    for (panel, out) in out.chunks_mut((depth * width).max(1)).enumerate() {
        let first = panel * width;
        let count = width.min(columns - first);
        match matrix.order {
            Order::Rows => {
                for (k, out) in out.chunks_mut(width).enumerate() {
                    let start = k * matrix.stride + first;
                    out[..count].copy_from_slice(&matrix.values[start..start + count]);
                    out[count..].fill(0.0);
                }
            }
            Order::Columns => {
                for j in 0..width {
                    if j < count {
                        let start = (first + j) * matrix.stride;
                        let column = &matrix.values[start..start + depth];
                        for (out, value) in out[j..].iter_mut().step_by(width).zip(column) {
                            *out = *value;
                        }
                    } else {
                        out[j..].iter_mut().step_by(width).for_each(|out| *out = 0.0);
                    }
                }
            }
        }
        if precision == Precision::Bf16 {
            out.iter_mut().for_each(|value| *value = rounded(*value));
        }
    }
}

/// Computes a block of up to `ROWS` rows and one panel's columns; reads `depth` steps of both
/// factors.
///
/// # Safety
/// `left` must be readable at `i row + k column` for all `i < rows`, `k < depth`; `panel` holds
/// `depth` rows of the width; `out` holds `rows` rows of `columns` values, `stride` apart.
type Block = unsafe fn(
    left: *const f32,
    strides: (usize, usize),
    panel: *const f32,
    shape: Shape,
    update: Update,
    out: *mut f32,
    stride: usize,
);

pub(super) fn product(
    level: Level,
    shape: Shape,
    left: Strided,
    panels: &[f32],
    update: Update,
    out: &mut [f32],
    stride: usize,
) {
    let Shape { rows, columns, depth } = shape;
    let width = width(level);
    let last = |i: usize, k: usize| i * left.row + k * left.column;
    assert!(last(rows - 1, depth - 1) < left.values.len());
    assert!(columns.div_ceil(width) * width * depth <= panels.len());
    assert!((rows - 1) * stride + columns <= out.len());
    let (block, height): (Block, usize) = match level {
        Level::Portable => (portable, PORTABLE_ROWS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (x86::avx2, x86::AVX2_ROWS),
        #[cfg(target_arch = "x86_64")]
        _ => (x86::avx512, x86::AVX512_ROWS),
        #[cfg(not(target_arch = "x86_64"))]
        _ => (portable, PORTABLE_ROWS),
    };
    for (panel, first) in (0..columns).step_by(width).enumerate() {
        let part = Shape { columns: width.min(columns - first), ..shape };
        for top in (0..rows).step_by(height) {
            let part = Shape { rows: height.min(rows - top), ..part };
            // SAFETY: the assertions above bound every access; the level was asked of the
            // processor.
            unsafe {
                block(
                    left.values.as_ptr().add(top * left.row),
                    (left.row, left.column),
                    panels.as_ptr().add(panel * width * depth),
                    part,
                    update,
                    out.as_mut_ptr().add(top * stride + first),
                    stride,
                );
            }
        }
    }
}

const PORTABLE_ROWS: usize = 4;

unsafe fn portable(
    left: *const f32,
    strides: (usize, usize),
    panel: *const f32,
    shape: Shape,
    update: Update,
    out: *mut f32,
    stride: usize,
) {
    const WIDTH: usize = 8;
    let mut sums = [[0f32; WIDTH]; PORTABLE_ROWS];
    // SAFETY: as the caller promises.
    unsafe {
        for k in 0..shape.depth {
            let right = &*panel.add(k * WIDTH).cast::<[f32; WIDTH]>();
            for (i, sums) in sums.iter_mut().enumerate() {
                // A row past the last one repeats it; its sums are not used.
                let row = i.min(shape.rows - 1);
                let value = *left.add(row * strides.0 + k * strides.1);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum += value * right;
                }
            }
        }
        for (i, sums) in sums.iter().enumerate().take(shape.rows) {
            let out = std::slice::from_raw_parts_mut(out.add(i * stride), shape.columns);
            put(update, out, sums);
        }
    }
}

pub(super) fn put(update: Update, out: &mut [f32], sums: &[f32]) {
    match update {
        Update::Set => out.copy_from_slice(&sums[..out.len()]),
        Update::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Shape, Update, put};

    pub(super) const AVX2_ROWS: usize = 6;
    pub(super) const AVX512_ROWS: usize = 12;

    /// A block function for one vector type.
    macro_rules! block {
        ($name:ident, $features:literal, $rows:expr, $lanes:literal, $zero:ident, $load:ident, $store:ident,
         $splat:ident, $multiply_add:ident, $add:ident) => {
            /// See [`super::Block`].
            ///
            /// # Safety
            /// As there, and the processor must have the features.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(
                left: *const f32,
                strides: (usize, usize),
                panel: *const f32,
                shape: Shape,
                update: Update,
                out: *mut f32,
                stride: usize,
            ) {
                // SAFETY: as the caller promises.
                unsafe {
                    let mut sums = [[$zero(); 2]; $rows];
                    // A row past the last one repeats it; its sums are not used.
                    let rows: [*const f32; $rows] =
                        std::array::from_fn(|i| left.add(i.min(shape.rows - 1) * strides.0));
                    for k in 0..shape.depth {
                        let right = panel.add(k * 2 * $lanes);
                        let right = [$load(right), $load(right.add($lanes))];
                        for i in 0..$rows {
                            let value = $splat(*rows[i].add(k * strides.1));
                            sums[i][0] = $multiply_add(value, right[0], sums[i][0]);
                            sums[i][1] = $multiply_add(value, right[1], sums[i][1]);
                        }
                    }
                    for i in 0..shape.rows {
                        let out = out.add(i * stride);
                        if shape.columns == 2 * $lanes {
                            for (half, mut sum) in sums[i].into_iter().enumerate() {
                                let out = out.add(half * $lanes);
                                if update == Update::Add {
                                    sum = $add(sum, $load(out));
                                }
                                $store(out, sum);
                            }
                        } else {
                            let mut row = [0f32; 2 * $lanes];
                            $store(row.as_mut_ptr(), sums[i][0]);
                            $store(row.as_mut_ptr().add($lanes), sums[i][1]);
                            put(update, std::slice::from_raw_parts_mut(out, shape.columns), &row);
                        }
                    }
                }
            }
        };
    }

    block!(
        avx2,
        "avx2,fma",
        AVX2_ROWS,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps
    );
    block!(
        avx512,
        "avx512f",
        AVX512_ROWS,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps
    );
}
