//! Optimiser steps of the real training loop, one on request.

use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;
use std::time::Instant;

use readlens_fault::{Fault, Result};
use readlens_fit::{Checkpoint, Figure, FitConfig, Observer, Task, fit};
use readlens_nn::Parameters;
use readlens_provenance::Manifest;

use crate::protocol::{Report, Request, answer, peak_kb, ready, report, request};

/// Steps of the longest measurement; the schedule is laid out over them, so the learning rate of
/// the first ones is as good as constant.
pub(crate) const STEPS: usize = 4096;

/// How both networks are trained here; the other side uses the same numbers.
fn config(batch: usize, shards: usize) -> FitConfig {
    FitConfig {
        epochs: 1,
        hours: None,
        batch,
        shards,
        learning_rate: 1e-4,
        table_learning_rate: 0.0,
        warm_up: 0.0,
        weight_decay: 0.01,
        clip: 1.0,
        patience: None,
        seed: 1,
    }
}

/// Measures the steps of `task`, whose batches are `batch` rows in `shards` parts.
///
/// The report's values are the losses of the steps before `ready`.
pub(crate) fn measure(
    task: &impl Task,
    parameters: &Parameters,
    batch: usize,
    shards: usize,
    warm_up: NonZeroUsize,
) -> Result<()> {
    let config = config(batch, shards);
    let directory = tempfile::tempdir().map_err(|e| Fault::failed("making a folder", e))?;
    let manifest = Manifest::new("bench", &config, Some(config.seed), Vec::new())?;
    let checkpoint = Checkpoint::new(&directory.path().join("checkpoint"), manifest);
    let pacer = Pacer { warm_up: warm_up.get(), ..Pacer::default() };
    let outcome = fit(task, parameters, &config, &checkpoint, &pacer);
    if let Some(fault) = pacer.fault.take() {
        return Err(fault);
    }
    match (pacer.peak_kb.get(), outcome) {
        // The pacer interrupts the training at the driver's request.
        (Some(peak_kb), Err(Fault::Interrupted { .. })) => {
            report(&Report { peak_kb, values: pacer.losses.take() })
        }
        (_, Err(fault)) => Err(fault),
        (_, Ok(_)) => Err(Fault::usage(format!("a measurement has at most {STEPS} repetitions"))),
    }
}

/// Lets the training loop make one step for every request.
#[derive(Default)]
struct Pacer {
    warm_up: usize,
    losses: RefCell<Vec<f64>>,
    started: Cell<Option<Instant>>,
    peak_kb: Cell<Option<u64>>,
    fault: RefCell<Option<Fault>>,
}

impl Pacer {
    fn pace(&self, done: usize, loss: f64) -> Result<()> {
        if done <= self.warm_up {
            self.losses.borrow_mut().push(loss);
        }
        match self.started.take() {
            Some(start) => answer(start.elapsed())?,
            None if done < self.warm_up => return Ok(()),
            None => ready()?,
        }
        match request()? {
            Request::Run => self.started.set(Some(Instant::now())),
            // Before the loop writes its checkpoint, which is no part of a step.
            Request::End => self.peak_kb.set(Some(peak_kb()?)),
        }
        Ok(())
    }
}

impl Observer for Pacer {
    fn stepped(&self, done: u32, _total: u32, loss: f64) {
        if let Err(fault) = self.pace(done as usize, loss) {
            self.fault.replace(Some(fault));
        }
    }

    fn finished_epoch(&self, _epoch: u32, _figures: &[Figure]) {}

    fn is_interrupted(&self) -> bool {
        self.peak_kb.get().is_some() || self.fault.borrow().is_some()
    }
}
