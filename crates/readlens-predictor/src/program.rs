use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use readlens_provenance::{Artefact, InputDigest, digest_bytes};
use serde::Serialize;

use crate::command::Command;
use crate::conversation::Conversation;
use crate::heads::{Head, Heads, Masking};
use crate::letters::{is_hard, letters_of};
use crate::requests::Row;

/// Asked while somebody waits for the program: an error where the user wants to stop.
pub type Check = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// What a manifest says of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The program and its script, without folders; see [`Command::name`].
    pub program: String,
    /// What its author calls the model, where the program says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it hides tokens.
    pub masking: Masking,
    /// Names of its ranks, each with the number of its taxa.
    pub ranks: Vec<(String, usize)>,
}

/// A program that answers for windows; it is ended when this is dropped.
pub struct Program {
    name: String,
    tokenization: Tokenization,
    heads: Heads,
    /// None once it has ended, well or not.
    conversation: Mutex<Option<Conversation>>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name).field("heads", &self.heads).finish()
    }
}

impl Program {
    /// Starts the program for windows of `tokenization`, and reads what it answers for.
    ///
    /// # Errors
    /// The tokens are no k-mers or do not say all letters, the program cannot be started, ends,
    /// gives no schema of answers in time, or `check` fails.
    pub fn start(command: &Command, tokenization: &Tokenization, check: Check) -> Result<Self> {
        let kmers = tokenization.kmers_for("programs that answer")?;
        if kmers.leave_gaps() {
            return Err(Fault::usage(format!(
                "--predictor needs every base in a token, but the stride {} is above k {}; \
                 tokenize with a stride of at most k",
                kmers.stride, kmers.k
            )));
        }
        let conversation = Conversation::start(command, tokenization, kmers, check)?;
        let heads = conversation.heads().clone();
        let (name, conversation) = (command.name(), Mutex::new(Some(conversation)));
        Ok(Self { name, tokenization: tokenization.clone(), heads, conversation })
    }

    /// Its ranks and taxa.
    pub fn heads(&self) -> &[Head] {
        &self.heads.ranks
    }

    /// How it hides tokens.
    pub fn masking(&self) -> Masking {
        self.heads.masking
    }

    /// The program as an input of a stage, in the role of the classifier.
    ///
    /// It is identified by the schema of its answers: how it hides tokens, the name and version
    /// that it states, and its ranks and taxa. Its command does not count: the same model may run
    /// elsewhere.
    ///
    /// # Errors
    /// The schema cannot be written as JSON.
    pub fn artefact(&self) -> Result<Artefact> {
        let text = serde_json::to_vec(&self.heads)
            .map_err(|e| Fault::failed("writing the schema of the predictor", e))?;
        let digest = InputDigest {
            role: "classifier".to_owned(),
            name: self.name.clone(),
            sha256: digest_bytes(&text),
            bytes: text.len() as u64,
        };
        let path = PathBuf::from(format!("predictor {}", self.name));
        Ok(Artefact { path, digest, manifest: None })
    }

    /// What a manifest says of it.
    pub fn description(&self) -> Description {
        let ranks = self.heads.ranks.iter();
        Description {
            program: self.name.clone(),
            model: self.heads.model.clone(),
            masking: self.heads.masking,
            ranks: ranks.map(|head| (head.rank.clone(), head.taxa.len())).collect(),
        }
    }

    /// Probabilities per window and rank, `[window][rank][taxon]`.
    ///
    /// `windows` are token ids, with CLS where the tokenization has one. `factors`: 0 to 1 per real
    /// token of each window, or none for whole windows.
    ///
    /// # Errors
    /// The program does something wrong, which ends it, or has ended before; the user wants to
    /// stop; tokens do not say their letters; or a program that reads letters is asked for a token
    /// that is neither seen nor hidden.
    pub fn answer(
        &self,
        windows: &[&[u32]],
        factors: Option<&[Vec<f32>]>,
    ) -> Result<Vec<Vec<Vec<f32>>>> {
        let cls = usize::from(self.tokenization.cls);
        let row = |(place, tokens): (usize, &&[u32])| {
            let factors = match factors {
                Some(factors) => factors[place].clone(),
                None => vec![1.0; tokens.len() - cls],
            };
            let hidden = match self.masking() {
                Masking::Factors => None,
                Masking::Letters if is_hard(&factors) => Some(factors.as_slice()),
                Masking::Letters => {
                    return Err(Fault::usage(format!(
                        "predictor {} reads letters, so that a token is seen or hidden: give \
                         masks of 0 and 1",
                        self.name
                    )));
                }
            };
            let letters = letters_of(&self.tokenization, tokens, hidden)?;
            let letters = String::from_utf8(letters)
                .map_err(|e| Fault::failed("writing windows for the predictor", e))?;
            Ok(Row { letters, factors })
        };
        let rows = windows.iter().enumerate().map(row);
        self.in_conversation(|conversation| conversation.ask(rows))
    }

    /// Lets the program end, which it must do well. Call it before the outputs take their places.
    ///
    /// # Errors
    /// It answers what it was not asked, does not end in time, or ends with another exit code
    /// than 0.
    pub fn finish(&self) -> Result<()> {
        self.in_conversation(Conversation::finish)?;
        if let Ok(mut conversation) = self.conversation.lock() {
            *conversation = None;
        }
        Ok(())
    }

    fn in_conversation<T>(&self, talk: impl FnOnce(&mut Conversation) -> Result<T>) -> Result<T> {
        let ended = || Fault::failed(format!("predictor {}", self.name), "it has ended");
        let mut conversation = self.conversation.lock().map_err(|_| ended())?;
        let outcome = talk(conversation.as_mut().ok_or_else(ended)?);
        if outcome.is_err() {
            *conversation = None;
        }
        outcome
    }
}
