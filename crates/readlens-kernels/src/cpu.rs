//! What the processor can do, and what of it is used.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// An instruction set that kernels are compiled for, from the most general to the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever the compiler's target offers; every machine has it.
    Portable,
    /// 256-bit vectors with fused multiply-add (Intel Haswell, AMD Zen and later).
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// 512-bit vectors and dot products of bf16 pairs.
    Avx512Bf16,
    /// Matrix tiles of bf16 (Intel Sapphire Rapids and later). A product of f32 matrices is then
    /// the sum of three products of bf16 ones, see [`crate::product`].
    Amx,
}

/// What the factors of a matrix product are rounded to; sums are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// f32, or at [`Level::Amx`] two bf16 that add up to 16 bits of it.
    #[default]
    F32,
    /// bf16: 8 bits. Fast with [`Level::Avx512Bf16`] and [`Level::Amx`], the same rounding
    /// elsewhere.
    Bf16,
}

/// How kernels compute: an instruction set and a precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    level: Level,
    precision: Precision,
}

/// Environment variable that names a level.
const VARIABLE: &str = "READLENS_KERNELS";

const LEVELS: [(Level, &str); 5] = [
    (Level::Portable, "portable"),
    (Level::Avx2, "avx2"),
    (Level::Avx512, "avx512"),
    (Level::Avx512Bf16, "avx512-bf16"),
    (Level::Amx, "amx"),
];

impl Level {
    /// The levels that this machine has, from the most general to the fastest.
    pub fn available() -> Vec<Self> {
        LEVELS.into_iter().map(|(level, _)| level).filter(|level| level.is_available()).collect()
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = || {
                avx2()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            };
            let bf16 = || avx512() && is_x86_feature_detected!("avx512bf16");
            match self {
                Self::Portable => true,
                Self::Avx2 => avx2(),
                Self::Avx512 => avx512(),
                Self::Avx512Bf16 => bf16(),
                Self::Amx => bf16() && crate::product::tiles_are_available(),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    /// The level that stages compute with: the fastest there is, or the one that the environment
    /// variable `READLENS_KERNELS` names (`portable`, `avx2`, `avx512`, `avx512-bf16`, `amx`).
    ///
    /// # Errors
    /// The variable names no level, or one that the machine does not have.
    pub fn from_environment() -> Result<Self, String> {
        static FOUND: OnceLock<Result<Level, String>> = OnceLock::new();
        let best = || Self::available().into_iter().max().unwrap_or(Self::Portable);
        let found = || match std::env::var(VARIABLE) {
            Err(_) => Ok(best()),
            Ok(name) => {
                let level: Self = name.parse().map_err(|e| format!("{VARIABLE}: {e}"))?;
                if level.is_available() {
                    return Ok(level);
                }
                Err(format!("{VARIABLE}: this machine has no {level}; its best is {}", best()))
            }
        };
        FOUND.get_or_init(found).clone()
    }

    /// [`Level::from_environment`], and [`Level::Portable`] where that is an error, which stages
    /// report at their start.
    pub fn current() -> Self {
        Self::from_environment().unwrap_or(Self::Portable)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LEVELS.iter().find(|(level, _)| level == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = LEVELS.into_iter().find(|(_, name)| *name == text);
        found.map(|(level, _)| level).ok_or_else(|| {
            format!("expected portable, avx2, avx512, avx512-bf16 or amx, found {text:?}")
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(format!("expected f32 or bf16, found {text:?}")),
        }
    }
}

impl Engine {
    /// Computes at `level`, which the machine must have, in `precision`.
    ///
    /// # Panics
    /// The machine does not have the level.
    pub fn new(level: Level, precision: Precision) -> Self {
        assert!(level.is_available(), "this machine has no {level}");
        Self { level, precision }
    }

    /// Computes at [`Level::current`].
    pub fn current(precision: Precision) -> Self {
        Self { level: Level::current(), precision }
    }

    /// The instruction set.
    pub fn level(self) -> Level {
        self.level
    }

    /// The precision of products.
    pub fn precision(self) -> Precision {
        self.precision
    }
}
