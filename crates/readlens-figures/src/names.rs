use std::collections::HashMap;

/// Names of methods, operators and ranks, each kept once; keys hold their places.
#[derive(Debug, Default)]
pub struct Names {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    /// The place of `name`, which is kept if it is new.
    pub fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    /// The name at `place`.
    ///
    /// # Panics
    /// `place` is not one that [`Names::place`] gave.
    pub fn name(&self, place: u32) -> &str {
        &self.names[place as usize]
    }

    /// The names, in the order of their places.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
