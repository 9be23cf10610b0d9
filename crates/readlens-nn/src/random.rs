//! Seeded streams: every random choice is addressed by what it is for, never by when it is made.

use candle_core::{DType, Device, Result, Tensor};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The stream that belongs to `seed` and `purpose`, the same in any order and on any thread.
///
/// `purpose` names what is drawn and its counters, such as `"dropout/epoch 3/step 12"`.
pub fn stream(seed: u64, purpose: &str) -> ChaCha8Rng {
    let digest = readlens_provenance::digest_bytes(format!("{seed}/{purpose}").as_bytes());
    let mut key = [0u8; 32];
    for (byte, pair) in key.iter_mut().zip(digest.as_str().as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(pair).unwrap_or("0");
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    ChaCha8Rng::from_seed(key)
}

/// One draw from the standard normal distribution (Box & Muller 1958).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Randomly zeroes activations during training (Srivastava et al. 2014).
#[derive(Debug)]
pub struct Dropout(Option<(f64, ChaCha8Rng)>);

impl Dropout {
    /// No dropout: inference, and the frozen classifier.
    pub fn off() -> Self {
        Self(None)
    }

    /// Zeroes each activation with probability `rate`, in the order of the calls.
    pub fn seeded(rate: f64, rng: ChaCha8Rng) -> Self {
        Self(Some((rate, rng)))
    }

    /// Which of the next `count` activations are kept, 0 or 1 each, and the factor of those that are; none without
    /// dropout.
    pub(crate) fn draw(&mut self, count: usize) -> Option<(Vec<u8>, f32)> {
        let rate = self.0.as_ref()?.0;
        self.draw_at(rate, count)
    }

    /// [`Dropout::draw`] with a rate of its own.
    fn draw_at(&mut self, rate: f64, count: usize) -> Option<(Vec<u8>, f32)> {
        let (_, rng) = self.0.as_mut().filter(|_| rate > 0.0)?;
        // 16 bits decide each entry: four entries a draw.
        let threshold = (rate * 65_536.0) as u16;
        let mut flags = Vec::with_capacity(count + 3);
        while flags.len() < count {
            let bits = rng.random::<u64>();
            for shift in [0, 16, 32, 48] {
                flags.push(u8::from((bits >> shift) as u16 >= threshold));
            }
        }
        flags.truncate(count);
        Some((flags, (1.0 / (1.0 - rate)) as f32))
    }

    /// `x` with a fraction of its entries zeroed and the others scaled by `1 / (1 - rate)`.
    ///
    /// # Errors
    /// candle refuses the operation.
    pub fn apply(&mut self, x: &Tensor) -> Result<Tensor> {
        let drawn = self.draw(x.elem_count());
        drop_out(x, drawn)
    }

    /// [`Dropout::apply`] with a rate of its own, for a layer that needs more or less of it.
    ///
    /// # Errors
    /// candle refuses the operation.
    pub fn apply_at(&mut self, rate: f64, x: &Tensor) -> Result<Tensor> {
        let drawn = self.draw_at(rate, x.elem_count());
        drop_out(x, drawn)
    }
}

fn drop_out(x: &Tensor, drawn: Option<(Vec<u8>, f32)>) -> Result<Tensor> {
    let Some((flags, scale)) = drawn else { return Ok(x.clone()) };
    let factors: Vec<f32> = flags.into_iter().map(|kept| f32::from(kept) * scale).collect();
    let factors = Tensor::from_vec(factors, x.shape(), &Device::Cpu)?;
    x.mul(&factors.to_dtype(x.dtype())?.to_device(x.device())?)
}

/// A tensor of normal draws with standard deviation `scale`.
pub(crate) fn normal_tensor(
    rng: &mut ChaCha8Rng,
    shape: &[usize],
    scale: f64,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| scale * normal(rng)).collect();
    Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
}
