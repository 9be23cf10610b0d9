//! Questions and answers, in their order.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::process::ExitStatus;
use std::time::Duration;

use readlens_fault::{Fault, InputFault, Place, Result};
use readlens_kmer::{Kmers, Tokenization};

use crate::answers::{Probabilities, most_bytes, read};
use crate::command::Command;
use crate::frames::Frame;
use crate::heads::Heads;
use crate::process::Process;
use crate::program::Check;
use crate::requests::{Requests, Row};

/// Most rows of a batch, as far as the numbers of an answer allow.
const ROWS: usize = 256;
/// Most letters of a batch of several rows.
const LETTERS: usize = 1 << 20;
/// Most numbers of an answer to several rows: 64 MiB.
const NUMBERS: usize = 1 << 24;
/// Batches that the program has and has not answered yet: the next lies ready when it is done.
const IN_FLIGHT: usize = 2;
/// Time for the exit code of a program that has closed its standard output.
const TO_END: Duration = Duration::from_secs(2);

/// A program that was asked, or is to be asked.
pub(crate) struct Conversation {
    name: String,
    timeout: Duration,
    check: Check,
    process: Process,
    requests: Requests,
    heads: Heads,
    /// Answers so far.
    answers: u64,
}

impl Conversation {
    /// Starts the program, tells it how windows are tokenized, and reads what it answers for.
    pub(crate) fn start(
        command: &Command,
        tokenization: &Tokenization,
        kmers: Kmers,
        check: Check,
    ) -> Result<Self> {
        let process = Process::start(command)?;
        let mut requests = Requests::new(tokenization, kmers)?;
        process.send(requests.take());
        let heads = Heads { masking: crate::Masking::Factors, model: None, ranks: Vec::new() };
        let (name, timeout) = (command.name(), command.timeout);
        let mut this = Self { name, timeout, check, process, requests, heads, answers: 0 };
        let frame = this.message("the schema of its answers")?;
        this.heads = Heads::of(&frame).map_err(|fault| this.blame(*fault))?;
        this.process.allow(most_bytes(&this.heads, this.most_rows()));
        Ok(this)
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    fn most_rows(&self) -> usize {
        (NUMBERS / self.heads.numbers().max(1)).clamp(1, ROWS)
    }

    /// One answer per row. Batches follow from the rows alone.
    pub(crate) fn ask(&mut self, rows: impl Iterator<Item = Result<Row>>) -> Result<Probabilities> {
        let mut rows = rows.peekable();
        let mut probabilities = Probabilities::new();
        let mut waiting: VecDeque<usize> = VecDeque::new();
        while rows.peek().is_some() || !waiting.is_empty() {
            if waiting.len() < IN_FLIGHT && rows.peek().is_some() {
                let batch = self.next_batch(&mut rows)?;
                self.process.send(self.requests.batch(&batch)?);
                waiting.push_back(batch.len());
            } else if let Some(asked) = waiting.pop_front() {
                probabilities.extend(self.answer(asked)?);
            }
        }
        Ok(probabilities)
    }

    /// The next rows that are sent together.
    fn next_batch(
        &self,
        rows: &mut Peekable<impl Iterator<Item = Result<Row>>>,
    ) -> Result<Vec<Row>> {
        let (mut batch, mut letters) = (Vec::new(), 0);
        while batch.len() < self.most_rows() {
            let size = |row: &Result<Row>| row.as_ref().map_or(0, |row| row.letters.len());
            let fits = |row: &Result<Row>| batch.is_empty() || letters + size(row) <= LETTERS;
            let Some(row) = rows.next_if(fits).transpose()? else { break };
            letters += row.letters.len();
            batch.push(row);
        }
        Ok(batch)
    }

    fn answer(&mut self, asked: usize) -> Result<Probabilities> {
        self.answers += 1;
        loop {
            let frame = self.message(&format!("answer {}", self.answers))?;
            let read = read(&frame, &self.heads, asked, self.answers);
            if let Some(found) = read.map_err(|fault| self.blame(*fault))? {
                return Ok(found);
            }
        }
    }

    /// Tells the program that nothing follows, and waits for its end.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let end = self.requests.end()?;
        self.process.send(end);
        self.process.end_input();
        loop {
            match self.process.next(self.timeout, &*self.check)? {
                None => return Err(self.is_late("the end of its answers")),
                Some(Ok(None)) => break,
                Some(Ok(Some(frame))) => {
                    let read = read(&frame, &self.heads, 0, self.answers + 1);
                    read.map_err(|fault| self.blame(*fault))?;
                }
                Some(Err(fault)) => return Err(self.blame(*fault)),
            }
        }
        match self.process.wait(self.timeout, &*self.check)? {
            None => Err(self.is_late("its end")),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.has_died("to end well after its last answer", Some(status))),
        }
    }

    /// The next message, which is `what`.
    fn message(&mut self, what: &str) -> Result<Frame> {
        match self.process.next(self.timeout, &*self.check)? {
            Some(Ok(Some(frame))) => Ok(frame),
            Some(Ok(None)) => {
                let status = self.process.wait(TO_END, &*self.check)?;
                Err(self.has_died(what, status))
            }
            Some(Err(fault)) => Err(self.blame(*fault)),
            None => Err(self.is_late(what)),
        }
    }

    fn blame(&mut self, fault: InputFault) -> Fault {
        self.process.kill();
        fault.in_file(self.whose()).into()
    }

    fn whose(&self) -> String {
        format!("predictor {}", self.name)
    }

    fn fault(&self) -> InputFault {
        Fault::input(self.whose())
    }

    fn is_late(&mut self, what: &str) -> Fault {
        self.process.kill();
        let seconds = self.timeout.as_secs_f64();
        self.fault()
            .expected(format!("{what} within {seconds} seconds"))
            .found("nothing yet; it was ended")
            .remedy(
                "write the schema before reading batches, answer each batch before reading the \
                 next, flush after each; or give it more time with --predictor-timeout",
            )
            .into()
    }

    fn has_died(&mut self, what: &str, status: Option<ExitStatus>) -> Fault {
        // What it has started may hold its standard error.
        self.process.kill();
        let words = self.process.last_words();
        let said = match words.as_slice() {
            [] => "it said nothing on standard error".to_owned(),
            lines => format!("it said last: {}", lines.join(" | ")),
        };
        let code = status.and_then(|status| status.code());
        let is_shell = self.answers == 0 && matches!(code, Some(126 | 127));
        if is_shell {
            return self
                .fault()
                .at(Place::Part("its command".to_owned()))
                .expected("a program that can be started")
                .found("none")
                .remedy(format!("{said}; check the command, and that the program is executable"))
                .into();
        }
        let found = match (status, code) {
            (None, _) => "that it has closed its standard output".to_owned(),
            (Some(_), Some(code)) => format!("that it has ended, with exit code {code}"),
            (Some(status), None) => format!("that it has ended, {status}"),
        };
        self.fault().expected(what).found(found).remedy(said).into()
    }
}
