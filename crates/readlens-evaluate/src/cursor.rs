use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_kmer::{CLS, Tokenization};
use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};

/// Walks the tokens table beside another table that is in its order.
#[derive(Debug)]
pub(crate) struct Cursor {
    reader: Reader<TokenRow>,
    current: Option<TokenRow>,
    tokenization: Tokenization,
}

impl Cursor {
    /// Opens the tokens table.
    pub(crate) fn open(tokens: &Path) -> Result<Self> {
        let reader = Reader::<TokenRow>::open(tokens)?;
        let tokenization = reader.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
        Ok(Self { reader, current: None, tokenization })
    }

    pub(crate) fn tokenization(&self) -> &Tokenization {
        &self.tokenization
    }

    /// Number of windows.
    pub(crate) fn rows(&self) -> u64 {
        self.reader.rows()
    }

    /// Goes forward by one window; whether there was one.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        self.current = self.reader.next().transpose()?;
        Ok(self.current.is_some())
    }

    /// Goes forward to a window; `row` is the fault of the row that asks for it.
    ///
    /// # Errors
    /// The window is not among the tokens, or before the current one.
    pub(crate) fn seek(
        &mut self,
        id: &str,
        window: u32,
        row: impl FnOnce() -> InputFault,
    ) -> Result<()> {
        let is_it = |token: &TokenRow| token.window == window && token.id == id;
        if self.current.as_ref().is_some_and(is_it) {
            return Ok(());
        }
        while let Some(token) = self.reader.next().transpose()? {
            if is_it(&token) {
                self.current = Some(token);
                return Ok(());
            }
        }
        Err(row()
            .expected(format!(
                "the windows of {}, in their order and those of a record together",
                self.reader.path().display()
            ))
            .found(format!("window {window} of {id}, which is not there or came before"))
            .remedy("pass the tokens table that this one was made from")
            .into())
    }

    /// The window that was sought last.
    pub(crate) fn window(&self) -> Option<&TokenRow> {
        self.current.as_ref()
    }

    /// Number of real tokens of the current window, CLS not counted.
    ///
    /// # Errors
    /// A CLS is missing, or the tokens do not fit between start and end.
    pub(crate) fn real_tokens(&self) -> Result<usize> {
        let Some(row) = &self.current else { return Ok(0) };
        let fault = |expected: String, found: String| -> Result<usize> {
            let remedy = "write the table again with readlens-tokenize";
            Err(self.reader.fault().expected(expected).found(found).remedy(remedy).into())
        };
        if self.tokenization.cls && row.tokens.first() != Some(&CLS) {
            return fault(format!("a leading CLS ({CLS})"), format!("{:?}", row.tokens.first()));
        }
        let tokens = row.tokens.len() - usize::from(self.tokenization.cls);
        let read = self.tokenization.coverage(&row.tokens).end();
        if row.end.checked_sub(row.start).is_none_or(|bases| (bases as usize) < read) {
            return fault(
                format!("room for its {tokens} tokens"),
                format!("a window from {} to {}", row.start, row.end),
            );
        }
        Ok(tokens)
    }
}
