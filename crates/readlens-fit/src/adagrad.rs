use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor};
use rayon::prelude::*;
use readlens_kernels::{AdagradStep, Engine, Precision, adagrad_rows};
use readlens_nn::{Parameters, RowGradient};

/// Added to the root of a row's sum of squares.
const EPSILON: f32 = 1e-6;

/// Rowwise Adagrad for tables: a step costs as much as the rows that it changes.
#[derive(Debug)]
pub(crate) struct Adagrad {
    /// Sum of squares of each row, by table in name order.
    squares: Vec<Vec<f32>>,
}

impl Adagrad {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        let rows = |var: &candle_core::Var| var.dims().first().copied().unwrap_or_default();
        Self { squares: parameters.tables().map(|(_, var)| vec![0.0; rows(var)]).collect() }
    }

    /// Moves the rows that are `asked`, one window after the other.
    ///
    /// Tables are independent of each other, so that threads share them out.
    pub(crate) fn step(
        &mut self,
        parameters: &Parameters,
        asked: &[RowGradient],
        learning_rate: f64,
    ) -> candle_core::Result<()> {
        let step = AdagradStep { rate: learning_rate as f32, epsilon: EPSILON };
        let tables: Vec<_> = parameters.tables().zip(&mut self.squares).collect();
        tables.into_par_iter().try_for_each(|((_, var), squares)| {
            let id = var.as_tensor().id();
            let asked = asked.iter().filter(|asked| asked.table == id).collect();
            var.inplace_op1(&Update { asked, squares: Mutex::new(squares), step })
        })
    }

    /// The sums of squares as tensors, for a checkpoint.
    pub(crate) fn tensors(
        &self,
        parameters: &Parameters,
    ) -> candle_core::Result<HashMap<String, Tensor>> {
        let tables = parameters.tables().zip(&self.squares);
        tables
            .map(|((name, _), squares)| {
                let tensor = Tensor::from_slice(squares, squares.len(), &Device::Cpu)?;
                Ok((format!("squares/{name}"), tensor))
            })
            .collect()
    }

    /// Restores what [`Adagrad::tensors`] gave; false if one is missing or of another size.
    pub(crate) fn restore(
        &mut self,
        parameters: &Parameters,
        tensors: &HashMap<String, Tensor>,
    ) -> bool {
        parameters.tables().zip(&mut self.squares).all(|((name, _), squares)| {
            let found = tensors.get(&format!("squares/{name}"));
            let found = found.and_then(|tensor| tensor.to_vec1::<f32>().ok());
            let Some(found) = found.filter(|found| found.len() == squares.len()) else {
                return false;
            };
            *squares = found;
            true
        })
    }
}

/// Moves the rows of a table where they lie.
struct Update<'a> {
    asked: Vec<&'a RowGradient>,
    /// Locked because candle lends the operation read-only.
    squares: Mutex<&'a mut Vec<f32>>,
    step: AdagradStep,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("tables are contiguous f32 values");
        };
        let mut squares = self.squares.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = Engine::current(Precision::F32);
        for RowGradient { rows, weights, gradient, .. } in &self.asked {
            let table = &mut values[start..end];
            adagrad_rows(engine, table, &mut squares, rows, weights, gradient, self.step);
        }
        Ok(())
    }
}
