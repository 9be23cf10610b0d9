use std::fmt;
use std::str::FromStr;

use readlens_fault::Fault;

/// Most bases of a feature: two bits each are one number.
const MOST_BASES: u32 = 32;
/// Most amino acids of a feature: 21 to this power is below 2^64.
const MOST_RESIDUES: u32 = 14;
/// Most bases from the first to the last of a spaced seed.
const LONGEST_SEED: usize = 64;

/// What the features of a channel are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// K-mers of so many bases; one and its reverse complement are the same.
    Kmer(u32),
    /// The bases at the `true` places of a seed; those of the other strand are the same. A seed
    /// begins and ends with `true`, and reads the same from both ends.
    Seed(Vec<bool>),
    /// K-mers of so many bases with the codon position of their first base.
    Phased(u32),
    /// So many codons in frame.
    Codons(u32),
    /// So many amino acids, of the codons in frame; a stop codon is a letter too.
    Amino(u32),
    /// So many amino acids in eleven groups of similar ones, of the codons in frame; none with a
    /// stop codon.
    Grouped(u32),
}

impl Kind {
    /// Bases from the first to the last of a feature.
    pub fn span(&self) -> usize {
        match self {
            Self::Kmer(k) | Self::Phased(k) => *k as usize,
            Self::Seed(seed) => seed.len(),
            Self::Codons(n) | Self::Amino(n) | Self::Grouped(n) => 3 * *n as usize,
        }
    }

    /// Number of different features before any hashing; none if they are more than 2^64.
    pub fn features(&self) -> Option<u64> {
        match self {
            Self::Kmer(k) => 4_u64.checked_pow(*k),
            Self::Seed(seed) => 4_u64.checked_pow(seed.iter().filter(|one| **one).count() as u32),
            Self::Phased(k) => 4_u64.checked_pow(*k)?.checked_mul(3),
            Self::Codons(n) => 64_u64.checked_pow(*n),
            Self::Amino(n) => 21_u64.checked_pow(*n),
            Self::Grouped(n) => 11_u64.checked_pow(*n),
        }
    }

    /// Whether the phase of the window decides about its features.
    pub fn needs_phase(&self) -> bool {
        !matches!(self, Self::Kmer(_) | Self::Seed(_))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kmer(k) => write!(f, "kmer:{k}"),
            Self::Phased(k) => write!(f, "phased:{k}"),
            Self::Codons(n) => write!(f, "codons:{n}"),
            Self::Amino(n) => write!(f, "amino:{n}"),
            Self::Grouped(n) => write!(f, "grouped:{n}"),
            Self::Seed(seed) => {
                f.write_str("seed:")?;
                seed.iter().try_for_each(|one| f.write_str(if *one { "1" } else { "0" }))
            }
        }
    }
}

impl FromStr for Kind {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong =
            |expected: String| Fault::usage(format!("channel {text:?}: expected {expected}"));
        let (name, argument) = text.split_once(':').ok_or_else(|| {
            wrong(
                "a kind and its size, such as kmer:8, phased:6, codons:2, amino:3 or seed:1101011"
                    .to_owned(),
            )
        })?;
        let number = |most: u32| match argument.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(wrong(format!("a number from 1 to {most} behind {name}:"))),
        };
        match name {
            "kmer" => number(MOST_BASES).map(Self::Kmer),
            "phased" => number(MOST_BASES - 1).map(Self::Phased),
            "codons" => number(MOST_BASES / 3).map(Self::Codons),
            "amino" => number(MOST_RESIDUES).map(Self::Amino),
            "grouped" => number(MOST_RESIDUES).map(Self::Grouped),
            "seed" => {
                let is_seed = argument.bytes().all(|byte| matches!(byte, b'0' | b'1'))
                    && argument.starts_with('1')
                    && argument.len() <= LONGEST_SEED
                    && argument.bytes().eq(argument.bytes().rev())
                    && argument.matches('1').count() <= MOST_BASES as usize;
                if !is_seed {
                    return Err(wrong(format!(
                        "a seed of at most {LONGEST_SEED} bases, ones and zeros that begin with a \
                         one and read the same from both ends"
                    )));
                }
                Ok(Self::Seed(argument.bytes().map(|byte| byte == b'1').collect()))
            }
            _ => Err(wrong("kmer, seed, phased, codons, amino or grouped".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for (text, span, features) in [
            ("kmer:8", 8, Some(65_536)),
            ("kmer:31", 31, Some(1 << 62)),
            ("kmer:32", 32, None),
            ("phased:6", 6, Some(12_288)),
            ("codons:2", 6, Some(4096)),
            ("amino:3", 9, Some(9261)),
            ("grouped:5", 15, Some(161_051)),
            ("seed:11011011011", 11, Some(65_536)),
        ] {
            let kind: Kind = text.parse().unwrap();
            assert_eq!((kind.to_string().as_str(), kind.span()), (text, span));
            assert_eq!(kind.features(), features, "{text}");
        }
    }

    #[test]
    fn kinds_that_mean_nothing_are_refused() {
        for text in [
            "kmer",
            "kmer:",
            "kmer:0",
            "kmer:33",
            "kmer:-1",
            "word:3",
            "amino:15",
            "codons:11",
            "seed:",
            "seed:0110",
            "seed:110",
            "seed:1a1",
            "phased:32",
        ] {
            assert!(text.parse::<Kind>().is_err(), "{text}");
        }
        let long = format!("seed:{}", "1".repeat(65));
        assert!(long.parse::<Kind>().is_err());
    }
}
