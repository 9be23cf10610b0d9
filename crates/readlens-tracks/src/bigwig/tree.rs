//! Search trees as bigWig has them: nodes of a type, a count and entries, the root first.

use std::ops::Range;

/// Most entries of a node.
pub(super) const BLOCK: usize = 256;
/// Bytes before the entries of a node.
const HEAD: usize = 4;

/// What makes the entries of a tree; all are of a fixed size.
pub(super) trait Entries {
    /// Bytes of an entry of a leaf.
    fn leaf_bytes(&self) -> usize;
    /// Bytes of an entry of another node.
    fn inner_bytes(&self) -> usize;
    /// Writes the entry of an item.
    fn leaf(&self, item: usize, out: &mut Vec<u8>);
    /// Writes the entry of a node that holds these items and lies at `offset` of the file.
    fn inner(&self, items: Range<usize>, offset: u64, out: &mut Vec<u8>);
}

/// Writes the nodes of a tree of `items` items, the first at `offset` of the file.
pub(super) fn nodes(items: usize, entries: &impl Entries, offset: u64) -> Vec<u8> {
    // Items below an entry, by level from the root down to the leaves.
    let mut below = vec![1];
    while below[0] * BLOCK < items {
        below.insert(0, below[0] * BLOCK);
    }
    let mut out = Vec::new();
    for (level, &each) in below.iter().enumerate() {
        let is_leaf = level + 1 == below.len();
        let count = items.div_ceil(each);
        // The children follow this level. All but the last of them are full.
        let size = if is_leaf { entries.leaf_bytes() } else { entries.inner_bytes() };
        let level_bytes = count.div_ceil(BLOCK).max(1) * HEAD + count * size;
        let children = offset + (out.len() + level_bytes) as u64;
        let is_child_leaf = level + 2 == below.len();
        let child_size = if is_child_leaf { entries.leaf_bytes() } else { entries.inner_bytes() };
        let child_bytes = (HEAD + BLOCK * child_size) as u64;
        let starts: Vec<usize> = (0..count.max(1)).step_by(BLOCK).collect();
        for start in starts {
            let end = (start + BLOCK).min(count);
            out.extend([u8::from(is_leaf), 0]);
            out.extend(((end - start) as u16).to_le_bytes());
            for entry in start..end {
                if is_leaf {
                    entries.leaf(entry, &mut out);
                } else {
                    let held = entry * each..((entry + 1) * each).min(items);
                    entries.inner(held, children + entry as u64 * child_bytes, &mut out);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// Items are their numbers; an inner entry is its first item and the offset of its node.
    struct Numbers;

    impl Entries for Numbers {
        fn leaf_bytes(&self) -> usize {
            4
        }

        fn inner_bytes(&self) -> usize {
            12
        }

        fn leaf(&self, item: usize, out: &mut Vec<u8>) {
            out.extend((item as u32).to_le_bytes());
        }

        fn inner(&self, items: Range<usize>, offset: u64, out: &mut Vec<u8>) {
            out.extend((items.start as u32).to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
    }

    fn number(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// All items below the node at `at`, which must begin with `first`.
    fn items(bytes: &[u8], at: usize, offset: u64, first: Option<u32>) -> Vec<u32> {
        let count = usize::from(u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]));
        assert!(count <= BLOCK);
        let mut found = Vec::new();
        for entry in 0..count {
            if bytes[at] == 1 {
                found.push(number(bytes, at + 4 + 4 * entry));
            } else {
                let place = at + 4 + 12 * entry;
                let child = u64::from_le_bytes(bytes[place + 4..place + 12].try_into().unwrap());
                let child = (child - offset) as usize;
                found.extend(items(bytes, child, offset, Some(number(bytes, place))));
            }
        }
        assert!(first.is_none_or(|first| found[0] == first));
        found
    }

    #[test]
    fn every_item_is_found_from_the_root() {
        for count in [0, 1, BLOCK, BLOCK + 1, BLOCK * BLOCK, BLOCK * BLOCK + 1] {
            let bytes = nodes(count, &Numbers, 1000);
            let expected: Vec<u32> = (0..count as u32).collect();
            assert_eq!(items(&bytes, 0, 1000, None), expected, "{count}");
        }
    }
}
