//! Which windows the tokens table has, in 16 bytes each.

use readlens_fault::{InputFault, Result};
use readlens_tables::vocabulary::Split;

/// Class of windows whose taxon at the finest rank is unknown.
pub(crate) const NO_CLASS: u32 = u32::MAX;

/// One window of the tokens table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// [`fingerprint`] of id and window.
    pub(crate) fingerprint: u64,
    /// Ordinal of the taxon at the finest rank, or [`NO_CLASS`].
    pub(crate) class: u32,
    /// Split it belongs to, where it belongs to one.
    pub(crate) split: Option<Split>,
}

/// All windows of a tokens table, found by fingerprint.
///
/// Two windows share a fingerprint with a probability of n²/2⁶⁵ (3 in a million for ten million
/// windows); a window could then be missed by a check or counted under another's split, but
/// what the page shows is looked up by id.
#[derive(Debug, Default)]
pub(crate) struct WindowIndex {
    entries: Vec<Entry>,
}

impl WindowIndex {
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        Self { entries }
    }

    /// The window with this id and ordinal; `fault` is about the row that names it.
    ///
    /// # Errors
    /// The tokens table has no such window.
    pub(crate) fn find(
        &self,
        id: &str,
        window: u32,
        fault: impl FnOnce() -> InputFault,
    ) -> Result<Entry> {
        let wanted = fingerprint(id, window);
        match self.entries.binary_search_by_key(&wanted, |entry| entry.fingerprint) {
            Ok(place) => Ok(self.entries[place]),
            Err(_) => Err(fault()
                .expected("a window of the tokens table")
                .found(format!("window {window} of {id:?}"))
                .remedy("pass tables that were made from the same tokens")
                .into()),
        }
    }
}

/// 64-bit FNV-1a of id and window, mixed; stable for ever: the choice of the gallery rests on it.
pub(crate) fn fingerprint(id: &str, window: u32) -> u64 {
    let bytes = id.bytes().chain([0xff]).chain(window.to_le_bytes());
    mixed(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }))
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): each input bit reaches each output bit.
pub(crate) fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
