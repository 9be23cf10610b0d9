use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

/// Which strands of a record are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strands {
    /// The sequence as it stands.
    #[default]
    Forward,
    /// Its reverse complement.
    Reverse,
    /// First the one, then the other.
    Both,
}

/// One strand, as the table of tokens has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strand {
    Forward,
    Reverse,
}

impl Strand {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Forward => "+",
            Self::Reverse => "-",
        }
    }
}

impl Strands {
    fn each(self) -> &'static [Strand] {
        match self {
            Self::Forward => &[Strand::Forward],
            Self::Reverse => &[Strand::Reverse],
            Self::Both => &[Strand::Forward, Strand::Reverse],
        }
    }
}

/// How a record is cut into windows.
///
/// Without a length the whole record is one window. With one, windows of exactly that length
/// begin every `length - overlap` bases; the last is anchored to the end of the record, so it
/// may overlap the one before it by more, but no base is lost and no window is short. A record
/// no longer than a window is one window. Windows of both strands lie at the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Length in nucleotides.
    pub length: Option<u32>,
    /// Nucleotides that two neighbouring windows share.
    pub overlap: u32,
    /// Nucleotides dropped at the start of each window in its reading direction; the window's
    /// coordinates are those after the drop.
    pub frame: u32,
    /// Strands that are read.
    pub strands: Strands,
    /// Minimum number of real tokens of a window that is kept.
    pub min_tokens: u32,
}

/// A window of a record; 0-based, half-open on the forward strand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    pub ordinal: u32,
    pub start: u32,
    pub end: u32,
    pub strand: Strand,
    /// Bases before the first whole codon in reading direction, where the frame was found.
    pub phase: Option<u8>,
    /// How sure the frame is, in nats, where it was looked for.
    pub gap: Option<f32>,
}

impl Windows {
    /// Checks the numbers against each other.
    ///
    /// # Errors
    /// [`Fault::Usage`] if windows would not advance or could hold no token.
    pub(crate) fn validate(&self, tokenization: &Tokenization) -> Result<()> {
        if self.min_tokens == 0 {
            return Err(Fault::usage("--min-tokens must be at least 1, but is 0"));
        }
        if self.min_tokens > 1 && tokenization.kmers().is_none() {
            return Err(Fault::usage(
                "--min-tokens counts k-mers, and how many of an imported model's tokens a window \
                 has depends on its letters; drop it",
            ));
        }
        if self.strands != Strands::Forward && !tokenization.alphabet.has_complement() {
            return Err(Fault::usage("this alphabet has no complement; read --strand forward"));
        }
        let Some(length) = self.length else {
            if self.overlap > 0 {
                return Err(Fault::usage("--overlap needs the length of a window: pass --window"));
            }
            return Ok(());
        };
        if self.overlap >= length {
            return Err(Fault::usage(format!(
                "--overlap must be below --window, but is {} of {length} nt; windows would not \
                 advance",
                self.overlap
            )));
        }
        let tokens = tokenization.most_tokens(length.saturating_sub(self.frame) as usize);
        if tokens < self.min_tokens as usize {
            return Err(Fault::usage(format!(
                "--window {length} nt holds {tokens} tokens behind a frame of {} nt, but \
                 --min-tokens asks for {}; choose a longer window",
                self.frame, self.min_tokens
            )));
        }
        Ok(())
    }

    /// The windows of a record of `bases` bases that hold enough tokens, in the order of the
    /// table; none only where the record is too short for even one.
    pub(crate) fn cut(
        self,
        tokenization: &Tokenization,
        bases: u32,
    ) -> impl Iterator<Item = Window> + Clone + use<> {
        let length = self.length.map_or(bases, |length| length.min(bases));
        // Checked by `validate`, but a division by zero must not be one mistake away.
        let advance = length.saturating_sub(self.overlap).max(1);
        let last_start = bases - length;
        let count = last_start.div_ceil(advance) + 1;
        let strands = self.strands.each().iter().enumerate();
        let least_bases = tokenization.least_bases(self.min_tokens as usize) as u32;
        strands
            .flat_map(move |(turn, &strand)| {
                (0..count).map(move |i| {
                    let start = i.saturating_mul(advance).min(last_start);
                    let end = start + length;
                    let frame = self.frame.min(length);
                    let (start, end) = match strand {
                        Strand::Forward => (start + frame, end),
                        Strand::Reverse => (start, end - frame),
                    };
                    let ordinal = turn as u32 * count + i;
                    Window { ordinal, start, end, strand, phase: None, gap: None }
                })
            })
            .filter(move |window| window.end - window.start >= least_bases)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use proptest::prelude::*;
    use readlens_kmer::Alphabet;

    fn windows(length: Option<u32>, overlap: u32, frame: u32, strands: Strands) -> Windows {
        Windows { length, overlap, frame, strands, min_tokens: 1 }
    }

    fn cut(windows: Windows, bases: u32) -> Vec<(u32, u32, u32, &'static str)> {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap();
        windows.validate(&tokenization).unwrap();
        let windows = windows.cut(&tokenization, bases);
        windows.map(|w| (w.ordinal, w.start, w.end, w.strand.sign())).collect()
    }

    #[test]
    fn whole_records_and_their_frames() {
        assert_eq!(cut(windows(None, 0, 0, Strands::Forward), 10), [(0, 0, 10, "+")]);
        assert_eq!(cut(windows(None, 0, 2, Strands::Both), 10), [(0, 2, 10, "+"), (1, 0, 8, "-")]);
        assert_eq!(cut(windows(None, 0, 0, Strands::Forward), 2), []);
        assert_eq!(cut(windows(None, 0, 8, Strands::Forward), 10), []);
        assert_eq!(cut(windows(None, 0, 12, Strands::Forward), 10), []);
        assert_eq!(cut(windows(None, 0, 0, Strands::Forward), 0), []);
    }

    #[test]
    fn the_last_window_is_anchored() {
        let tiles = windows(Some(10), 0, 0, Strands::Forward);
        assert_eq!(cut(tiles, 10), [(0, 0, 10, "+")]);
        assert_eq!(cut(tiles, 7), [(0, 0, 7, "+")]);
        assert_eq!(cut(tiles, 20), [(0, 0, 10, "+"), (1, 10, 20, "+")]);
        assert_eq!(cut(tiles, 21), [(0, 0, 10, "+"), (1, 10, 20, "+"), (2, 11, 21, "+")]);
        let overlapping = windows(Some(10), 4, 0, Strands::Reverse);
        assert_eq!(cut(overlapping, 18), [(0, 0, 10, "-"), (1, 6, 16, "-"), (2, 8, 18, "-")]);
    }

    #[test]
    fn windows_that_cannot_work_are_refused() {
        let tokenization = Tokenization::new(Alphabet::Dna, 6, 6, true).unwrap();
        for (windows, message) in [
            (windows(Some(10), 10, 0, Strands::Forward), "--overlap must be below --window"),
            (windows(None, 1, 0, Strands::Forward), "--overlap needs"),
            (windows(Some(5), 0, 0, Strands::Forward), "holds 0 tokens"),
            (windows(Some(10), 0, 5, Strands::Forward), "behind a frame of 5 nt"),
        ] {
            let error = windows.validate(&tokenization).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn windows_cover_every_base_in_full_length(
            bases in 3_u32..500, length in 3_u32..100, overlap in 0_u32..99,
        ) {
            prop_assume!(overlap < length);
            let windows = cut(windows(Some(length), overlap, 0, Strands::Forward), bases);
            prop_assert_eq!(windows[0].1, 0);
            prop_assert_eq!(windows[windows.len() - 1].2, bases);
            for (i, window) in windows.iter().enumerate() {
                prop_assert_eq!(window.0 as usize, i);
                prop_assert_eq!(window.2 - window.1, length.min(bases));
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[1].1 > pair[0].1);
                prop_assert!(pair[1].1 + overlap <= pair[0].2, "neighbours share the overlap");
                prop_assert!(pair[1].1 <= pair[0].2);
            }
        }
    }
}
