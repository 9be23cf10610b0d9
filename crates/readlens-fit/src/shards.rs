use std::ops::Range;

/// Cuts the rows of a batch into at most `shards` parts of equal size; the last may be smaller.
///
/// A part is computed on one thread, and the cut decides the order of additions: it depends on the
/// numbers of rows and shards alone.
pub fn shards_of(rows: usize, shards: usize) -> impl Iterator<Item = Range<usize>> {
    let size = rows.div_ceil(shards.max(1)).max(1);
    (0..rows).step_by(size).map(move |first| first..(first + size).min(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_row_once() {
        let cut = |rows, shards| shards_of(rows, shards).collect::<Vec<_>>();
        assert_eq!(cut(7, 3), [0..3, 3..6, 6..7]);
        assert_eq!(cut(8, 4), [0..2, 2..4, 4..6, 6..8]);
        assert_eq!(cut(2, 4), [0..1, 1..2]);
        // Four parts of two rows would need more rows: three are enough.
        assert_eq!(cut(5, 4), [0..2, 2..4, 4..5]);
        assert!(cut(0, 4).is_empty());
    }
}
