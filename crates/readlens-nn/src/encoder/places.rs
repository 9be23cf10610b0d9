//! Where tokens stand, as attention is told it.

use candle_core::{DType, Device, Result, Tensor};

use super::{Architecture, Positions};
use crate::ops::{Heads, Turn};

/// What the angles of rotary positions fall from one pair of channels to the next by, over a head.
const ROTARY_BASE: f64 = 10_000.0;

impl Architecture {
    /// For `places` positions and heads of `width` channels.
    pub(super) fn heads(
        &self,
        places: usize,
        heads: usize,
        width: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Heads> {
        let tensor = |values: Vec<f64>, shape: &[usize]| {
            Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
        };
        match self.positions {
            Positions::Learned => Ok(Heads::default()),
            Positions::Rotary => {
                let angles = angles(places, width, self.frequencies.as_deref());
                let of = |part: fn(f64) -> f64| {
                    tensor(angles.iter().map(|angle| part(*angle)).collect(), &[places, width])
                };
                let turn = Turn { cos: of(f64::cos)?, sin: of(f64::sin)? };
                Ok(Heads { turn: Some(turn), bias: None })
            }
            Positions::Alibi => {
                let mut bias = Vec::with_capacity(heads * places * places);
                for slope in slopes(heads) {
                    let of_query = |query: usize| {
                        (0..places).map(move |key| -slope * query.abs_diff(key) as f64)
                    };
                    bias.extend((0..places).flat_map(of_query));
                }
                let bias = tensor(bias, &[1, heads, places, places])?;
                Ok(Heads { turn: None, bias: Some(bias) })
            }
        }
    }
}

/// `place · base^(−2i / width)` for pair `i`, or `place` times its given frequency, both channels
/// of a pair alike; `places × width`.
fn angles(places: usize, width: usize, frequencies: Option<&[f32]>) -> Vec<f64> {
    let half = width / 2;
    let of_place = |place: usize| {
        (0..width).map(move |channel| {
            let pair = channel % half;
            let frequency = match frequencies {
                Some(given) => f64::from(given[pair]),
                None => ROTARY_BASE.powf(-2.0 * pair as f64 / width as f64),
            };
            place as f64 * frequency
        })
    };
    (0..places).flat_map(of_place).collect()
}

/// The slope of each head: `2^(−8/n), 2^(−16/n), …` for a power of two `n`. Other numbers of heads
/// have those of the power of two below them, and then every other one of the power of two above.
fn slopes(heads: usize) -> Vec<f64> {
    let of_power = |n: usize| (1..=n).map(move |i| (-8.0 * i as f64 / n as f64).exp2());
    let below = 1 << heads.ilog2();
    of_power(below).chain(of_power(2 * below).step_by(2).take(heads - below)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }

    #[test]
    fn slopes_of_any_number_of_heads() {
        assert_close(&slopes(1), &[1.0 / 256.0]);
        assert_close(&slopes(2), &[1.0 / 16.0, 1.0 / 256.0]);
        assert_close(
            &slopes(8),
            &[0.5, 0.25, 0.125, 1.0 / 16.0, 1.0 / 32.0, 1.0 / 64.0, 1.0 / 128.0, 1.0 / 256.0],
        );
        // Four heads have 1/4 to 1/256, and of the slopes of eight come the first and the third.
        assert_close(&slopes(6), &[0.25, 1.0 / 16.0, 1.0 / 64.0, 1.0 / 256.0, 0.5, 0.125]);
        assert_eq!(slopes(12).len(), 12);
    }

    #[test]
    fn angles_fall_from_pair_to_pair() {
        assert_close(&angles(2, 4, None), &[0.0, 0.0, 0.0, 0.0, 1.0, 0.01, 1.0, 0.01]);
        let given = [1.0, 0.25];
        assert_close(&angles(3, 4, Some(&given))[8..], &[2.0, 0.5, 2.0, 0.5]);
    }
}
