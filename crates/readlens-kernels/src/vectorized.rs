//! One source, several instruction sets.

/// Compiles a function of plain loops for each vector width and adds a leading `engine` argument
/// that chooses among them. In the body `fma::<FUSED>(a, b, c)` is `a b + c`, fused where the
/// machine can.
macro_rules! vectorized {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident$(<$(const $constant:ident: $kind:ty),+>)?(
            $($argument:ident: $type:ty),* $(,)?
        ) $(-> $result:ty)? $body:block
    )+) => {$(
        $(#[$attribute])*
        #[expect(clippy::allow_attributes, reason = "lints of generated functions")]
        #[allow(clippy::too_many_arguments, reason = "a kernel names each of its slices")]
        $visibility fn $name$(<$(const $constant: $kind),+>)?(
            engine: $crate::Engine, $($argument: $type),*
        ) $(-> $result)? {
            #[inline(always)]
            fn body<const FUSED: bool $($(, const $constant: $kind)+)?>($($argument: $type),*) $(-> $result)? {
                $body
            }
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2$(<$(const $constant: $kind),+>)?($($argument: $type),*) $(-> $result)? {
                    body::<true $($(, $constant)+)?>($($argument),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512$(<$(const $constant: $kind),+>)?($($argument: $type),*) $(-> $result)? {
                    body::<true $($(, $constant)+)?>($($argument),*)
                }
                // SAFETY: an engine is only ever made after asking the processor for its level.
                #[allow(unsafe_code, reason = "the processor has what the level says")]
                match engine.level() {
                    $crate::Level::Portable => {}
                    $crate::Level::Avx2 => {
                        return unsafe { avx2$(::<$($constant),+>)?($($argument),*) };
                    }
                    _ => return unsafe { avx512$(::<$($constant),+>)?($($argument),*) },
                }
            }
            body::<false $($(, $constant)+)?>($($argument),*)
        }
    )+};
}

pub(crate) use vectorized;

/// `a b + c`, fused or not: without the instruction a fused one would be a library call.
#[inline(always)]
pub(crate) fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Numbers that are added side by side in a reduction: two 512-bit vectors. The order of additions,
/// and so the sum, is the same at every level up to fusing.
pub(crate) const LANES: usize = 32;

/// The sum of a term over one, two or three equally long slices, `lane_sum!((x, y) in (a, b) => x *
/// y)`: lane by lane, and what is left over at the end last.
macro_rules! lane_sum {
    (($x:ident) in ($a:expr) => $term:expr) => {
        $crate::vectorized::lane_sum!(($x, _unused, _too) in ($a, $a, $a) => $term)
    };
    (($x:ident, $y:ident) in ($a:expr, $b:expr) => $term:expr) => {
        $crate::vectorized::lane_sum!(($x, $y, _unused) in ($a, $b, $a) => $term)
    };
    (($x:ident, $y:ident, $z:ident) in ($a:expr, $b:expr, $c:expr) => $term:expr) => {{
        let mut lanes = [0f32; $crate::vectorized::LANES];
        let (a, a_rest) = $a.as_chunks::<{ $crate::vectorized::LANES }>();
        let (b, b_rest) = $b.as_chunks::<{ $crate::vectorized::LANES }>();
        let (c, c_rest) = $c.as_chunks::<{ $crate::vectorized::LANES }>();
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            for lane in 0..$crate::vectorized::LANES {
                let ($x, $y, $z) = (a[lane], b[lane], c[lane]);
                lanes[lane] += $term;
            }
        }
        let mut sum = $crate::vectorized::fold(lanes, |a, b| a + b);
        for ((&$x, &$y), &$z) in a_rest.iter().zip(b_rest).zip(c_rest) {
            sum += $term;
        }
        sum
    }};
}

pub(crate) use lane_sum;

/// Reduces lanes by halves, the order at every level.
#[inline(always)]
pub(crate) fn fold(lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    // Each step is an array of its own so that it stays in registers.
    macro_rules! halve {
        ($from:ident, $width:literal) => {{
            let mut half = [0f32; $width];
            for lane in 0..$width {
                half[lane] = join($from[lane], $from[lane + $width]);
            }
            half
        }};
    }
    let lanes = halve!(lanes, 16);
    let lanes = halve!(lanes, 8);
    let lanes = halve!(lanes, 4);
    let lanes = halve!(lanes, 2);
    join(lanes[0], lanes[1])
}
