//! What answers for windows: a classifier of ours, or a program of somebody else's.

use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_nn::{Classifier, ClassifierConfig, RankClasses, WindowTokens};
use readlens_predictor::{Command, Description, Masking, Program};

use crate::inference::predict;
use crate::stream::CHUNKS_AT_ONCE;

/// Probabilities per window and rank, `[window][rank][taxon]`.
pub type Probabilities = Vec<Vec<Vec<f32>>>;

/// Where a stage finds what answers.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// The directory of a classifier.
    Directory(PathBuf),
    /// A program to start.
    Program(Command),
}

impl ModelSource {
    /// The directory that is read, where there is one.
    pub fn directory(&self) -> Option<&PathBuf> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Program(_) => None,
        }
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::Directory(directory) => directory.display().to_string(),
            Self::Program(command) => format!("predictor {}", command.name()),
        }
    }
}

/// Probabilities of taxa for windows, whole or under masks.
///
/// This is all that is asked of a model by a stage that only compares predictions.
/// [`Model::network`] is for those that need more.
pub trait Model: Send + Sync {
    /// Its ranks from the highest to the lowest, with their taxa in the order of probabilities.
    fn ranks(&self) -> &[RankClasses];

    /// Probabilities of `rows` under `masks`.
    ///
    /// `masks`: one factor, 0 to 1, per real token of each row (CLS excluded), or none for whole
    /// rows.
    ///
    /// # Errors
    /// A row is too long, the computation fails, or a program does something wrong.
    fn predict(&self, rows: &[WindowTokens], masks: Option<&[Vec<f32>]>) -> Result<Probabilities>;

    /// The classifier, where it is one of ours: its logits, gradients and embeddings.
    fn network(&self) -> Option<&Classifier> {
        None
    }

    /// Maximum number of tokens of a window, CLS included.
    fn max_tokens(&self) -> usize {
        self.shape().map_or(usize::MAX, ClassifierConfig::max_tokens)
    }

    /// The shape of the classifier, where it is one of ours.
    fn shape(&self) -> Option<&ClassifierConfig> {
        self.network().map(Classifier::config)
    }

    /// Whether tokens can be hidden in part; otherwise every factor is 0 or 1.
    fn reads_soft_masks(&self) -> bool {
        true
    }

    /// How many pieces of work may ask it at a time.
    fn at_once(&self) -> usize {
        CHUNKS_AT_ONCE
    }

    /// What a manifest says of it, besides the digest among its inputs.
    fn description(&self) -> Option<Description> {
        None
    }

    /// Lets it end: nothing more is asked. A stage calls this before its outputs take their places.
    ///
    /// # Errors
    /// A program does not end well.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
}

impl Model for Classifier {
    fn ranks(&self) -> &[RankClasses] {
        &self.config().ranks
    }

    fn predict(&self, rows: &[WindowTokens], masks: Option<&[Vec<f32>]>) -> Result<Probabilities> {
        predict(self, rows, masks)
    }

    fn network(&self) -> Option<&Classifier> {
        Some(self)
    }
}

/// A program, with its heads as networks name them.
#[derive(Debug)]
pub(crate) struct Answering {
    program: Program,
    ranks: Vec<RankClasses>,
}

impl Answering {
    pub(crate) fn new(program: Program) -> Self {
        let classes = |head: &readlens_predictor::Head| RankClasses {
            rank: head.rank.clone(),
            taxa: head.taxa.clone(),
        };
        Self { ranks: program.heads().iter().map(classes).collect(), program }
    }
}

impl Model for Answering {
    fn ranks(&self) -> &[RankClasses] {
        &self.ranks
    }

    fn predict(&self, rows: &[WindowTokens], masks: Option<&[Vec<f32>]>) -> Result<Probabilities> {
        let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids).collect();
        self.program.answer(&ids, masks)
    }

    fn reads_soft_masks(&self) -> bool {
        self.program.masking() == Masking::Factors
    }

    /// One, so that the program is asked the same in the same order by any number of threads.
    fn at_once(&self) -> usize {
        1
    }

    fn description(&self) -> Option<Description> {
        Some(self.program.description())
    }

    fn finish(&self) -> Result<()> {
        self.program.finish()
    }
}

/// Logarithms of probabilities, which are finite where one is 0: a program may round to it.
pub fn log_of(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect()
}

/// The fault of something that is asked of a program and that only networks of ours can do: `what`
/// it is, and what it `does`.
pub fn needs_a_network(what: &str, does: &str) -> Fault {
    Fault::usage(format!(
        "{what} {does}, which a predictor does not give: leave it out, or pass a --classifier"
    ))
}
