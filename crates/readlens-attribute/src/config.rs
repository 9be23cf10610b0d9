use readlens_batch::Description;
use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_nn::scores::Averaging;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

use crate::method::Method;

/// Everything that decides the masks, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Methods with their settings, in the order of a window's rows.
    pub methods: Vec<Method>,
    /// Only windows of this split; all windows otherwise.
    pub split: Option<Split>,
    /// Maximum number of windows, drawn without replacement; all windows otherwise.
    pub limit: Option<usize>,
    /// Fraction of the tokens that the hard mask keeps, in (0, 1].
    pub area: f64,
    /// How scores are averaged.
    #[serde(flatten)]
    pub averaging: Averaging,
    /// One mask per rank instead of one for all.
    pub mask_per_rank: bool,
    /// Seed of every draw.
    pub seed: u64,
    /// Seed of the taxa of other windows that are explained; the window's own predictions are
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_class: Option<u64>,
    /// Precision of the classifier's products.
    pub precision: Precision,
}

/// What the manifest says: the configuration, and the program that answered where one did.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded<'a> {
    #[serde(flatten)]
    pub(crate) config: &'a Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predictor: Option<Description>,
}

impl Default for Config {
    /// No method yet, and a tenth of the tokens of every window.
    fn default() -> Self {
        Self {
            methods: Vec::new(),
            split: None,
            limit: None,
            area: 0.1,
            averaging: Averaging::NONE,
            mask_per_rank: false,
            seed: 1,
            wrong_class: None,
            precision: Precision::F32,
        }
    }
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if self.methods.is_empty() {
            return Err(Fault::usage("name at least one --method"));
        }
        for (i, method) in self.methods.iter().enumerate() {
            if self.methods[..i].iter().any(|earlier| earlier.name() == method.name()) {
                return Err(Fault::usage(format!(
                    "--method names {} twice; write two tables, because rows are told apart by \
                     the method's name",
                    method.name()
                )));
            }
            method.check().map_err(|problem| Fault::usage(format!("--method {problem}")))?;
        }
        if self.wrong_class.is_some()
            && let Some(method) = self.methods.iter().find(|method| !method.explains_a_taxon())
        {
            return Err(Fault::usage(format!(
                "--wrong-class asks for another taxon, and {} asks for none: leave out one of the \
                 two",
                method.name()
            )));
        }
        if !(self.area > 0.0 && self.area <= 1.0) {
            return Err(Fault::usage(format!(
                "--area must be above 0 and at most 1, not {}",
                self.area
            )));
        }
        if self.limit == Some(0) {
            return Err(Fault::usage("--limit must be 1 or more, not 0"));
        }
        self.averaging.validate()
    }
}
