use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sha2::{Digest, Sha256};

/// 96 bits of SHA-256: among a billion identifiers, two different ones share them with a
/// probability of 1 in 10^11.
pub(crate) type Fingerprint = [u32; 3];

/// The fingerprint of `id`: 12 bytes whatever its length.
pub(crate) fn fingerprint(id: &str) -> Fingerprint {
    let digest = Sha256::digest(id.as_bytes());
    let word = |at: usize| {
        digest[at..at + 4].iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
    };
    [word(0), word(4), word(8)]
}

/// The identifiers seen so far, as fingerprints: 16 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Identifiers {
    /// Ordinal of the record that has it, or how many have it.
    seen: HashMap<Fingerprint, u32>,
}

impl Identifiers {
    /// Notes that record `ordinal` (from 1, over all files) has `id`; returns the ordinal of an
    /// earlier record with the same one. Ordinals beyond the 32-bit range are kept as the last.
    pub(crate) fn insert(&mut self, id: &str, ordinal: u64) -> Option<u64> {
        let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
        match self.seen.entry(fingerprint(id)) {
            Entry::Occupied(earlier) => Some((*earlier.get()).into()),
            Entry::Vacant(place) => {
                place.insert(ordinal);
                None
            }
        }
    }

    /// `id`, or where an earlier record has it, `id#2`, `id#3` and so on: the first that none has.
    /// Not to be mixed with [`Identifiers::insert`].
    pub(crate) fn numbered(&mut self, id: &str) -> String {
        let mut name = id.to_owned();
        loop {
            match self.seen.entry(fingerprint(&name)) {
                Entry::Vacant(place) => {
                    place.insert(1);
                    return name;
                }
                Entry::Occupied(taken) if name == id => {
                    let count = taken.into_mut();
                    *count = count.saturating_add(1);
                    name = format!("{id}#{count}");
                }
                // A record of its own is called like that.
                Entry::Occupied(_) => name.push_str("#2"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_records_of_one_name_get_numbers() {
        let mut identifiers = Identifiers::default();
        let names = ["a", "b", "a", "a", "a#3", "b#2", "b"].map(|id| identifiers.numbered(id));
        assert_eq!(names, ["a", "b", "a#2", "a#3", "a#3#2", "b#2", "b#2#2"]);
    }
}
