//! What the page may say of the classifier: what its own artefacts tell, and nothing else.

use std::path::Path;

use readlens_fault::Result;
use readlens_provenance::{Artefact, Learned, read_json, what_it_learned_from};
use readlens_tables::vocabulary::Name;
use serde::Deserialize;

/// The classifier that the page is about.
#[derive(Debug, Default)]
pub(crate) struct Classifier {
    /// Its ranks with their numbers of taxa; empty where its directory is not given.
    pub(crate) ranks: Vec<(Name, usize)>,
    /// What it learned from; none where nothing tells.
    pub(crate) learned: Option<Learned>,
}

/// The part of a classifier's config.json that the page shows.
#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(default)]
    ranks: Vec<Rank>,
}

#[derive(Debug, Deserialize)]
struct Rank {
    rank: Name,
    taxa: Vec<String>,
}

impl Classifier {
    /// Reads the configuration in the classifier's directory, where it is given; the artefacts of
    /// the page tell what it learned from.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub(crate) fn of(directory: Option<&Path>, artefacts: &[Artefact]) -> Result<Self> {
        let shape: Option<Shape> =
            directory.map(|directory| read_json(&directory.join("config.json"))).transpose()?;
        let ranks = shape.into_iter().flat_map(|shape| shape.ranks);
        Ok(Self {
            ranks: ranks.map(|rank| (rank.rank, rank.taxa.len())).collect(),
            learned: what_it_learned_from(artefacts),
        })
    }
}
