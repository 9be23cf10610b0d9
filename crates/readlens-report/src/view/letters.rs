use super::level::{class, level};
use crate::enrichment::clipped;
use crate::text::visible;
use readlens_text::Interval;

/// Bases in a line.
const LINE: usize = 60;
/// Bases in a block.
const BLOCK: usize = 10;
/// Longest window whose letters are written; a chromosome would make no page.
pub(crate) const MAX_LETTERS: usize = 20_000;
/// Maximum number of intervals named beside one line.
const MAX_NAMES: usize = 6;

/// Neighbouring bases of one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Style class of the level; none for bare background.
    pub(crate) class: Option<char>,
    pub(crate) letters: String,
    /// Whether a block begins here, after a gap.
    pub(crate) is_spaced: bool,
    pub(crate) is_underlined: bool,
}

/// One line of letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Position in the source of the first base, padded to one width.
    pub(crate) position: String,
    pub(crate) runs: Vec<Run>,
    /// Names of the intervals that touch the line.
    pub(crate) names: Vec<String>,
}

/// The bases in lines of six blocks of ten, coloured by `values`; `start` is the source position
/// of the first one.
pub(crate) fn lines(
    letters: &[u8],
    values: &[f32],
    start: u32,
    intervals: &[Interval],
) -> Vec<Line> {
    let levels: Vec<u8> = values.iter().map(|value| level(*value)).collect();
    let mut is_underlined = vec![false; letters.len()];
    for interval in intervals {
        is_underlined[clipped(interval, start, letters.len())].fill(true);
    }
    let width = (u64::from(start) + letters.len() as u64).to_string().len();
    let looks = |place: usize| (levels.get(place).copied().unwrap_or(0), is_underlined[place]);
    (0..letters.len())
        .step_by(LINE)
        .map(|first| {
            let end = (first + LINE).min(letters.len());
            let mut runs: Vec<Run> = Vec::new();
            for (offset, letter) in letters[first..end].iter().enumerate() {
                let place = first + offset;
                let starts_block = offset > 0 && offset.is_multiple_of(BLOCK);
                let letter = char::from(*letter);
                match runs.last_mut() {
                    Some(run) if !starts_block && looks(place) == looks(place - 1) => {
                        run.letters.push(letter);
                    }
                    _ => {
                        let (level, is_underlined) = looks(place);
                        runs.push(Run {
                            class: (level > 0).then(|| class(level)),
                            letters: letter.to_string(),
                            is_spaced: starts_block,
                            is_underlined,
                        });
                    }
                }
            }
            let on_line = |interval: &&Interval| {
                let range = clipped(interval, start, letters.len());
                range.start < end && range.end > first && !range.is_empty()
            };
            let mut names: Vec<String> = Vec::new();
            for interval in intervals.iter().filter(on_line) {
                let name = visible(&interval.name, 16);
                if !name.is_empty() && !names.contains(&name) && names.len() < MAX_NAMES {
                    names.push(name);
                }
            }
            Line { position: format!("{:>width$}", u64::from(start) + first as u64), runs, names }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_every_letter_once_and_runs_break_at_colours_blocks_and_intervals() {
        let letters: Vec<u8> = b"ACGT".iter().copied().cycle().take(130).collect();
        let mut values = vec![0.0; 130];
        values[5..15].fill(1.0);
        let region = Interval { start: 112, end: 113, name: "V1".into() };
        let lines = lines(&letters, &values, 100, &[region]);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1].position, "160");
        let text: String =
            lines.iter().flat_map(|l| l.runs.iter().map(|run| run.letters.as_str())).collect();
        assert_eq!(text.as_bytes(), letters);
        let first: Vec<(Option<char>, usize, bool, bool)> = lines[0].runs[..6]
            .iter()
            .map(|r| (r.class, r.letters.len(), r.is_spaced, r.is_underlined))
            .collect();
        assert_eq!(
            first,
            [
                (None, 5, false, false),
                (Some('o'), 5, false, false),
                (Some('o'), 2, true, false),
                (Some('o'), 1, false, true),
                (Some('o'), 2, false, false),
                (None, 5, false, false),
            ]
        );
        assert_eq!(lines[0].names, ["V1"]);
        assert!(lines[1].names.is_empty());
    }
}
