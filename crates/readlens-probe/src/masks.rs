use readlens_figures::Split;

/// Every mask of one method and rank, as a probe sees it.
#[derive(Debug)]
pub(crate) struct Masks {
    pub(crate) method: String,
    pub(crate) rank: String,
    /// Features of each mask, one after the other.
    pub(crate) features: Vec<f32>,
    /// Record of each, as a place in its names.
    pub(crate) records: Vec<u32>,
    /// Taxa of each at every rank of the tokens table, as places in their names.
    pub(crate) taxa: Vec<Option<u32>>,
    /// Ordinal of the window of the last one.
    pub(crate) last: Option<u64>,
    split: Option<&'static str>,
}

impl Masks {
    pub(crate) fn new(method: String, rank: String) -> Self {
        Self {
            method,
            rank,
            features: Vec::new(),
            records: Vec::new(),
            taxa: Vec::new(),
            last: None,
            split: None,
        }
    }

    /// Takes note of a window's split.
    pub(crate) fn note_split(&mut self, split: Option<&str>) {
        let name = Split::named(split).unwrap_or(Split::Unassigned).name();
        self.split = Some(match self.split {
            Some(before) if before != name => "all",
            _ => name,
        });
    }

    /// The split of all windows, or `all` where they have several.
    pub(crate) fn split(&self) -> &'static str {
        self.split.unwrap_or("all")
    }
}
