//! Mask values in sixteen steps of colour.

/// Highest level; level 0 is the bare background.
pub(crate) const HIGHEST: u8 = 15;

/// Name of each level's style class: one letter, because a page has thousands.
const CLASSES: [char; 16] =
    ['x', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o'];

/// The level of a mask value in `[0, 1]`: the nearest sixteenth step.
pub(crate) fn level(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * f32::from(HIGHEST)).round() as u8
}

/// Style class of a level.
pub(crate) fn class(level: u8) -> char {
    CLASSES[usize::from(level.min(HIGHEST))]
}

/// The levels as hexadecimal digits, one per value.
pub(crate) fn digits(levels: &[u8]) -> String {
    levels.iter().filter_map(|level| char::from_digit(u32::from(*level), 16)).collect()
}

/// A scale's steps: class and the value in its middle.
pub(crate) fn steps() -> Vec<(char, String)> {
    (0..=HIGHEST).map(|l| (class(l), format!("{:.2}", f32::from(l) / f32::from(HIGHEST)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_nearest_steps() {
        assert_eq!([0.0, 0.03, 0.04, 0.5, 0.97, 1.0].map(level), [0, 0, 1, 8, 15, 15]);
        assert_eq!(digits(&[0, 9, 10, 15]), "09af");
    }
}
