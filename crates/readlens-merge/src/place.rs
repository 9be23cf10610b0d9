use std::fmt;
use std::str::FromStr;

/// A shard's place among its siblings: `i/n`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShardPlace {
    /// Which shard, from 1.
    pub(crate) index: u32,
    /// Of how many.
    pub(crate) count: u32,
}

impl ShardPlace {
    /// The only shard of a table.
    pub(crate) const WHOLE: Self = Self { index: 1, count: 1 };
}

impl FromStr for ShardPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (index, count) = text.split_once('/').ok_or(())?;
        let number = |text: &str| {
            // `parse` takes a sign; a place has none.
            text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().ok_or(())
        };
        let place = Self { index: number(index)?, count: number(count)? };
        (1..=place.count).contains(&place.index).then_some(place).ok_or(())
    }
}

impl fmt::Display for ShardPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one() {
        assert_eq!("2/7".parse(), Ok(ShardPlace { index: 2, count: 7 }));
        for text in ["", "1", "0/3", "4/3", "+1/3", "1/3/5", " 1/3", "/", "1/0", "1/99999999999"] {
            assert_eq!(text.parse::<ShardPlace>(), Err(()), "{text:?}");
        }
    }
}
