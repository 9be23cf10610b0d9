//! Numbers of features as rows of a table.

/// The row of a feature's `number` in a table of `rows`: the number itself where all `numbers` fit,
/// else its hash.
pub(crate) fn row_of(number: u64, numbers: Option<u64>, rows: u32) -> u32 {
    if numbers.is_some_and(|numbers| numbers <= u64::from(rows)) {
        return number as u32;
    }
    // The high half of a product is uniform without a division (Lemire 2019).
    ((u128::from(mixed(number)) * u128::from(rows)) >> 64) as u32
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every bit changes half of the others.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fit_are_rows_and_others_are_spread_evenly() {
        assert_eq!(row_of(4095, Some(4096), 4096), 4095);
        // The first number of the published generator with the seed 0.
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
        let mut counts = [0_u32; 16];
        for number in 0..16_000 {
            counts[row_of(number, Some(1 << 40), 16) as usize] += 1;
        }
        // 1000 each, with a standard deviation of 31.
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
