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

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
