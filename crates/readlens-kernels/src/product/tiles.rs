//! Products of bf16 tiles with f32 sums.
#![expect(
    unsafe_code,
    reason = "tile and vector instructions take pointers, which are checked before"
)]

use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::Cell;
use std::sync::OnceLock;

use super::Update;
use crate::Level;

/// Rows of a left tile, columns of a right one.
pub(super) const SIDE: usize = 16;
/// Steps along the summed index that a tile holds.
pub(super) const STEPS: usize = 32;
/// Numbers in a tile.
pub(super) const TILE: usize = SIDE * STEPS;
/// Rows and columns of C that are computed together: two tiles each way.
pub(super) const BLOCK: usize = 2 * SIDE;

/// Sizes of a product, and how many bf16 stand for a number.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
    pub(super) parts: usize,
}

/// bf16 numbers of a packed factor of `side` rows (or columns): padded with zeros to whole blocks.
pub(super) fn size(side: usize, depth: usize, parts: usize) -> usize {
    side.next_multiple_of(BLOCK) * depth.next_multiple_of(STEPS) * parts
}

/// Whether the processor has tiles and Linux gives them to this process.
pub(crate) fn are_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        // CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE.
        let features = __cpuid_count(7, 0).edx;
        let has_tiles = features & (1 << 22) != 0 && features & (1 << 24) != 0;
        has_tiles && permission()
    })
}

/// Asks Linux for the tile registers, which a process has to do once.
fn permission() -> bool {
    #[cfg(target_os = "linux")]
    {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: the call takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

/// Multiplies packed factors.
pub(super) fn product(
    level: Level,
    shape: Shape,
    left: &[u16],
    right: &[u16],
    update: Update,
    out: &mut [f32],
    stride: usize,
) {
    let Shape { rows, columns, depth, parts } = shape;
    assert!(left.len() >= size(rows, depth, parts) && right.len() >= size(columns, depth, parts));
    assert!((rows - 1) * stride + columns <= out.len());
    let steps = depth.div_ceil(STEPS);
    let run = steps * parts * TILE;
    let has_tiles = level == Level::Amx;
    let mut spare = [0f32; BLOCK * BLOCK];
    // SAFETY: the level was asked of the processor; the assertions above bound all accesses.
    unsafe {
        if has_tiles {
            configure();
        }
        for column in (0..columns).step_by(BLOCK) {
            let right = right.as_ptr().add(column / SIDE * run);
            let width = BLOCK.min(columns - column);
            for row in (0..rows).step_by(BLOCK) {
                let left = left.as_ptr().add(row / SIDE * run);
                let height = BLOCK.min(rows - row);
                let target = out.as_mut_ptr().add(row * stride + column);
                let is_whole = width == BLOCK && height == BLOCK;
                let (place, apart, way) = if is_whole {
                    (target, stride, update)
                } else {
                    (spare.as_mut_ptr(), BLOCK, Update::Set)
                };
                match (has_tiles, parts) {
                    (true, 2) => tile_block_of_sums(left, right, run, steps, way, place, apart),
                    (true, _) => tile_block(left, right, run, steps, way, place, apart),
                    (false, _) => dot_block(left, right, run, steps, way, place, apart),
                }
                if !is_whole {
                    for (i, spare) in spare.chunks(BLOCK).take(height).enumerate() {
                        let out = std::slice::from_raw_parts_mut(target.add(i * stride), width);
                        super::panels::put(update, out, spare);
                    }
                }
            }
        }
    }
}

thread_local! {
    static IS_CONFIGURED: Cell<bool> = const { Cell::new(false) };
}

/// All eight tile registers as 16 rows of 64 bytes. A thread keeps them: to release and set them
/// again costs as much as a small product, and nothing else in the process uses tiles.
unsafe fn configure() {
    if IS_CONFIGURED.replace(true) {
        return;
    }
    #[repr(C, align(64))]
    struct Configuration([u8; 64]);
    const CONFIGURATION: Configuration = {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = SIDE as u8;
            tile += 1;
        }
        Configuration(bytes)
    };
    // SAFETY: the layout is the processor's palette 1.
    unsafe { asm!("ldtilecfg [{}]", in(reg) CONFIGURATION.0.as_ptr(), options(nostack, readonly)) };
}

/// 32 × 32 values of C: registers 0 to 3, from memory or zero, the given steps, and back to memory.
/// `$advance` is the distance between the tiles of one step and of the next.
macro_rules! block {
    ($left:ident, $right:ident, $run:ident, $steps:ident, $update:ident, $out:ident, $stride:ident,
     $advance:literal, [$($step:literal),+ $(,)?]) => {
        let bytes = $stride * size_of::<f32>();
        let below = $out.add(SIDE * $stride);
        asm!(
            "test {adds:e}, {adds:e}",
            "jz 3f",
            "tileloadd tmm0, [{out} + {bytes}*1]",
            "tileloadd tmm1, [{out} + {bytes}*1 + 64]",
            "tileloadd tmm2, [{below} + {bytes}*1]",
            "tileloadd tmm3, [{below} + {bytes}*1 + 64]",
            "jmp 2f",
            "3:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            $($step,)+
            concat!("add {a}, ", $advance),
            concat!("add {b}, ", $advance),
            concat!("add {c}, ", $advance),
            concat!("add {d}, ", $advance),
            "dec {steps}",
            "jnz 2b",
            "tilestored [{out} + {bytes}*1], tmm0",
            "tilestored [{out} + {bytes}*1 + 64], tmm1",
            "tilestored [{below} + {bytes}*1], tmm2",
            "tilestored [{below} + {bytes}*1 + 64], tmm3",
            adds = in(reg) u32::from($update == Update::Add),
            out = in(reg) $out,
            below = in(reg) below,
            bytes = in(reg) bytes,
            a = inout(reg) $left => _,
            b = inout(reg) $right => _,
            c = inout(reg) $left.add($run) => _,
            d = inout(reg) $right.add($run) => _,
            row = in(reg) 64usize,
            steps = inout(reg) $steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    };
}

/// A block of C from tiles of plain bf16.
unsafe fn tile_block(
    left: *const u16,
    right: *const u16,
    run: usize,
    steps: usize,
    update: Update,
    out: *mut f32,
    stride: usize,
) {
    // SAFETY: as in `product`.
    unsafe {
        block!(
            left,
            right,
            run,
            steps,
            update,
            out,
            stride,
            "1024",
            [
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{c} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm7, [{d} + {row}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
            ]
        );
    }
}

/// A block of C from tiles of sums of two bf16: `Aₕ Bₕ + Aₕ Bₗ + Aₗ Bₕ`.
unsafe fn tile_block_of_sums(
    left: *const u16,
    right: *const u16,
    run: usize,
    steps: usize,
    update: Update,
    out: *mut f32,
    stride: usize,
) {
    // SAFETY: as in `product`.
    unsafe {
        block!(
            left,
            right,
            run,
            steps,
            update,
            out,
            stride,
            "2048",
            [
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{c} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm7, [{d} + {row}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{b} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{d} + {row}*1 + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm4, [{a} + {row}*1 + 1024]",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm5, [{c} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{d} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
            ]
        );
    }
}

/// 32 × 32 values of C by dot products of bf16 pairs: 8 rows × 32 columns at a time in registers.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn dot_block(
    left: *const u16,
    right: *const u16,
    run: usize,
    steps: usize,
    update: Update,
    out: *mut f32,
    stride: usize,
) {
    const ROWS: usize = 8;
    const PAIRS: usize = STEPS / 2;
    let vector = |start: *const u16| {
        // SAFETY: a row of a tile is one vector; vectors of bf16 have no invalid values.
        unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(start.cast())) }
    };
    // SAFETY: as in `product`; vectors of bf16 have no invalid values.
    unsafe {
        for top in (0..BLOCK).step_by(ROWS) {
            let left = left.add(top / SIDE * run + top % SIDE * STEPS).cast::<i32>();
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            for step in 0..steps {
                for pair in 0..PAIRS {
                    let place = step * TILE + pair * STEPS;
                    let pairs: [__m512bh; 2] =
                        [vector(right.add(place)), vector(right.add(run + place))];
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let value = *left.add(step * TILE / 2 + i * PAIRS + pair);
                        let value =
                            std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(value));
                        for (sum, pairs) in sums.iter_mut().zip(pairs) {
                            *sum = _mm512_dpbf16_ps(*sum, value, pairs);
                        }
                    }
                }
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (half, mut sum) in sums.into_iter().enumerate() {
                    let out = out.add((top + i) * stride + half * SIDE);
                    if update == Update::Add {
                        sum = _mm512_add_ps(sum, _mm512_loadu_ps(out));
                    }
                    _mm512_storeu_ps(out, sum);
                }
            }
        }
    }
}
