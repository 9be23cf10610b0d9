//! Where a table comes from: what it says about itself to the stage that reads it.

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::Artefact;
use serde_json::Value;

use crate::reader::Reader;
use crate::record::Record;
use crate::tokens::{KEY_TOKENIZATION, TokenRow};

impl<R: Record> Reader<R> {
    /// The table as an input of a stage that gives it `role`.
    ///
    /// # Errors
    /// The file cannot be digested, or its manifest is none.
    pub fn artefact(&self, role: &str) -> Result<Artefact> {
        Artefact::file(role, self.path(), self.manifest()?)
    }

    /// Refuses a table that says it was made from tokens that were cut otherwise than `tokens`. A
    /// table that says nothing, as one of another tool, passes.
    ///
    /// # Errors
    /// The table contradicts the tokens, or its metadata cannot be read.
    pub fn check_tokenization(&self, tokens: &Reader<TokenRow>) -> Result<()> {
        if self.metadata().contains_key(KEY_TOKENIZATION) {
            let found: Value = self.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
            let wanted: Value = tokens.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
            if found != wanted {
                return Err(Fault::input(self.path())
                    .at(Place::Part(format!("metadata {KEY_TOKENIZATION}")))
                    .expected(format!("the tokenization of {}, {wanted}", tokens.path().display()))
                    .found(found)
                    .remedy("make the table again from these tokens")
                    .into());
            }
        }
        Ok(())
    }
}
