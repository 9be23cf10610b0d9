//! The training loop learns, resumes exactly, does not depend on threads, and stops for cause.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod memory;

use std::cell::Cell;
use std::path::Path;

use memory::{Memory, Score, checkpoint, config};
use readlens_fault::{ExitCode, Fault};
use readlens_fit::{Figure, FitConfig, Fitted, Observer, fit, plan};
use readlens_nn::{Parameters, save_weights, weights_digest};

/// Asks to stop after every so many steps.
struct Impatient {
    every: Option<u32>,
    done: Cell<u32>,
}

impl Observer for Impatient {
    fn stepped(&self, _done: u32, _total: u32, loss: f64) {
        assert!(loss.is_finite());
        self.done.set(self.done.get() + 1);
    }

    fn finished_epoch(&self, _epoch: u32, _figures: &[Figure]) {}

    fn is_interrupted(&self) -> bool {
        self.every.is_some_and(|every| self.done.get() == every)
    }
}

fn watch(every: Option<u32>) -> Impatient {
    Impatient { every, done: Cell::new(0) }
}

fn bytes(parameters: &Parameters) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    save_weights(&file, &parameters.tensors()).unwrap();
    std::fs::read(file).unwrap()
}

/// Trains to the end, going on as often as the observer stops; also counts the stops.
fn train(directory: &Path, config: &FitConfig, every: Option<u32>) -> (Fitted, Vec<u8>, u32) {
    for stops in 0.. {
        // A new process: nothing but the checkpoint is carried over.
        let (task, parameters) = Memory::new();
        match fit(&task, &parameters, config, &checkpoint(directory, config), &watch(every)) {
            Ok(fitted) => return (fitted, bytes(&parameters), stops),
            Err(fault) => {
                assert_eq!(fault.exit_code(), ExitCode::Interrupted, "{fault}");
                assert!(fault.to_string().contains("run the same command again"), "{fault}");
            }
        }
    }
    unreachable!("the loop has no end")
}

#[test]
fn sixteen_windows_are_learned_by_heart() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(40);
    let (task, parameters) = Memory::new();
    let before = task.accuracy();
    let fitted =
        fit(&task, &parameters, &config, &checkpoint(dir.path(), &config), &watch(None)).unwrap();
    assert!(before < 0.7, "the untrained classifier already knows {before}");
    assert_eq!(task.accuracy(), 1.0);
    assert_eq!(fitted.best_score, Some(1.0));
    let loss = |epoch: u32| {
        let of_epoch = |f: &&Figure| f.epoch == epoch && f.step.is_none() && f.term == "loss";
        fitted.figures.iter().find(of_epoch).unwrap().value
    };
    assert!(loss(40) < 0.1 * loss(1), "{} after {}", loss(40), loss(1));
}

#[test]
fn a_stopped_training_ends_like_one_that_was_not() {
    let config = config(5);
    let whole = tempfile::tempdir().unwrap();
    let (expected, expected_bytes, _) = train(whole.path(), &config, None);
    let steps = expected.figures.iter().filter(|f| f.term == "learning_rate").count();
    assert_eq!(steps, 20);
    // After every step, mid-epoch, at the ends of epochs, and at the very last step.
    for (every, stops) in [(1, 20), (3, 6), (4, 5), (20, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let (fitted, bytes, stopped) = train(dir.path(), &config, Some(every));
        assert_eq!(stopped, stops);
        assert_eq!(fitted.figures, expected.figures, "every {every}");
        assert_eq!(fitted.best_epoch, expected.best_epoch, "every {every}");
        assert_eq!(fitted.best_score, expected.best_score, "every {every}");
        assert!(bytes == expected_bytes, "every {every}: other weights");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let config = config(3);
    let runs: Vec<(Fitted, Vec<u8>)> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let dir = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (fitted, bytes, _) = pool.install(|| train(dir.path(), &config, None));
            (fitted, bytes)
        })
        .collect();
    for (fitted, bytes) in &runs[1..] {
        assert_eq!(fitted.figures, runs[0].0.figures);
        assert!(*bytes == runs[0].1);
    }
    let other = FitConfig { seed: 8, ..config };
    let dir = tempfile::tempdir().unwrap();
    assert!(train(dir.path(), &other, None).1 != runs[0].1, "the seed decides nothing");
}

#[test]
fn a_loss_that_is_not_a_number_stops_and_names_the_step() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(3);
    let (mut task, parameters) = Memory::new();
    task.poison = Some(5);
    let checkpoint = checkpoint(dir.path(), &config);
    let fault = fit(&task, &parameters, &config, &checkpoint, &watch(None)).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Failure);
    let message = fault.to_string();
    for part in ["training step 6 (epoch 2)", "NaN", "lower the learning rate"] {
        assert!(message.contains(part), "{message}");
    }
    // The checkpoint is that of the first epoch: without the poison, training goes on from it.
    let (task, parameters) = Memory::new();
    let fitted = fit(&task, &parameters, &config, &checkpoint, &watch(None)).unwrap();
    let other = tempfile::tempdir().unwrap();
    assert_eq!(fitted.figures, train(other.path(), &config, None).0.figures);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = config(3);
    let (task, parameters) = Memory::new();
    let stopped = fit(&task, &parameters, &first, &checkpoint(dir.path(), &first), &watch(Some(2)));
    assert!(matches!(stopped, Err(Fault::Interrupted { .. })));
    let other = FitConfig { learning_rate: 2e-2, ..first.clone() };
    let (task, parameters) = Memory::new();
    let fault =
        fit(&task, &parameters, &other, &checkpoint(dir.path(), &other), &watch(None)).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput);
    assert!(fault.to_string().contains("memory.checkpoint"), "{fault}");
    // It is still there for its own training, and `remove` takes it away.
    let own = checkpoint(dir.path(), &first);
    let (task, parameters) = Memory::new();
    let fitted = fit(&task, &parameters, &first, &own, &watch(None)).unwrap();
    assert_eq!(fitted.figures.iter().filter(|f| f.term == "learning_rate").count(), 12);
    own.remove().unwrap();
    assert!(!own.directory().exists());
    own.remove().unwrap();
}

#[test]
fn a_damaged_checkpoint_is_bad_input() {
    let config = config(2);
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("state.safetensors", |file| std::fs::write(file, b"short").unwrap()),
        ("state.safetensors", |file| save_weights(file, &Default::default()).unwrap()),
        ("state.json", |file| std::fs::write(file, b"{\"step\": 1").unwrap()),
        ("state.json", |file| std::fs::remove_file(file).unwrap()),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let own = checkpoint(dir.path(), &config);
        let (task, parameters) = Memory::new();
        assert!(fit(&task, &parameters, &config, &own, &watch(Some(1))).is_err());
        damage(&own.directory().join(name));
        let (task, parameters) = Memory::new();
        let fault = fit(&task, &parameters, &config, &own, &watch(None)).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
        assert!(fault.to_string().contains(name), "{fault}");
    }
}

#[test]
fn early_stopping_keeps_the_weights_of_the_best_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let config = FitConfig { patience: Some(2), ..config(9) };
    let (mut task, parameters) = Memory::new();
    task.score = Score::Scripted(vec![0.1, 0.5, 0.4, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9]);
    let own = checkpoint(dir.path(), &config);
    let fitted = fit(&task, &parameters, &config, &own, &watch(None)).unwrap();
    // Epoch 4 only equals epoch 2, so patience ends there and the 0.9 is never seen.
    assert_eq!((fitted.best_epoch, fitted.best_score), (2, Some(0.5)));
    let digests = task.digests.lock().unwrap();
    assert_eq!(digests.len(), 4);
    assert_eq!(weights_digest(&parameters.tensors()).unwrap(), digests[1]);
    assert_ne!(digests[1], digests[3]);
}

#[test]
fn without_a_score_the_last_weights_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let config = FitConfig { patience: Some(1), ..config(3) };
    let (mut task, parameters) = Memory::new();
    task.score = Score::None;
    let own = checkpoint(dir.path(), &config);
    let fitted = fit(&task, &parameters, &config, &own, &watch(None)).unwrap();
    assert_eq!((fitted.best_epoch, fitted.best_score), (3, None));
    let digests = task.digests.lock().unwrap();
    assert_eq!(weights_digest(&parameters.tensors()).unwrap(), digests[2]);
}

#[test]
fn impossible_configurations_and_empty_tasks_are_usage_faults() {
    let dir = tempfile::tempdir().unwrap();
    let sound = config(1);
    let wrong = [
        FitConfig { epochs: 0, ..sound.clone() },
        FitConfig { batch: 0, ..sound.clone() },
        FitConfig { shards: 0, ..sound.clone() },
        FitConfig { learning_rate: f64::NAN, ..sound.clone() },
        FitConfig { learning_rate: -1.0, ..sound.clone() },
        FitConfig { clip: 0.0, ..sound.clone() },
        FitConfig { warm_up: 1.0, ..sound.clone() },
        FitConfig { weight_decay: f64::INFINITY, ..sound.clone() },
    ];
    for config in wrong {
        let (task, parameters) = Memory::new();
        let own = checkpoint(dir.path(), &sound);
        let fault = fit(&task, &parameters, &config, &own, &watch(None)).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
    }
    let (mut task, parameters) = Memory::new();
    task.windows.clear();
    let own = checkpoint(dir.path(), &sound);
    let fault = fit(&task, &parameters, &sound, &own, &watch(None)).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn a_time_decides_the_number_of_epochs_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let planned = |most: u32, hours: f64, directory: &Path| {
        let (task, parameters) = Memory::new();
        let before = bytes(&parameters);
        let config = FitConfig { hours: Some(hours), ..config(most) };
        let planned = plan(&task, &parameters, &config, directory, &watch(None));
        assert!(bytes(&parameters) == before, "the trial has changed weights");
        planned
    };
    // There is time for all, and for not even one: one is made.
    assert_eq!(planned(3, 1.0, dir.path()).unwrap(), config(3));
    assert_eq!(planned(3, 1e-9, dir.path()).unwrap(), config(1));
    for hours in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let fault = planned(3, hours, dir.path()).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
        assert!(fault.to_string().contains("hours must be positive"), "{fault}");
    }
    // A training that was begun goes on with its own number, however fast the machine is now.
    let begun = config(4);
    let (task, parameters) = Memory::new();
    let stopped = fit(&task, &parameters, &begun, &checkpoint(dir.path(), &begun), &watch(Some(2)));
    assert_eq!(stopped.unwrap_err().exit_code(), ExitCode::Interrupted);
    let left = dir.path().join("memory.checkpoint");
    assert_eq!(planned(9, 1e-9, &left).unwrap(), begun);
    let fault = planned(3, 1.0, &left).unwrap_err();
    assert!(fault.to_string().contains("was begun with 4 epochs"), "{fault}");
}

/// More parts need less memory and give the same gradient but for rounding.
#[test]
fn gradients_are_accumulated_over_the_parts_of_a_batch() {
    let loss = |shards: usize| {
        let dir = tempfile::tempdir().unwrap();
        let config = FitConfig { batch: 16, shards, ..config(6) };
        let (task, parameters) = Memory::without_dropout();
        let checkpoint = checkpoint(dir.path(), &config);
        let fitted = fit(&task, &parameters, &config, &checkpoint, &watch(None)).unwrap();
        fitted.figures.iter().rev().find(|f| f.term == "loss").unwrap().value
    };
    let (whole, parts) = (loss(1), loss(16));
    assert!((whole - parts).abs() < 1e-4 * whole, "{whole} in one part, {parts} in sixteen");
}

/// A task may learn from its steps, such as the price of a token: it must not forget.
#[test]
fn a_task_that_goes_on_is_told_of_the_steps_before() {
    let config = config(3);
    let told = |every: Option<u32>| {
        let dir = tempfile::tempdir().unwrap();
        loop {
            let (task, parameters) = Memory::new();
            let checkpoint = checkpoint(dir.path(), &config);
            if fit(&task, &parameters, &config, &checkpoint, &watch(every)).is_ok() {
                return task.told.into_inner().unwrap();
            }
        }
    };
    let whole = told(None);
    assert_eq!(whole.len(), 12);
    assert!(whole.iter().all(|(terms, pace)| terms.len() == 1 && *pace > 0.0 && *pace <= 1.0));
    assert!(whole.iter().any(|(_, pace)| *pace == 1.0));
    assert_eq!(told(Some(5)), whole);
}
