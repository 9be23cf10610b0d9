//! Levels and values of a page, as far as they must be known before the parquet crate decodes them.

use super::limits::MAX_CELL_BYTES;
use super::thrift::Compact;
use super::unreadable::{Result, Unreadable};

/// Levels behind their length in bytes, and what follows them.
pub(super) fn levels_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Refuses texts, each behind its length, of which one is longer than a cell may be.
pub(super) fn check_texts(mut bytes: &[u8]) -> Result<()> {
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_CELL_BYTES {
            return Err(Unreadable::too_many("bytes of text in a cell", MAX_CELL_BYTES, length));
        }
        bytes = rest.get(length..).ok_or_else(|| Unreadable::damaged("a text that ends early"))?;
    }
    Ok(())
}

/// Refuses differences, behind their block size, blocks and number, that are more than the page's.
pub(super) fn check_deltas(bytes: &[u8], values: u32) -> Result<()> {
    const MOST_IN_BLOCK: u64 = 1 << 16;
    let mut numbers = Compact::new(bytes);
    let mut number = || numbers.varint().ok();
    match (number(), number(), number()) {
        (Some(block), Some(parts), Some(count))
            if block <= MOST_IN_BLOCK && parts <= block && count <= u64::from(values) =>
        {
            Ok(())
        }
        _ => Err(Unreadable::damaged("differences that are more than the values of their page")),
    }
}

/// Calls `each` with the levels and how often each comes, for `values` levels of `width` bits in
/// Parquet's hybrid of runs and bits.
pub(super) fn for_each_run(
    bytes: &[u8],
    width: u32,
    values: u32,
    mut each: impl FnMut(u64, u32),
) -> Result<()> {
    let damaged = || Unreadable::damaged("levels that end early");
    let (mut rest, mut left) = (Compact::new(bytes), values);
    while left > 0 {
        let header = rest.varint()?;
        let count = header >> 1;
        if header & 1 == 0 {
            let level = rest.take(width.div_ceil(8) as usize)?;
            let level = level.iter().rev().fold(0, |level, byte| level << 8 | u64::from(*byte));
            let count = count.min(u64::from(left)) as u32;
            if count == 0 {
                return Err(damaged());
            }
            each(level, count);
            left -= count;
        } else {
            // Groups of eight; the last one may be filled up.
            let bytes = usize::try_from(count).ok().and_then(|n| n.checked_mul(width as usize));
            let bits = rest.take(bytes.ok_or_else(damaged)?)?;
            if bits.is_empty() {
                return Err(damaged());
            }
            let bit = |at: usize| u64::from(bits[at / 8] >> (at % 8) & 1);
            let levels = (bits.len() * 8 / width as usize).min(left as usize);
            for place in 0..levels {
                let first = place * width as usize;
                let level = (0..width as usize).fold(0, |level, i| level | bit(first + i) << i);
                each(level, 1);
            }
            left -= levels as u32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn levels(bytes: &[u8], width: u32, values: u32) -> Result<Vec<u64>> {
        let mut levels = Vec::new();
        for_each_run(bytes, width, values, |level, count| {
            levels.extend(std::iter::repeat_n(level, count as usize));
        })?;
        Ok(levels)
    }

    #[test]
    fn levels_are_runs_and_bits() {
        // A run of five ones, then a group of eight bits of which three count.
        let mixed = [10, 1, 3, 0b0000_0101];
        assert_eq!(levels(&mixed, 1, 8).unwrap(), [1, 1, 1, 1, 1, 1, 0, 1]);
        // The format's own example: the numbers 0 to 7 in three bits each.
        let packed = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(levels(&packed, 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        // A run of 300 million is one call.
        let mut calls = 0;
        let long = [0x80, 0x8c, 0x8d, 0x9e, 0x02, 1];
        for_each_run(&long, 1, 300_000_000, |_, count| calls += count).unwrap();
        assert_eq!(calls, 300_000_000);
    }

    #[test]
    fn levels_that_lack_bytes_are_damaged() {
        for bytes in [&[][..], &[10], &[3], &[0, 1], &[1], &[0xff; 8], &[0xff, 0xff, 0xff, 0x0f]] {
            assert!(levels(bytes, 1, 8).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn texts_and_differences_are_bounded() {
        let text = |length: u32| length.to_le_bytes().to_vec();
        assert!(check_texts(&[text(1), vec![b'a'], text(0)].concat()).is_ok());
        assert!(check_texts(&text(1)).is_err());
        assert!(check_texts(&[text(1 << 17), vec![b'a'; 1 << 17]].concat()).is_err());
        // Blocks of 128 in 4 parts, 3 values; then as many as memory has no place for.
        assert!(check_deltas(&[0x80, 0x01, 4, 3, 0], 3).is_ok());
        assert!(check_deltas(&[0x80, 0x01, 4, 4, 0], 3).is_err());
        assert!(check_deltas(&[0x80, 0x01, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], 3).is_err());
        assert!(check_deltas(&[0x80, 0x80, 0x80, 0x01, 4, 3], 3).is_err());
    }
}
