use std::collections::HashMap;

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
        let name = match split {
            Some("train") => "train",
            Some("valid") => "valid",
            Some("test") => "test",
            _ => "unassigned",
        };
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

/// Names, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    /// The place of `name`, which is kept if it is new.
    pub(crate) fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    pub(crate) fn name(&self, place: u32) -> &str {
        &self.names[place as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
