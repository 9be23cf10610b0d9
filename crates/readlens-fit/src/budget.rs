//! How many passes a time allows.

use std::path::Path;
use std::time::{Duration, Instant};

use readlens_fault::{Fault, Result};
use readlens_nn::Parameters;

use crate::adagrad::Adagrad;
use crate::adamw::AdamW;
use crate::checkpoint::planned_epochs;
use crate::config::FitConfig;
use crate::fitting::{Rates, diverged, shuffled};
use crate::gradients::Gradients;
use crate::task::{Observer, Task};

/// How long steps are tried.
const TRIAL: Duration = Duration::from_secs(15);
/// Steps that are tried even where they take longer.
const LEAST_STEPS: u32 = 3;

/// `config` with as many epochs as its time allows, at most those that it has: the number that a
/// checkpoint in `directory` was begun with, or one that is measured by a trial.
///
/// The trial takes steps of the first epoch at a learning rate of 0, which change nothing, and one
/// validation. The number of epochs decides the result and the time does not: a configuration with
/// that number and without the time trains the same weights.
///
/// # Errors
/// The configuration cannot work, a step fails, the checkpoint is broken, or the user interrupts.
pub fn plan<T: Task>(
    task: &T,
    parameters: &Parameters,
    config: &FitConfig,
    directory: &Path,
    observer: &dyn Observer,
) -> Result<FitConfig> {
    config.validate()?;
    let Some(hours) = config.hours else { return Ok(config.clone()) };
    let planned = |epochs| FitConfig { epochs, hours: None, ..config.clone() };
    if let Some(epochs) = planned_epochs(directory)? {
        if epochs > config.epochs {
            return Err(Fault::usage(format!(
                "the training in {} was begun with {epochs} epochs, more than --epochs {}: remove \
                 that directory, or give at least {epochs}",
                directory.display(),
                config.epochs
            )));
        }
        return Ok(planned(epochs));
    }
    let begin = Instant::now();
    let epoch = epoch_seconds(task, parameters, config, observer)?;
    let left = hours * 3600.0 - begin.elapsed().as_secs_f64();
    let epochs = epochs_within(left, epoch, config.epochs);
    if left < epoch {
        tracing::warn!(
            "one epoch takes about {:.2} hours, more than --hours {hours}: it is made all the same",
            epoch / 3600.0
        );
    }
    tracing::info!(
        "an epoch takes about {epoch:.0} s: {epochs} in --hours {hours}; --epochs {epochs} instead \
         trains the same network again"
    );
    Ok(planned(epochs))
}

/// Epochs of `epoch` seconds that fit into `left` seconds: at least 1, because there is no training
/// without a pass, and at most `most`.
fn epochs_within(left: f64, epoch: f64, most: u32) -> u32 {
    // The conversion saturates.
    ((left / epoch) as u32).clamp(1, most)
}

/// Seconds of an epoch of `steps`, of which `timed` took `seconds`, and of its validation.
fn seconds_of_epoch(seconds: f64, timed: u32, steps: usize, validation: f64) -> f64 {
    seconds / f64::from(timed) * steps as f64 + validation
}

/// Seconds of an epoch and its validation.
fn epoch_seconds<T: Task>(
    task: &T,
    parameters: &Parameters,
    config: &FitConfig,
    observer: &dyn Observer,
) -> Result<f64> {
    let mut adamw = AdamW::new(parameters, config.weight_decay, config.clip);
    let mut adagrad = Adagrad::new(parameters);
    let gradients = Gradients::new(parameters);
    let order = shuffled(task.examples(), config.seed, 1);
    let steps = task.examples().div_ceil(config.batch).max(1);
    let (mut taken, mut seconds) = (0u32, 0.0);
    for indices in order.chunks(config.batch) {
        let begin = Instant::now();
        let shards = task.prepare(indices, config.shards, 1, taken)?;
        let batch = gradients.of_batch(task, &shards)?;
        // What is no number would not leave weights alone, even at a rate of 0.
        if !batch.loss.is_finite() {
            return Err(diverged("the loss", batch.loss, 1, taken));
        }
        let rates = Rates { weights: 0.0, tables: 0.0 };
        rates.step(parameters, &mut adamw, &mut adagrad, &batch, taken)?;
        gradients.recycle(batch.gradients);
        // The first touches memory that later ones find ready.
        if taken > 0 || steps == 1 {
            seconds += begin.elapsed().as_secs_f64();
        }
        taken += 1;
        if observer.is_interrupted() {
            let remedy = "nothing was trained yet; run the same command again".to_owned();
            return Err(Fault::Interrupted { remedy });
        }
        if seconds > TRIAL.as_secs_f64() && taken > LEAST_STEPS {
            break;
        }
    }
    let timed = taken.saturating_sub(1).max(1);
    let begin = Instant::now();
    task.validate(1)?;
    Ok(seconds_of_epoch(seconds, timed, steps, begin.elapsed().as_secs_f64()))
}

/// Refuses a time that cannot be kept.
pub(crate) fn check_hours(hours: f64) -> Result<()> {
    if hours > 0.0 && hours.is_finite() {
        return Ok(());
    }
    Err(Fault::usage(format!("hours must be positive, not {hours}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_those_that_fit() {
        // 10 steps took 2 s of 400 a pass, and the validation 20 s: 100 s a pass.
        let epoch = seconds_of_epoch(2.0, 10, 400, 20.0);
        assert!((epoch - 100.0).abs() < 1e-9, "{epoch}");
        assert_eq!(epochs_within(3599.0, epoch, 60), 35);
        assert_eq!(epochs_within(3600.0, epoch, 20), 20);
        assert_eq!(epochs_within(-5.0, epoch, 20), 1);
        assert_eq!(epochs_within(1e30, epoch, u32::MAX), u32::MAX);
    }
}
