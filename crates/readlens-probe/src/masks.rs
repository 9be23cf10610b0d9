use readlens_tables::vocabulary::{MaskName, Over, Split};

use crate::seen::Window;

/// Every mask of one method and rank, as a probe sees it.
#[derive(Debug)]
pub(crate) struct Masks {
    pub(crate) name: MaskName,
    /// Features of each mask, one after the other.
    pub(crate) features: Vec<f32>,
    /// Record of each, as a place in its names.
    pub(crate) records: Vec<u32>,
    /// Taxa of each at every rank of the tokens table, as places in their names.
    pub(crate) taxa: Vec<Option<u32>>,
    /// The windows, where models are retrained on them; empty otherwise.
    pub(crate) windows: Vec<Window>,
    /// Ordinal of the window of the last one.
    pub(crate) last: Option<u64>,
    over: Option<Over>,
}

impl Masks {
    pub(crate) fn new(name: MaskName) -> Self {
        Self {
            name,
            features: Vec::new(),
            records: Vec::new(),
            taxa: Vec::new(),
            windows: Vec::new(),
            last: None,
            over: None,
        }
    }

    /// Takes note of a window's split.
    pub(crate) fn note_split(&mut self, split: Option<Split>) {
        let over = Over::of(split);
        self.over = Some(match self.over {
            Some(before) if before != over => Over::All,
            _ => over,
        });
    }

    /// The split of all windows, or all where they have several.
    pub(crate) fn over(&self) -> Over {
        self.over.unwrap_or(Over::All)
    }
}
