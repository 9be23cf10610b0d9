//! The driver's side of the process: when to run, and what came of it.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use readlens_fault::{Fault, Result};
use serde::Serialize;

/// What the driver wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Run,
    End,
}

/// What a contender says at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Largest resident memory of the process, in kB.
    pub(crate) peak_kb: u64,
    /// What was computed, to be compared between contenders.
    pub(crate) values: Vec<f64>,
}

/// Waits for the driver; the end of standard input is the end of the job.
pub(crate) fn request() -> Result<Request> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| Fault::io("read", "-", e))?;
    match line.trim_end() {
        "run" => Ok(Request::Run),
        "end" | "" => Ok(Request::End),
        other => Err(Fault::usage(format!("expected run or end, found {other:?}"))),
    }
}

/// Says that everything is prepared.
pub(crate) fn ready() -> Result<()> {
    say("ready")
}

/// Says that this contender cannot do the job.
pub(crate) fn refuse(reason: &str) -> Result<()> {
    say(&format!("unsupported {reason}"))
}

/// Answers one request to run.
pub(crate) fn answer(time: Duration) -> Result<()> {
    say(&format!("{:.4}", time.as_secs_f64() * 1e3))
}

/// Answers the request to end.
pub(crate) fn report(report: &Report) -> Result<()> {
    let line = serde_json::to_string(report).map_err(|e| Fault::failed("writing a report", e))?;
    say(&line)
}

/// Warms up, then repeats on request. Returns the peak memory.
pub(crate) fn serve(
    warm_up: NonZeroUsize,
    mut repetition: impl FnMut() -> Result<()>,
) -> Result<u64> {
    for _ in 0..warm_up.get() {
        repetition()?;
    }
    ready()?;
    while request()? == Request::Run {
        let start = Instant::now();
        repetition()?;
        answer(start.elapsed())?;
    }
    peak_kb()
}

/// The process's largest resident memory so far, as the kernel keeps it.
pub(crate) fn peak_kb() -> Result<u64> {
    let path = Path::new("/proc/self/status");
    let status = std::fs::read_to_string(path).map_err(|e| Fault::io("read", path, e))?;
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    field.and_then(|field| field.split_whitespace().next()?.parse().ok()).ok_or_else(|| {
        Fault::input(path).expected("VmHWM").found("none").remedy("run on Linux").into()
    })
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| Fault::io("write", "-", e))
}
