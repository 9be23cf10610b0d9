use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// 96 bits of SHA-256: among a billion identifiers, two different ones share them with a
/// probability of 1 in 10^11.
type Fingerprint = [u32; 3];

/// The identifiers seen so far, as fingerprints: 16 bytes each whatever their length.
#[derive(Debug, Default)]
pub(crate) struct Identifiers {
    seen: HashMap<Fingerprint, u32>,
}

impl Identifiers {
    /// Notes that record `ordinal` (from 1, over all files) has `id`; returns the ordinal of an
    /// earlier record with the same one. Ordinals beyond the 32-bit range are kept as the last.
    pub(crate) fn insert(&mut self, id: &str, ordinal: u64) -> Option<u64> {
        let digest = Sha256::digest(id.as_bytes());
        let word = |at: usize| {
            digest[at..at + 4].iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
        };
        let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
        match self.seen.entry([word(0), word(4), word(8)]) {
            std::collections::hash_map::Entry::Occupied(earlier) => Some((*earlier.get()).into()),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(ordinal);
                None
            }
        }
    }
}
