/// Exit codes of every readlens binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: the outputs are whole.
    Done = 0,
    /// 1: the computation failed; no output was written.
    Failure = 1,
    /// 2: the command line or configuration cannot work.
    Usage = 2,
    /// 3: an input breaks its contract; no output was written.
    BadInput = 3,
    /// 130: stopped by the user (128 + SIGINT), resumable where the stage says so.
    Interrupted = 130,
}

impl ExitCode {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Done, Self::Failure, Self::Usage, Self::BadInput, Self::Interrupted];

    /// What the code means, for the reference page.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Everything was written; the outputs are whole.",
            Self::Failure => {
                "The computation or the operating system failed: a full disk, no permission, a loss \
                 that is not a number. No output was written. `evaluate --check=strict` also ends \
                 so if a check fails, after it has written everything."
            }
            Self::Usage => {
                "The command line or a configuration cannot work. No output was written."
            }
            Self::BadInput => {
                "An input breaks its contract. The message names the file and the place, what was \
                 expected, what was found and what to do. No output was written."
            }
            Self::Interrupted => {
                "You stopped it (Ctrl-C, SIGTERM). A training keeps a checkpoint: run the same \
                 command again to go on. Other stages leave no output."
            }
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
