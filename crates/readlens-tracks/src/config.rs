use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_stage::refuse_without;
use readlens_tables::vocabulary::{MaskName, Name, Ranks};
use serde::Serialize;

/// Where the stage reads and writes.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Masks on bases.
    pub bases: PathBuf,
    /// Predictions for the records, which name the taxa.
    pub predictions: Option<PathBuf>,
    /// Files of the sequences, in the order in which they were tokenized.
    pub sequences: Vec<PathBuf>,
    /// Table of stretches to write.
    pub stretches: PathBuf,
    /// BED of the stretches to write, if wanted.
    pub bed: Option<PathBuf>,
    /// GFF3 of the stretches to write, if wanted.
    pub gff3: Option<PathBuf>,
    /// bedGraph of the merged mask to write, if wanted.
    pub bedgraph: Option<PathBuf>,
    /// bigWig of the merged mask to write, if wanted.
    pub bigwig: Option<PathBuf>,
    /// FASTA with unread bases in lower case to write, if wanted.
    pub masked_fasta: Option<PathBuf>,
}

impl Paths {
    /// Everything that is written, the main table first.
    pub(crate) fn outputs(&self) -> Vec<&PathBuf> {
        std::iter::once(&self.stretches).chain(self.tracks().into_iter().flatten()).collect()
    }

    /// Everything that is read.
    pub(crate) fn inputs(&self) -> Vec<&PathBuf> {
        std::iter::once(&self.bases).chain(&self.predictions).chain(&self.sequences).collect()
    }

    /// Whether anything is written that holds one mask only.
    pub(crate) fn want_tracks(&self) -> bool {
        self.tracks().into_iter().any(Option::is_some)
    }

    fn tracks(&self) -> [&Option<PathBuf>; 5] {
        [&self.bed, &self.gff3, &self.bedgraph, &self.bigwig, &self.masked_fasta]
    }

    /// Refuses options that have no effect.
    pub(crate) fn validate(&self) -> Result<()> {
        let are_given = !self.sequences.is_empty();
        refuse_without(
            "--sequences",
            are_given,
            &[("--masked-fasta", self.masked_fasta.is_some())],
        )?;
        let is_used = self.masked_fasta.is_some() || self.gff3.is_some() || self.bigwig.is_some();
        refuse_without("--masked-fasta, --gff3 or --bigwig", is_used, &[("--sequences", are_given)])
    }
}

/// How the masks of several windows become one value of a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// The mean of the windows that cover the base.
    #[default]
    Mean,
    /// The largest value of them.
    Max,
}

impl Merge {
    /// Every rule.
    pub const ALL: &'static [Self] = &[Self::Mean, Self::Max];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// What it does.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Mean => "The mean of the windows that cover the base.",
            Self::Max => "The largest value of the windows that cover the base.",
        }
    }
}

/// Which masks of the table are taken; what is not said holds for any.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choice {
    /// Name of the method.
    pub method: Option<Name>,
    /// Replicate of the method, from 1.
    pub replicate: Option<u32>,
    /// Rank that the mask explains, or all.
    pub rank: Option<Ranks>,
}

impl Choice {
    /// Whether this mask is taken.
    pub(crate) fn takes(&self, mask: &MaskName) -> bool {
        self.method.as_ref().is_none_or(|method| *method == mask.method.name)
            && self.replicate.is_none_or(|replicate| replicate == mask.method.replicate)
            && self.rank.as_ref().is_none_or(|rank| *rank == mask.ranks)
    }
}

/// Everything that decides the stretches and tracks, apart from the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Value, 0 or more and below 1, above which a base is of a stretch.
    pub threshold: f32,
    /// How windows are merged.
    pub merge: Merge,
    /// Which masks are taken.
    pub choice: Choice,
}

impl Default for Config {
    /// Bases above 1/2, which hard masks keep too, by the mean of all windows.
    fn default() -> Self {
        Self { threshold: 0.5, merge: Merge::Mean, choice: Choice::default() }
    }
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.threshold) {
            return Err(Fault::usage(format!(
                "--threshold must be 0 or more and below 1, as a base must be above it, not {}",
                self.threshold
            )));
        }
        Ok(())
    }
}
