use std::collections::HashMap;
use std::sync::Arc;

use readlens_text::MAX_NAME_BYTES;

use super::Wrong;

/// Bytes that a name takes beside its text.
const BYTES_BESIDE: usize = 64;

/// Names kept once and numbered from 1; 0 is no name.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    bytes: usize,
}

impl Names {
    /// The number of `name`; 0 for none.
    ///
    /// # Errors
    /// It is too long.
    pub(super) fn number(&mut self, name: Option<&str>) -> Result<u32, Wrong> {
        let Some(name) = name else { return Ok(0) };
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(Wrong {
                expected: format!("a name of at most {MAX_NAME_BYTES} bytes"),
                found: format!("{} bytes", name.len()),
                remedy: "shorten it, or name the right column in the options".to_owned(),
            });
        }
        self.bytes += name.len() + BYTES_BESIDE;
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        let number = self.names.len() as u32;
        self.numbers.insert(name, number);
        Ok(number)
    }

    /// Whether every name is a number.
    pub(super) fn are_numbers(&self) -> bool {
        !self.names.is_empty() && self.names.iter().all(|name| name.parse::<f64>().is_ok())
    }

    /// Memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The name with `number`.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        Some(self.names.get(number.checked_sub(1)? as usize)?)
    }

    /// All names in the order of their numbers.
    pub(super) fn into_names(self) -> Vec<Arc<str>> {
        self.names
    }
}
