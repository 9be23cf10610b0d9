use std::collections::HashMap;

/// Names kept once and numbered from 1; 0 is no name.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    counts: Vec<u32>,
}

impl Names {
    /// The number of `name`, and counts the use; 0 for none.
    pub(super) fn number(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return 0 };
        if let Some(&number) = self.numbers.get(name) {
            self.counts[number as usize - 1] += 1;
            return number;
        }
        self.names.push(name.into());
        self.counts.push(1);
        let number = self.names.len() as u32;
        self.numbers.insert(name.into(), number);
        number
    }

    /// The name with `number`.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        Some(self.names.get(number.checked_sub(1)? as usize)?)
    }

    /// How often the name with `number` was asked for.
    pub(super) fn count(&self, number: u32) -> u32 {
        number.checked_sub(1).map_or(0, |place| self.counts[place as usize])
    }

    /// How many names were asked for less than `least` times.
    pub(super) fn rarer_than(&self, least: u32) -> usize {
        self.counts.iter().filter(|&&count| count < least).count()
    }
}
