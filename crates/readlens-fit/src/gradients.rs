//! The gradient of a batch: shards in parallel, added in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::DType;
use readlens_fault::{Fault, Result};
use readlens_kernels::{Engine, Precision, add};
use readlens_nn::{GradientLayout, Loss, Parameters, RowGradient, WeightGradients};

use crate::task::Task;

/// Loss, its terms and the gradients of all parameters in name order, one after the other.
pub(crate) struct BatchGradient {
    pub(crate) loss: f64,
    pub(crate) terms: Vec<(&'static str, f64)>,
    pub(crate) gradients: Vec<f32>,
    /// What is asked of the rows of tables, window after window.
    pub(crate) rows: Vec<RowGradient>,
}

/// Computes gradients, step after step, in the same memory.
pub(crate) struct Gradients<'a> {
    parameters: &'a Parameters,
    layout: Arc<GradientLayout>,
    memory: Mutex<Vec<Vec<f32>>>,
}

/// What the shards have come to: their sum up to `next`, and those that were ready before their
/// turn.
#[derive(Default)]
struct Sum {
    next: usize,
    sum: Option<BatchGradient>,
    early: BTreeMap<usize, BatchGradient>,
    fault: Option<(usize, Fault)>,
}

impl<'a> Gradients<'a> {
    pub(crate) fn new(parameters: &'a Parameters) -> Self {
        let layout = Arc::new(GradientLayout::new(parameters));
        Self { parameters, layout, memory: Mutex::default() }
    }

    /// The gradient of a batch. Shards are taken in order by whichever thread is free and added in
    /// order, so that the sum is the same for any number of threads, and a gradient waits in memory
    /// only for those before it.
    pub(crate) fn of_batch<T: Task>(&self, task: &T, shards: &[T::Shard]) -> Result<BatchGradient> {
        let (taken, sum) = (AtomicUsize::new(0), Mutex::new(Sum::default()));
        rayon::broadcast(|_| {
            loop {
                let index = taken.fetch_add(1, Ordering::Relaxed);
                let Some(shard) = shards.get(index) else { break };
                let result = self.of_shard(task, shard);
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                match result {
                    Ok(part) => {
                        sum.early.insert(index, part);
                        self.add_ready(&mut sum);
                    }
                    // Shards behind a fault are not needed; those before it are all taken.
                    Err(e) if sum.fault.as_ref().is_none_or(|(first, _)| index < *first) => {
                        sum.fault = Some((index, Fault::failed("a training step", e)));
                        taken.store(shards.len(), Ordering::Relaxed);
                    }
                    Err(_) => {}
                }
            }
        });
        let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        match sum.fault {
            Some((_, fault)) => Err(fault),
            None => sum.sum.ok_or_else(|| Fault::usage("a batch needs at least one example")),
        }
    }

    /// Gives back the memory of a gradient that has been used.
    pub(crate) fn recycle(&self, gradients: Vec<f32>) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(gradients);
    }

    fn add_ready(&self, sum: &mut Sum) {
        while let Some(part) = sum.early.remove(&sum.next) {
            sum.next += 1;
            let Some(total) = &mut sum.sum else {
                sum.sum = Some(part);
                continue;
            };
            total.loss += part.loss;
            for ((_, total), (_, value)) in total.terms.iter_mut().zip(part.terms) {
                *total += value;
            }
            add(Engine::current(Precision::F32), &mut total.gradients, &part.gradients);
            self.recycle(part.gradients);
            total.rows.extend(part.rows);
        }
    }

    fn of_shard<T: Task>(&self, task: &T, shard: &T::Shard) -> candle_core::Result<BatchGradient> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let gradients = WeightGradients::new(&self.layout, memory.unwrap_or_default());
        let Loss { total, terms } = task.loss(shard, &gradients)?;
        let loss = total.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        let store = total.backward()?;
        gradients.add_store(self.parameters, &store)?;
        Ok(BatchGradient { loss, terms, rows: gradients.take_rows(), gradients: gradients.take() })
    }
}
