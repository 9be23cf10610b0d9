use std::cell::Cell;
use std::collections::HashMap;

use candle_core::Tensor;
use rand::seq::SliceRandom;
use readlens_fault::{Fault, Result};
use readlens_nn::Parameters;
use readlens_provenance::ExitHold;
use readlens_random::stream;

use crate::adagrad::Adagrad;
use crate::adamw::AdamW;
use crate::checkpoint::{Checkpoint, State};
use crate::config::FitConfig;
use crate::gradients::{BatchGradient, Gradients};
use crate::schedule::learning_rate;
use crate::task::{Figure, Observer, Split, Task};
use crate::watch::{Watched, watch};

/// Figures of a step that are no terms of its loss.
const LOSS: &str = "loss";
const GRADIENT_NORM: &str = "gradient_norm";
const LEARNING_RATE: &str = "learning_rate";
const OWN_FIGURES: [&str; 3] = [LOSS, GRADIENT_NORM, LEARNING_RATE];

/// What a training came to; the parameters hold the best weights.
#[derive(Debug)]
pub struct Fitted {
    /// Epoch of the weights that were kept, from 1.
    pub best_epoch: u32,
    /// Its validation score, where the task has one.
    pub best_score: Option<f64>,
    /// Figures of all steps and epochs.
    pub figures: Vec<Figure>,
}

/// Trains `parameters` on `task`, going on from `checkpoint` where one was left.
///
/// # Errors
/// The configuration cannot work, a loss is not finite, a step fails, the checkpoint belongs to
/// another training, or the user interrupts (what was reached is then in the checkpoint).
pub fn fit<T: Task>(
    task: &T,
    parameters: &Parameters,
    config: &FitConfig,
    checkpoint: &Checkpoint,
    observer: &dyn Observer,
) -> Result<Fitted> {
    config.validate()?;
    if task.examples() == 0 {
        return Err(Fault::usage(
            "there is no training example; check the split column and the ranks",
        ));
    }
    Fitting::begin(task, parameters, config, checkpoint)?.run(observer)
}

struct Fitting<'a, T> {
    task: &'a T,
    parameters: &'a Parameters,
    config: &'a FitConfig,
    checkpoint: &'a Checkpoint,
    adamw: AdamW,
    adagrad: Adagrad,
    gradients: Gradients<'a>,
    state: State,
    best: HashMap<String, Tensor>,
    steps_per_epoch: u32,
    /// A process that is asked to stop waits for the checkpoint.
    hold: Cell<Option<ExitHold>>,
}

impl<'a, T: Task> Fitting<'a, T> {
    fn begin(
        task: &'a T,
        parameters: &'a Parameters,
        config: &'a FitConfig,
        checkpoint: &'a Checkpoint,
    ) -> Result<Self> {
        let mut adamw = AdamW::new(parameters, config.weight_decay, config.clip);
        let mut adagrad = Adagrad::new(parameters);
        let (state, best) = match checkpoint.restore(parameters, &mut adamw, &mut adagrad)? {
            Some((state, best)) => {
                tracing::info!("going on from step {} of the checkpoint", state.step);
                repeat_steps(task, config, &state.figures);
                (state, best)
            }
            None => (State { epochs: config.epochs, ..State::default() }, HashMap::new()),
        };
        let steps = task.examples().div_ceil(config.batch);
        let steps_per_epoch =
            u32::try_from(steps).map_err(|e| Fault::failed("counting steps", e))?;
        if steps_per_epoch.checked_mul(config.epochs).is_none() {
            return Err(Fault::usage(format!(
                "epochs: {} are more steps than can be counted",
                config.epochs
            )));
        }
        let gradients = Gradients::new(parameters);
        Ok(Self {
            task,
            parameters,
            config,
            checkpoint,
            adamw,
            adagrad,
            gradients,
            state,
            best,
            steps_per_epoch,
            hold: Cell::new(Some(ExitHold::new())),
        })
    }

    fn run(mut self, observer: &dyn Observer) -> Result<Fitted> {
        let total = self.steps_per_epoch * self.config.epochs;
        // It was stopped between the last step of an epoch and the epoch's validation.
        if self.state.batches > 0 && self.state.step.is_multiple_of(self.steps_per_epoch) {
            self.finish_epoch(self.state.step / self.steps_per_epoch, observer)?;
            self.save()?;
        }
        while self.state.step < total && !self.has_lost_patience() {
            let epoch = self.state.step / self.steps_per_epoch + 1;
            let order = self.order(epoch);
            let first = (self.state.step % self.steps_per_epoch) as usize;
            for indices in order.chunks(self.config.batch).skip(first) {
                let loss = self.step(indices, epoch, total, observer)?;
                observer.stepped(self.state.step, total, loss);
                if observer.is_interrupted() {
                    self.save()?;
                    return Err(interrupted());
                }
            }
            self.finish_epoch(epoch, observer)?;
            self.save()?;
        }
        let (best_score, best_epoch) = match self.state.best {
            Some((score, epoch)) => (Some(score), epoch),
            None => (None, self.state.step / self.steps_per_epoch),
        };
        if !self.best.is_empty() {
            self.parameters
                .set(&self.best)
                .map_err(|e| Fault::failed("restoring the best weights", e))?;
        }
        Ok(Fitted { best_epoch, best_score, figures: self.state.figures })
    }

    fn save(&self) -> Result<()> {
        self.checkpoint.save(&self.state, self.parameters, &self.best, &self.adamw, &self.adagrad)
    }

    /// Examples in the order of `epoch`.
    fn order(&self, epoch: u32) -> Vec<usize> {
        shuffled(self.task.examples(), self.config.seed, epoch)
    }

    /// What `work` comes to, unless the user asks to stop and it takes longer than a moment: then
    /// the state before it is saved, and repeated work comes to the same.
    fn watched<R: Send>(
        &self,
        observer: &dyn Observer,
        work: impl FnOnce() -> Result<R> + Send,
    ) -> Result<R> {
        let save = || {
            let saved = self.save();
            if let Err(fault) = &saved {
                // The process may end before anybody else says so.
                tracing::error!("the checkpoint was not saved: {fault}");
            }
            // Nothing more can be lost: the process may end although a thread still works.
            self.hold.take();
            saved
        };
        match watch(work, || observer.is_interrupted(), save) {
            Watched::Done(result) => result,
            Watched::Stopped(saved) => Err(saved.err().unwrap_or_else(interrupted)),
        }
    }

    fn step(
        &mut self,
        indices: &[usize],
        epoch: u32,
        total: u32,
        observer: &dyn Observer,
    ) -> Result<f64> {
        let step = self.state.step;
        let batch = self.watched(observer, || {
            let shards = self.task.prepare(indices, self.config.shards, epoch, step)?;
            self.gradients.of_batch(self.task, &shards)
        })?;
        if !batch.loss.is_finite() {
            return Err(diverged("the loss", batch.loss, epoch, step));
        }
        let (largest, warm_up) = (self.config.learning_rate, self.config.warm_up);
        let rate = learning_rate(largest, warm_up, step as usize, total as usize);
        // Rows of tables follow the same schedule.
        let rates =
            Rates { weights: rate, tables: self.config.table_learning_rate * rate / largest };
        let (adamw, adagrad) = (&mut self.adamw, &mut self.adagrad);
        let norm = rates.step(self.parameters, adamw, adagrad, &batch, step)?;
        self.gradients.recycle(batch.gradients);
        if !norm.is_finite() {
            return Err(diverged("the gradient", norm, epoch, step));
        }
        self.task.stepped(&batch.terms, rate / largest);
        self.state.step += 1;
        self.state.batches += 1;
        let terms = [(LOSS, batch.loss)].into_iter().chain(batch.terms);
        for (term, value) in terms.clone() {
            match self.state.running.iter_mut().find(|(name, _)| name == term) {
                Some((_, sum)) => *sum += value,
                None => self.state.running.push((term.to_owned(), value)),
            }
        }
        let counted = Some(self.state.step);
        let figures = terms.chain([(GRADIENT_NORM, norm), (LEARNING_RATE, rate)]);
        self.state
            .figures
            .extend(figures.map(|(term, value)| train_figure(epoch, counted, term, value)));
        Ok(batch.loss)
    }

    fn finish_epoch(&mut self, epoch: u32, observer: &dyn Observer) -> Result<()> {
        let (validation, score) = self.watched(observer, || self.task.validate(epoch))?;
        let batches = f64::from(self.state.batches.max(1));
        let running = std::mem::take(&mut self.state.running);
        self.state.batches = 0;
        let mut figures: Vec<Figure> = running
            .into_iter()
            .map(|(term, sum)| train_figure(epoch, None, &term, sum / batches))
            .collect();
        figures.extend(validation);
        if let Some(score) = score
            && self.state.best.is_none_or(|(best, _)| score > best)
        {
            self.state.best = Some((score, epoch));
            let copies =
                self.parameters.tensors().into_iter().map(|(name, t)| Ok((name, t.copy()?)));
            let copies: candle_core::Result<_> = copies.collect();
            self.best = copies.map_err(|e| Fault::failed("keeping the best weights", e))?;
        }
        observer.finished_epoch(epoch, &figures);
        self.state.figures.extend(figures);
        Ok(())
    }

    fn has_lost_patience(&self) -> bool {
        let epoch = self.state.step / self.steps_per_epoch;
        match (self.config.patience, self.state.best) {
            (Some(patience), Some((_, best))) => epoch >= best.saturating_add(patience),
            _ => false,
        }
    }
}

/// Tells `task` of the steps before a checkpoint, whose figures stand together.
fn repeat_steps<T: Task>(task: &T, config: &FitConfig, figures: &[Figure]) {
    let of_steps: Vec<&Figure> = figures.iter().filter(|figure| figure.step.is_some()).collect();
    for step in of_steps.chunk_by(|a, b| a.step == b.step) {
        let rate = step.iter().find(|figure| figure.term == LEARNING_RATE);
        let pace = rate.map_or(1.0, |figure| figure.value / config.learning_rate);
        let terms = step.iter().filter(|figure| !OWN_FIGURES.contains(&figure.term.as_str()));
        let terms: Vec<(&str, f64)> =
            terms.map(|figure| (figure.term.as_str(), figure.value)).collect();
        task.stepped(&terms, pace);
    }
}

/// Learning rates of a step.
pub(crate) struct Rates {
    pub(crate) weights: f64,
    /// Of the rows of tables.
    pub(crate) tables: f64,
}

impl Rates {
    /// Takes a step; gives the gradient's norm before clipping.
    pub(crate) fn step(
        &self,
        parameters: &Parameters,
        adamw: &mut AdamW,
        adagrad: &mut Adagrad,
        batch: &BatchGradient,
        step: u32,
    ) -> Result<f64> {
        let norm = adamw
            .step(parameters, &batch.gradients, self.weights, step)
            .map_err(|e| Fault::failed("an optimiser step", e))?;
        adagrad
            .step(parameters, &batch.rows, self.tables)
            .map_err(|e| Fault::failed("a step of the tables", e))?;
        Ok(norm)
    }
}

/// The numbers below `examples` in the order of `epoch`.
pub(crate) fn shuffled(examples: usize, seed: u64, epoch: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut stream(seed, &format!("order/epoch {epoch}")));
    order
}

fn interrupted() -> Fault {
    Fault::Interrupted { remedy: "run the same command again to go on from here".to_owned() }
}

fn train_figure(epoch: u32, step: Option<u32>, term: &str, value: f64) -> Figure {
    Figure { epoch, step, split: Split::Train, rank: None, term: term.to_owned(), value }
}

pub(crate) fn diverged(what: &str, value: f64, epoch: u32, step: u32) -> Fault {
    Fault::failed(
        format!("training step {} (epoch {epoch})", step + 1),
        format!("{what} is {value}; lower the learning rate or the clipping norm and train again"),
    )
}
