//! What a program was built from, said once at its start.
//!
//! `register!()` is the first line of every `main`: the commit that was checked out, the compiler
//! and the digest of Cargo.lock then stand in every manifest and in `--version`. The commit is read
//! where the macro stands, so that a new one compiles the few lines of the doorways again and no
//! library.
//!
//! ```
//! use readlens_build::Commit;
//!
//! let log = b"0000 1111111111111111111111111111111111111111 A <a@b> 1 +0000\tclone\n\
//!             1111111111111111111111111111111111111111 \
//!             2222222222222222222222222222222222222222 A <a@b> 2 +0000\tcommit: x\n";
//! assert_eq!(Commit::last(log).map(Commit::name), Some("2".repeat(40)));
//! assert_eq!(Commit::last(b""), None);
//! ```

use readlens_provenance::{Build, digest_bytes};

include!(concat!(env!("OUT_DIR"), "/register.rs"));

/// Hexadecimal digits of a SHA-256, the longest name of a commit.
const MOST: usize = 64;

/// The name of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    digits: [u8; MOST],
    length: usize,
}

impl Commit {
    /// The commit that git's log of what was checked out names last; none where it names none.
    ///
    /// A line is the commit before, a space, the commit, a space, and who and when.
    pub const fn last(log: &[u8]) -> Option<Self> {
        let mut end = log.len();
        while end > 0 && log[end - 1] == b'\n' {
            end -= 1;
        }
        let mut at = end;
        while at > 0 && log[at - 1] != b'\n' {
            at -= 1;
        }
        while at < end && log[at] != b' ' {
            at += 1;
        }
        at += 1;
        let mut commit = Self { digits: [0; MOST], length: 0 };
        while at < end && log[at].is_ascii_hexdigit() && commit.length < MOST {
            commit.digits[commit.length] = log[at];
            commit.length += 1;
            at += 1;
        }
        if commit.length == 40 || commit.length == MOST { Some(commit) } else { None }
    }

    /// Its 40 or 64 hexadecimal digits.
    pub fn name(self) -> String {
        self.digits[..self.length].iter().map(|digit| char::from(*digit)).collect()
    }
}

/// Says that this program was built from `commit`; called by the macro.
pub fn register(commit: Option<Commit>) {
    Build {
        revision: commit.map(Commit::name),
        rust: env!("READLENS_RUST").to_owned(),
        lock: digest_bytes(include_bytes!("../../../Cargo.lock")),
    }
    .register();
}
