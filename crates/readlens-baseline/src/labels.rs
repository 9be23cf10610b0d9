use std::collections::BTreeMap;

use readlens_linear::Examples;

use crate::kmers::Kmers;
use crate::windows::Windows;

/// The taxa of a rank that occur in the training windows; the classes are their places by name.
#[derive(Debug)]
pub(crate) struct Taxa(BTreeMap<String, u32>);

impl Taxa {
    pub(crate) fn of(train: &Windows, rank: usize) -> Self {
        let names = train.taxa.iter().filter_map(|taxa| taxa[rank].clone());
        let mut taxa: BTreeMap<String, u32> = names.map(|name| (name, 0)).collect();
        taxa.values_mut().zip(0..).for_each(|(class, place)| *class = place);
        Self(taxa)
    }

    /// Number of classes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Class of a taxon; none for one that was never learned.
    pub(crate) fn class(&self, taxon: &str) -> Option<u32> {
        self.0.get(taxon).copied()
    }
}

/// How counts go into a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As they are.
    Counts,
    /// As a vector of length 10: windows of all lengths alike, and single features near the size
    /// of 1 that the learning rate is meant for.
    Length,
}

/// Length of the vectors of [`Scale::Length`].
const LENGTH: f32 = 10.0;

/// Windows with a label of one rank.
#[derive(Debug)]
pub(crate) struct Labelled<'a> {
    windows: &'a Windows,
    kmers: &'a Kmers,
    scale: Scale,
    /// Which windows.
    pub(crate) places: Vec<usize>,
    /// Class of each; none for a taxon that was never learned.
    pub(crate) classes: Vec<Option<u32>>,
}

impl<'a> Labelled<'a> {
    pub(crate) fn new(
        windows: &'a Windows,
        kmers: &'a Kmers,
        scale: Scale,
        rank: usize,
        taxa: &Taxa,
    ) -> Self {
        let labels = windows.taxa.iter().enumerate();
        let labels = labels.filter_map(|(place, taxa)| Some((place, taxa[rank].as_deref()?)));
        let (places, classes) = labels.map(|(place, name)| (place, taxa.class(name))).unzip();
        Self { windows, kmers, scale, places, classes }
    }
}

impl Examples for Labelled<'_> {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn features(&self) -> usize {
        self.kmers.features()
    }

    fn write(&self, example: usize, features: &mut [f32]) {
        self.kmers.write(self.windows.codes(self.places[example]), features);
        if self.scale == Scale::Length {
            let square: f32 = features.iter().map(|count| count * count).sum();
            if square > 0.0 {
                let factor = LENGTH / square.sqrt();
                features.iter_mut().for_each(|count| *count *= factor);
            }
        }
    }

    /// A taxon that was never learned is a class that no model has.
    fn class(&self, example: usize) -> u32 {
        self.classes[example].unwrap_or(u32::MAX)
    }
}
