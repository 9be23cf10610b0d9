//! Exponentials and the error function as branch-free polynomials, so that loops over them are
//! vectorised.

use crate::vectorized::fma;

/// log₂ e.
pub(crate) const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// 2ˣ within 3e-7 of its size for x in [-126, 127]; smaller x give 2⁻¹²⁶, NaN stays NaN.
///
/// The nearest whole number goes into the exponent, the rest in [-½, ½] through the Taylor
/// polynomial of degree 6.
#[inline(always)]
pub(crate) fn exp2<const FUSED: bool>(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -126.0 { -126.0 } else { x };
    let shifted = x + ROUND;
    let f = x - (shifted - ROUND);
    let mut p = 1.540_353e-4;
    for coefficient in
        [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 2.402_265e-1, std::f32::consts::LN_2, 1.0]
    {
        p = fma::<FUSED>(p, f, coefficient);
    }
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<const FUSED: bool>(x: f32) -> f32 {
    exp2::<FUSED>(x * LOG2_E)
}

/// erf within 5e-7: the rational minimax approximation `x P(x²) / Q(x²)` on [-4, 4] with the
/// coefficients of Eigen's `generic_fast_erf_float`, beyond which erf is ±1 in f32.
#[inline(always)]
pub(crate) fn erf<const FUSED: bool>(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let square = x * x;
    let mut numerator = -2.726_142_3e-10;
    for coefficient in [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        numerator = fma::<FUSED>(numerator, square, coefficient);
    }
    let mut denominator = -1.456_607_2e-5;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        denominator = fma::<FUSED>(denominator, square, coefficient);
    }
    let inside = x * numerator / denominator;
    let one = if x < 0.0 { -1.0 } else { 1.0 };
    if x * x < 16.0 { inside } else { one * (x * x * 0.0625) }
}
