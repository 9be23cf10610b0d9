use candle_core::{Device, Result, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

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

    /// Whether there is none.
    pub(crate) fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Which of the next `count` activations are kept, 0 or 1 each, and the factor of those that
    /// are; none without dropout.
    pub(crate) fn draw(&mut self, count: usize) -> Option<(Vec<u8>, f32)> {
        let rate = self.0.as_ref()?.0;
        self.draw_at(rate, count)
    }

    /// [`Dropout::draw`] with a rate of its own.
    pub(crate) fn draw_at(&mut self, rate: f64, count: usize) -> Option<(Vec<u8>, f32)> {
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
