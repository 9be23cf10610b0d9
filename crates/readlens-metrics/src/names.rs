use std::collections::HashMap;
use std::hash::Hash;

/// Names of masks, operators or ranks, each kept once: keys hold their numbers, which are cheap to
/// copy and to compare.
#[derive(Debug)]
pub struct Names<T> {
    names: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { names: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    /// The number of `name`, which is kept if it is new.
    pub fn number(&mut self, name: &T) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    /// The name with a number.
    ///
    /// # Panics
    /// `number` is not one that [`Names::number`] gave.
    pub fn name(&self, number: u32) -> &T {
        &self.names[number as usize]
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The names, in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.names.iter()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
