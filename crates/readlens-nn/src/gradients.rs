//! Gradients of weights in one flat piece of memory.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use crate::weights::Parameters;

/// Where each parameter's gradient lies, in name order.
#[derive(Debug)]
pub struct GradientLayout {
    ranges: HashMap<TensorId, Range<usize>>,
    /// Tables, whose gradients are those of the rows that are used.
    tables: HashSet<TensorId>,
    count: usize,
}

impl GradientLayout {
    /// The layout of `parameters`.
    pub fn new(parameters: &Parameters) -> Self {
        let mut count = 0;
        let range = |var: &candle_core::Var| {
            let first = count;
            count += var.elem_count();
            (var.as_tensor().id(), first..count)
        };
        let ranges = parameters.iter().map(|(_, var)| var).map(range).collect();
        let tables = parameters.tables().map(|(_, var)| var.as_tensor().id()).collect();
        Self { ranges, tables, count }
    }
}

/// What a window asks of some rows of a table: the gradient of row i is `weights[i] · gradient`.
#[derive(Clone, Debug)]
pub struct RowGradient {
    /// The table.
    pub table: TensorId,
    /// Rows of the table; one may come several times.
    pub rows: Vec<u32>,
    /// Weight of each.
    pub weights: Vec<f32>,
    /// Gradient of the weighted sum of the rows.
    pub gradient: Arc<[f32]>,
}

/// The gradients of one backward pass. Fused kernels add theirs while candle goes backward; those
/// of the other tensors are added from its store afterwards.
#[derive(Clone, Debug)]
pub struct WeightGradients {
    layout: Arc<GradientLayout>,
    values: Arc<Mutex<Vec<f32>>>,
    rows: Arc<Mutex<Vec<RowGradient>>>,
}

impl WeightGradients {
    /// All zero, in `memory`, whatever it held.
    pub fn new(layout: &Arc<GradientLayout>, mut memory: Vec<f32>) -> Self {
        memory.clear();
        memory.resize(layout.count, 0.0);
        let values = Arc::new(Mutex::new(memory));
        Self { layout: Arc::clone(layout), values, rows: Arc::default() }
    }

    /// Whether `tensor` is one of the parameters; the others are frozen.
    pub fn holds(&self, tensor: &Tensor) -> bool {
        let id = tensor.id();
        self.layout.ranges.contains_key(&id) || self.layout.tables.contains(&id)
    }

    /// Adds what candle's own operations found.
    ///
    /// # Errors
    /// A gradient is not f32.
    pub fn add_store(&self, parameters: &Parameters, store: &GradStore) -> Result<()> {
        let mut values = self.lock();
        self.check(&values)?;
        for (_, var) in parameters.iter() {
            let Some(range) = self.layout.ranges.get(&var.as_tensor().id()) else { continue };
            // A parameter that this pass does not reach, such as a head without a label, has none.
            if let Some(gradient) = store.get(var) {
                let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
                let sums = values[range.clone()].iter_mut();
                sums.zip(gradient).for_each(|(sum, value)| *sum += value);
            }
        }
        Ok(())
    }

    /// The gradients, in name order, once the pass is over.
    pub fn take(&self) -> Vec<f32> {
        std::mem::take(&mut *self.lock())
    }

    /// Adds what a pass asks of the rows of tables.
    pub(crate) fn ask_rows(&self, asked: Vec<RowGradient>) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).extend(asked);
    }

    /// What the pass asks of the rows of tables, window after window, once it is over.
    pub fn take_rows(&self) -> Vec<RowGradient> {
        std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses a pass whose gradients have been taken.
    fn check(&self, values: &[f32]) -> Result<()> {
        if values.len() == self.layout.count {
            return Ok(());
        }
        candle_core::bail!("the gradients of this pass have been taken")
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<f32>> {
        // A panic elsewhere ends the process's work anyway.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts of `values`, which is this one's memory, that belong to `tensors`.
    ///
    /// # Errors
    /// A tensor is frozen or named twice.
    pub(crate) fn parts<'a>(
        &self,
        values: &'a mut [f32],
        tensors: &[&Tensor],
    ) -> Result<Vec<&'a mut [f32]>> {
        self.check(values)?;
        let range = |tensor: &&Tensor| {
            let range = self.layout.ranges.get(&tensor.id()).cloned();
            range.ok_or_else(|| candle_core::Error::msg("a frozen tensor among trained ones"))
        };
        let ranges: Vec<Range<usize>> = tensors.iter().map(range).collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.sort_by_key(|&i| ranges[i].start);
        let mut parts: Vec<Option<&'a mut [f32]>> = ranges.iter().map(|_| None).collect();
        let (mut rest, mut done) = (values, 0);
        for i in order {
            let Range { start, end } = ranges[i];
            let Some(skipped) = start.checked_sub(done) else {
                candle_core::bail!("a tensor is used twice");
            };
            let (part, after) = rest[skipped..].split_at_mut(end - start);
            parts[i] = Some(part);
            (rest, done) = (after, end);
        }
        Ok(parts.into_iter().flatten().collect())
    }
}
