//! The process and its three pipes, each with a thread of its own: whatever the program does first,
//! reads or writes, nobody waits for the other.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use readlens_fault::{Fault, InputFault, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::command::Command;
use crate::frames::{Frame, read};

/// Messages that the program may be ahead of who reads them.
const AHEAD: usize = 4;
/// Lines of its standard error that a fault repeats, and most bytes of each.
const LAST_LINES: usize = 5;
const LINE_BYTES: usize = 240;
/// How often somebody who waits looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(20);
/// Time for the last words of a program that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What comes out of the program next.
pub(crate) type Next = Result<Option<Frame>, Box<InputFault>>;

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it is to read; none once it has been told that nothing follows.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Next>,
    /// Most bytes of the body of its next message.
    most: Arc<AtomicU64>,
    /// What it said last on standard error, and whether that has ended.
    said: Arc<Mutex<VecDeque<String>>>,
    silent: Receiver<()>,
    has_ended: bool,
}

impl Process {
    /// Starts the program in a process group of its own, which can be ended as a whole.
    pub(crate) fn start(command: &Command) -> Result<Self> {
        let name = command.name();
        let cannot = |e: std::io::Error| Fault::failed(format!("starting {name}"), e);
        let mut child = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(&command.line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let (input, queue) = channel();
        let (frames, output) = sync_channel(AHEAD);
        let (ended, silent) = channel();
        let most = Arc::new(AtomicU64::new(0));
        let said = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stdin) = child.stdin.take() {
            spawn("predictor input", move || write_all(stdin, queue)).map_err(cannot)?;
        }
        if let Some(stdout) = child.stdout.take() {
            let most = Arc::clone(&most);
            let send = move |next: Next| frames.send(next).is_ok();
            spawn("predictor output", move || read_all(stdout, &most, send)).map_err(cannot)?;
        }
        if let Some(stderr) = child.stderr.take() {
            let (name, said) = (name.clone(), Arc::clone(&said));
            let log = move || {
                listen(stderr, &name, &said);
                drop(ended);
            };
            spawn("predictor log", log).map_err(cannot)?;
        }
        let input = Some(input);
        Ok(Self { child, input, output, most, said, silent, has_ended: false })
    }

    /// Hands bytes to the program, without waiting for it to read them.
    pub(crate) fn send(&self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            // Where it reads no more, what it writes, or that it has ended, says why.
            let _ = input.send(bytes);
        }
    }

    /// Says that nothing follows.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Lets the bodies of the program's messages have up to `most` bytes.
    pub(crate) fn allow(&self, most: u64) {
        self.most.store(most, Ordering::Release);
    }

    /// What comes out next; none where nothing comes within `timeout`.
    ///
    /// # Errors
    /// `check` says that the user wants to stop.
    pub(crate) fn next(
        &self,
        timeout: Duration,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Option<Next>> {
        let start = Instant::now();
        loop {
            check()?;
            match self.output.recv_timeout(LOOK) {
                Ok(next) => return Ok(Some(next)),
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(Ok(None))),
                Err(RecvTimeoutError::Timeout) if start.elapsed() >= timeout => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits until the program ends by itself; none where it does not within `timeout`.
    pub(crate) fn wait(
        &mut self,
        timeout: Duration,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            check()?;
            if self.is_over() {
                self.kill_group();
                let status = self.child.wait();
                self.has_ended = true;
                let failed = |e| Fault::failed("waiting for the predictor", e);
                return status.map(Some).map_err(failed);
            }
            if start.elapsed() >= timeout {
                return Ok(None);
            }
            thread::sleep(LOOK.min(timeout));
        }
    }

    /// The last lines of its standard error, after it has ended.
    pub(crate) fn last_words(&self) -> Vec<String> {
        // Its end disconnects the channel, unless a child of it still holds the pipe.
        let _ = self.silent.recv_timeout(LAST_WORDS);
        self.said.lock().map(|said| said.iter().cloned().collect()).unwrap_or_default()
    }

    /// Ends the program and all that it has started.
    pub(crate) fn kill(&mut self) {
        self.input = None;
        if !self.has_ended {
            self.kill_group();
            let _ = self.child.wait();
            self.has_ended = true;
        }
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether the program has ended. Its number stays its own until it is waited for, so that
    /// the group that is ended afterwards is nobody else's.
    fn is_over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = self.id().map(|id| waitid(WaitId::Pid(id), options));
        !matches!(status, Some(Ok(None)))
    }

    fn kill_group(&self) {
        if let Some(id) = self.id() {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

fn write_all(mut stdin: ChildStdin, queue: Receiver<Vec<u8>>) {
    for bytes in queue {
        if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read_all(stdout: ChildStdout, most: &AtomicU64, send: impl Fn(Next) -> bool) {
    let mut stdout = BufReader::with_capacity(1 << 16, stdout);
    loop {
        let next = read(&mut stdout, || most.load(Ordering::Acquire));
        let is_last = !matches!(next, Ok(Some(_)));
        if !send(next) || is_last {
            return;
        }
    }
}

/// Passes every line of standard error on to the log, and keeps the last ones.
fn listen(stderr: ChildStderr, name: &str, said: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let most = LINE_BYTES as u64;
        match stderr.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        // Progress bars write over their line.
        for line in String::from_utf8_lossy(&line).split(['\r', '\n']) {
            let line = printable(line.trim_end());
            if line.is_empty() {
                continue;
            }
            tracing::info!("{name}: {line}");
            if let Ok(mut said) = said.lock() {
                said.push_back(line);
                if said.len() > LAST_LINES {
                    said.pop_front();
                }
            }
        }
    }
}

/// Text of a program, safe on a terminal.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
