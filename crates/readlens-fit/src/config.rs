use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::budget::check_hours;

/// Most epochs that make sense; more is a slip of the keyboard.
const MOST_EPOCHS: u32 = 1_000_000;

/// How a network is trained, apart from its loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitConfig {
    /// Passes over the training examples.
    pub epochs: u32,
    /// Hours that the passes may take, which [`plan`](crate::plan) turns into their number; no part
    /// of the work that is described.
    #[serde(skip)]
    pub hours: Option<f64>,
    /// Examples per optimiser step.
    pub batch: usize,
    /// Parts a batch is cut into; each is computed on one thread. Part of the configuration, and
    /// not of the machine, because it decides the order of additions.
    pub shards: usize,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Largest learning rate of the rows of tables, where the network has any.
    #[serde(default)]
    pub table_learning_rate: f64,
    /// Share of all steps over which the learning rate rises from 0 to its largest.
    pub warm_up: f64,
    /// Decoupled weight decay of matrices; vectors and embeddings have none.
    pub weight_decay: f64,
    /// Largest norm of the gradient over all parameters but the rows of tables.
    pub clip: f64,
    /// Epochs without a better validation score before training stops; none: never.
    pub patience: Option<u32>,
    /// Seed of every random choice.
    pub seed: u64,
}

impl FitConfig {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("epochs", f64::from(self.epochs)),
            ("batch", self.batch as f64),
            ("shards", self.shards as f64),
            ("learning-rate", self.learning_rate),
            ("clip", self.clip),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Fault::usage(format!("{name} must be positive, not {value}")));
            }
        }
        if self.epochs > MOST_EPOCHS {
            let epochs = self.epochs;
            return Err(Fault::usage(format!(
                "epochs must be at most {MOST_EPOCHS}, not {epochs}"
            )));
        }
        self.hours.map_or(Ok(()), check_hours)?;
        if self.patience == Some(0) {
            return Err(Fault::usage("patience must be 1 or more epochs"));
        }
        let rate = self.table_learning_rate;
        if !(rate >= 0.0 && rate.is_finite()) {
            return Err(Fault::usage(format!("table-learning-rate must be 0 or more, not {rate}")));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(Fault::usage(format!("warm-up must be in [0, 1), not {}", self.warm_up)));
        }
        if !(0.0..1.0).contains(&self.weight_decay) {
            let decay = self.weight_decay;
            return Err(Fault::usage(format!("weight-decay must be in [0, 1), not {decay}")));
        }
        Ok(())
    }
}
