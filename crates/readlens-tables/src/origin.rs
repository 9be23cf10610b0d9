//! Whether a table was made from the inputs that stand beside it.

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;
use serde_json::Value;

use crate::reader::Reader;
use crate::record::Record;
use crate::tokens::{KEY_TOKENIZATION, TokenRow};

impl<R: Record> Reader<R> {
    /// Refuses a table that says it was made from other tokens than `tokens`, or from other inputs
    /// than `given` has in the same role. A table that says nothing, as one of another tool,
    /// passes.
    ///
    /// # Errors
    /// The table contradicts an input, or its metadata cannot be read.
    pub fn check_origin(&self, tokens: &Reader<TokenRow>, given: &[InputDigest]) -> Result<()> {
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
        let Some(made) = self.manifest()? else { return Ok(()) };
        given.iter().try_for_each(|input| made.check_input(self.path(), input))
    }
}
