//! f32 factors into the tiles of bf16 that [`super::tiles`] multiplies.
#![expect(unsafe_code, reason = "vector instructions take pointers, which are checked before")]

use std::arch::x86_64::*;

use super::tiles::{BLOCK, SIDE, STEPS, TILE, size};
use super::{Matrix, Order};

/// Packs a left factor: for each 16 rows, for each 32 steps, its tile of `h` and with two parts its
/// tile of `l`.
pub(super) fn pack_left(matrix: Matrix, parts: usize, out: &mut [u16]) {
    pack(matrix.rows, matrix.columns, matrix, Order::Rows, parts, out);
}

/// Packs a right factor: for each 16 columns, for each 32 steps, likewise.
pub(super) fn pack_right(matrix: Matrix, parts: usize, out: &mut [u16]) {
    pack(matrix.columns, matrix.rows, matrix, Order::Columns, parts, out);
}

/// `along` is the order in which the summed index is contiguous: rows of a left factor, columns of
/// a right one.
fn pack(side: usize, depth: usize, matrix: Matrix, along: Order, parts: usize, out: &mut [u16]) {
    assert!(out.len() >= size(side, depth, parts));
    let is_left = along == Order::Rows;
    let mut tiles = out.chunks_exact_mut(TILE * parts);
    for first in (0..side.next_multiple_of(BLOCK)).step_by(SIDE) {
        let width = SIDE.min(side.saturating_sub(first));
        for step in (0..depth).step_by(STEPS) {
            let steps = STEPS.min(depth - step);
            let Some(tile) = tiles.next() else { return };
            if width == 0 {
                tile.fill(0);
                continue;
            }
            let place = Place { width, steps, stride: matrix.stride };
            let is_along = matrix.order == along;
            let offset =
                if is_along { first * matrix.stride + step } else { step * matrix.stride + first };
            let pack = match (is_along, is_left, parts) {
                (true, true, 1) => pack_runs::<false, 1>,
                (true, true, _) => pack_runs::<false, 2>,
                (true, false, 1) => pack_runs::<true, 1>,
                (true, false, _) => pack_runs::<true, 2>,
                (false, true, 1) => pack_pairs::<true, 1>,
                (false, true, _) => pack_pairs::<true, 2>,
                (false, false, 1) => pack_pairs::<false, 1>,
                (false, false, _) => pack_pairs::<false, 2>,
            };
            // SAFETY: `Matrix::new` has checked that runs lie inside `values`; the callers have
            // asked the processor for bf16 conversions; a tile has room for 16 vectors a part.
            unsafe {
                pack(matrix.values.as_ptr().add(offset), place, tile.as_mut_ptr().cast());
            }
        }
    }
}

/// Where the numbers of a tile come from: how many runs of how many, and how far apart.
#[derive(Clone, Copy)]
struct Place {
    width: usize,
    steps: usize,
    stride: usize,
}

/// Bits of the first `count` lanes.
fn lanes(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

/// Sixteen numbers as bf16 in the low halves of 32-bit lanes, and what is left of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn rounded(x: __m512) -> (__m512i, __m512) {
    // SAFETY: both types are 256 bits without invalid values.
    let half: __m256i = unsafe { std::mem::transmute(_mm512_cvtneps_pbh(x)) };
    let half = _mm512_cvtepu16_epi32(half);
    (half, _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32::<16>(half))))
}

/// Neighbouring numbers of a contiguous run become pairs: `width` runs of `steps` numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_runs<const TRANSPOSE: bool, const PARTS: usize>(
    start: *const f32,
    place: Place,
    out: *mut __m512i,
) {
    let Place { width, steps, stride } = place;
    let zero = _mm512_setzero_si512();
    let (all, rest) = (lanes(steps), lanes(steps.saturating_sub(16)));
    // One run, as its parts.
    let run = |run: usize| -> [__m512i; PARTS] {
        if run >= width {
            return [zero; PARTS];
        }
        // SAFETY: masks leave out what is past the end of a run.
        let (a, b) = unsafe {
            let start = start.add(run * stride);
            let b = _mm512_maskz_loadu_ps(rest, start.wrapping_add(16));
            (_mm512_maskz_loadu_ps(all, start), b)
        };
        // SAFETY: both types are 512 bits without invalid values.
        let join =
            |a, b| unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a)) };
        let high = join(a, b);
        let mut parts = [high; PARTS];
        if PARTS == 2 {
            let widen =
                |half| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
            let rest_a = _mm512_sub_ps(a, widen(_mm512_castsi512_si256(high)));
            let rest_b = _mm512_sub_ps(b, widen(_mm512_extracti64x4_epi64::<1>(high)));
            parts[1] = join(rest_a, rest_b);
        }
        parts
    };
    // SAFETY: the caller gives room for 16 vectors a part.
    unsafe { store::<TRANSPOSE, PARTS>(run, out) };
}

/// Numbers of two neighbouring runs become pairs: `steps` runs of `width` numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_pairs<const TRANSPOSE: bool, const PARTS: usize>(
    start: *const f32,
    place: Place,
    out: *mut __m512i,
) {
    let Place { width, steps, stride } = place;
    let mask = lanes(width);
    let pair = |pair: usize| -> [__m512i; PARTS] {
        let run = |step: usize| {
            if step >= steps {
                return _mm512_setzero_ps();
            }
            // SAFETY: the mask leaves out what is past the end of a run.
            unsafe { _mm512_maskz_loadu_ps(mask, start.add(step * stride)) }
        };
        let join = |even, odd| _mm512_or_si512(even, _mm512_slli_epi32::<16>(odd));
        let (even, even_rest) = rounded(run(2 * pair));
        let (odd, odd_rest) = rounded(run(2 * pair + 1));
        let mut parts = [join(even, odd); PARTS];
        if PARTS == 2 {
            parts[1] = join(rounded(even_rest).0, rounded(odd_rest).0);
        }
        parts
    };
    // SAFETY: the caller gives room for 16 vectors a part.
    unsafe { store::<TRANSPOSE, PARTS>(pair, out) };
}

/// Writes 16 rows of 16 pairs, or their transpose, a tile for each part.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store<const TRANSPOSE: bool, const PARTS: usize>(
    row: impl Fn(usize) -> [__m512i; PARTS],
    out: *mut __m512i,
) {
    if !TRANSPOSE {
        for i in 0..SIDE {
            for (part, value) in row(i).into_iter().enumerate() {
                // SAFETY: as the caller promises.
                unsafe { _mm512_storeu_si512(out.add(part * SIDE + i), value) };
            }
        }
        return;
    }
    let mut tiles = [[_mm512_setzero_si512(); SIDE]; PARTS];
    for i in 0..SIDE {
        for (tile, value) in tiles.iter_mut().zip(row(i)) {
            tile[i] = value;
        }
    }
    for (part, tile) in tiles.into_iter().enumerate() {
        for (i, value) in transposed(tile).into_iter().enumerate() {
            // SAFETY: as the caller promises.
            unsafe { _mm512_storeu_si512(out.add(part * SIDE + i), value) };
        }
    }
}

/// The transpose of 16 × 16 pairs.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; SIDE]) -> [__m512i; SIDE] {
    let zero = _mm512_setzero_si512();
    let (mut a, mut b) = ([zero; SIDE], [zero; SIDE]);
    for i in 0..8 {
        a[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    for i in 0..4 {
        for half in 0..2 {
            b[4 * i + 2 * half] = _mm512_unpacklo_epi64(a[4 * i + half], a[4 * i + 2 + half]);
            b[4 * i + 2 * half + 1] = _mm512_unpackhi_epi64(a[4 * i + half], a[4 * i + 2 + half]);
        }
    }
    // b[4 i + j] now holds column 4 q + j of the rows 4 i to 4 i + 3 in its quarter q.
    for j in 0..4 {
        for pair in 0..2 {
            let (x, y) = (b[8 * pair + j], b[8 * pair + 4 + j]);
            a[8 * pair + j] = _mm512_shuffle_i32x4::<0x88>(x, y);
            a[8 * pair + 4 + j] = _mm512_shuffle_i32x4::<0xdd>(x, y);
        }
    }
    // a[8 p + j]: quarters 0 and 2 of columns j, for the rows 8 p to 8 p + 7; a[8 p + 4 + j]:
    // quarters 1 and 3.
    for j in 0..4 {
        b[j] = _mm512_shuffle_i32x4::<0x88>(a[j], a[8 + j]);
        b[8 + j] = _mm512_shuffle_i32x4::<0xdd>(a[j], a[8 + j]);
        b[4 + j] = _mm512_shuffle_i32x4::<0x88>(a[4 + j], a[12 + j]);
        b[12 + j] = _mm512_shuffle_i32x4::<0xdd>(a[4 + j], a[12 + j]);
    }
    b
}
