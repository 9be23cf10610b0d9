//! The exact GELU, `x Φ(x)` with `Φ` the normal distribution function (Hendrycks & Gimpel 2016).
//!
//! candle's own has a gradient whose constant is cut to six digits, and both its passes make
//! several temporaries; this one is a single loop each way, exact to f64. It is for composed
//! networks: the fused kernels have a faster one of their own.

use candle_core::cpu::erf::erf_f64;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `x Φ(x)`, elementwise; f32 or f64 of any shape.
///
/// # Errors
/// Another dtype.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Gelu);
    }
    let phi = ((x * FRAC_1_SQRT_2)?.erf()? * 0.5)?;
    x * (phi + 0.5)?
}

/// The GELU approximated by a hyperbolic tangent, `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`,
/// elementwise (Hendrycks & Gimpel 2016); some networks were trained with it.
///
/// # Errors
/// candle refuses the operation.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    let cubed = ((x.sqr()? * x)? * 0.044_715)?;
    let inner = ((x + cubed)? * (2.0 / PI).sqrt())?;
    (x * inner.tanh()?.affine(0.5, 0.5)?)?.contiguous()
}

#[derive(Debug)]
struct Gelu;

#[derive(Debug)]
struct GeluGradient;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = match x {
            CpuStorage::F32(x) => {
                let value = |&x: &f32| (f64::from(x) * phi_f64(f64::from(x))) as f32;
                CpuStorage::F32(run(x, layout)?.iter().map(value).collect())
            }
            CpuStorage::F64(x) => {
                CpuStorage::F64(run(x, layout)?.iter().map(|&x| x * phi_f64(x)).collect())
            }
            _ => bail!("gelu is defined for f32 and f64"),
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.contiguous()?.apply_op2_no_bwd(&gradient.contiguous()?, &GeluGradient)?))
    }
}

impl CustomOp2 for GeluGradient {
    fn name(&self) -> &'static str {
        "gelu-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = match (x, gradient) {
            (CpuStorage::F32(x), CpuStorage::F32(g)) => {
                let pairs = run(x, x_layout)?.iter().zip(run(g, gradient_layout)?);
                CpuStorage::F32(pairs.map(|(&x, &g)| g * slope_f64(f64::from(x)) as f32).collect())
            }
            (CpuStorage::F64(x), CpuStorage::F64(g)) => {
                let pairs = run(x, x_layout)?.iter().zip(run(g, gradient_layout)?);
                CpuStorage::F64(pairs.map(|(&x, &g)| g * slope_f64(x)).collect())
            }
            _ => bail!("gelu is defined for f32 and f64"),
        };
        Ok((out, x_layout.shape().clone()))
    }
}

/// The values of a contiguous layout.
fn run<'a, T>(values: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("gelu needs contiguous values"),
    }
}

fn phi_f64(x: f64) -> f64 {
    0.5 * (1.0 + erf_f64(x * FRAC_1_SQRT_2))
}

fn slope_f64(x: f64) -> f64 {
    phi_f64(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn f32_agrees_with_the_f64_error_function() {
        let xs: Vec<f32> = (-8000..=8000).map(|step| step as f32 / 1000.0).collect();
        let x = Var::new(xs.as_slice(), &Device::Cpu).unwrap();
        let values = gelu(x.as_tensor()).unwrap();
        let slopes = values.sum_all().unwrap().backward().unwrap();
        let slopes: Vec<f32> = slopes.get(&x).unwrap().to_vec1().unwrap();
        let values: Vec<f32> = values.to_vec1().unwrap();
        for ((x, value), slope) in xs.into_iter().map(f64::from).zip(values).zip(slopes) {
            assert!((f64::from(value) - x * phi_f64(x)).abs() < 2e-6, "value at {x}");
            assert!((f64::from(slope) - slope_f64(x)).abs() < 2e-6, "slope at {x}");
        }
    }

    /// The largest difference of the two is 4.73e-4, at 2.7 (Hendrycks & Gimpel 2016 leave it out).
    #[test]
    fn the_approximation_is_near_and_another_function() {
        let x: Vec<f64> = (-600..=600).map(|i| f64::from(i) / 100.0).collect();
        let x = Tensor::new(x, &Device::Cpu).unwrap();
        let (near, exact) = (gelu_tanh(&x).unwrap(), gelu(&x).unwrap());
        let most = (near - exact).unwrap().abs().unwrap().max(0).unwrap();
        let most: f64 = most.to_scalar().unwrap();
        assert!((4.6e-4..4.8e-4).contains(&most), "{most}");
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let x = Var::new(&[-3.0, -0.7, 0.0, 0.4, 2.5f64], &Device::Cpu).unwrap();
        let grads = gelu(x.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        let found: Vec<f64> = grads.get(&x).unwrap().to_vec1().unwrap();
        for (found, x) in found.into_iter().zip(x.to_vec1::<f64>().unwrap()) {
            let h = 1e-5;
            let expected = ((x + h) * phi_f64(x + h) - (x - h) * phi_f64(x - h)) / (2.0 * h);
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected} at {x}");
        }
    }
}
