//! Matrix products at every level against sums in f64.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use readlens_kernels::product::{Matrix, Order, Update, left, product, right};
use readlens_kernels::{Buffer, Engine, Level, Precision};

/// Numbers in (-1, 1) from a multiplicative congruence.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn bf16(value: f32) -> f64 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    f64::from(f32::from_bits(rounded))
}

#[test]
fn every_level_multiplies() {
    let shapes = [
        (1, 1, 1),
        (3, 5, 7),
        (16, 16, 32),
        (32, 32, 32),
        (33, 31, 65),
        (100, 96, 128),
        (7, 200, 33),
    ];
    for level in Level::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            let engine = Engine::new(level, precision);
            for (m, n, k) in shapes {
                for orders in [[Order::Rows; 2], [Order::Columns; 2]] {
                    for update in [Update::Set, Update::Add] {
                        check(engine, (m, n, k), orders, update);
                    }
                }
            }
        }
    }
}

fn check(engine: Engine, (m, n, k): (usize, usize, usize), orders: [Order; 2], update: Update) {
    let gap = 3;
    let stride = |order, rows: usize, columns: usize| match order {
        Order::Rows => columns + gap,
        Order::Columns => rows + gap,
    };
    let (a_stride, b_stride) = (stride(orders[0], m, k), stride(orders[1], k, n));
    let a = numbers(1, (m.max(k)) * a_stride);
    let b = numbers(2, (n.max(k)) * b_stride);
    let at = |values: &[f32], stride: usize, order: Order, i: usize, j: usize| match order {
        Order::Rows => values[i * stride + j],
        Order::Columns => values[j * stride + i],
    };
    let before = numbers(3, m * (n + gap));
    let mut out = before.clone();
    let (mut left_buffer, mut right_buffer) = (Buffer::default(), Buffer::default());
    let packed_a = left(engine, Matrix::new(&a, a_stride, orders[0], m, k), &mut left_buffer);
    let packed_b = right(engine, Matrix::new(&b, b_stride, orders[1], k, n), &mut right_buffer);
    product(engine, &packed_a, &packed_b, update, &mut out, n + gap);
    let is_rounded = engine.precision() == Precision::Bf16;
    let read = |value: f32| if is_rounded { bf16(value) } else { f64::from(value) };
    for i in 0..m {
        for j in 0..n + gap {
            let found = f64::from(out[i * (n + gap) + j]);
            let old = f64::from(before[i * (n + gap) + j]);
            if j >= n {
                assert_eq!(found, old, "the gap was written");
                continue;
            }
            let terms = (0..k).map(|s| {
                read(at(&a, a_stride, orders[0], i, s)) * read(at(&b, b_stride, orders[1], s, j))
            });
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            let expected = if update == Update::Add { old + sum } else { sum };
            // Two bf16 hold 16 bits of a number; f32 sums lose a little too.
            let allowed = 1.2e-5 * (size + old.abs());
            assert!(
                (found - expected).abs() <= allowed,
                "{engine:?} {m}x{n}x{k} {orders:?} {update:?}: {found} is not {expected}"
            );
        }
    }
}
