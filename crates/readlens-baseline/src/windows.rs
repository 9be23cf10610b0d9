use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::Split;

use crate::kmers::Kmers;

/// The windows of one split, in the order of the table.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// Id of the record of each.
    pub(crate) ids: Vec<String>,
    /// Taxa of each, one per rank.
    pub(crate) taxa: Vec<Vec<Option<String>>>,
    /// Codes of all bases, one window after the other.
    codes: Vec<u8>,
    /// Where each window ends in them.
    ends: Vec<usize>,
}

impl Windows {
    /// Number of windows.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The codes of a window.
    pub(crate) fn codes(&self, window: usize) -> &[u8] {
        let start = window.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.codes[start..self.ends[window]]
    }

    fn push(&mut self, row: TokenRow, codes: &[u8]) {
        self.ids.push(row.id);
        self.taxa.push(row.taxa);
        self.codes.extend_from_slice(codes);
        self.ends.push(self.codes.len());
    }
}

/// What the tokens table holds: a byte for every base of the three splits is kept.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) ranks: Vec<String>,
    pub(crate) train: Windows,
    pub(crate) valid: Windows,
    pub(crate) test: Windows,
}

/// The tokenization that a table names.
pub(crate) fn tokenization(tokens: &Path) -> Result<Tokenization> {
    Reader::<TokenRow>::open(tokens)?.metadata_json(KEY_TOKENIZATION, "the tokenization")
}

/// Reads the windows that have a split.
///
/// # Errors
/// Tokens cannot be read back as bases, or there are no windows to learn from or
/// to judge by.
pub(crate) fn read(
    tokens: &Path,
    tokenization: &Tokenization,
    kmers: &Kmers,
    context: &Context,
) -> Result<Data> {
    let mut reader = Reader::<TokenRow>::open(tokens)?;
    let ranks = reader.ranks().to_vec();
    let windows = Windows::default;
    let mut data = Data { ranks, train: windows(), valid: windows(), test: windows() };
    let progress = context.progress("reading windows", reader.rows());
    while let Some(row) = reader.next().transpose()? {
        let split = row.split.map(|split| match split {
            Split::Train => &mut data.train,
            Split::Valid => &mut data.valid,
            Split::Test => &mut data.test,
        });
        if let Some(split) = split {
            let mut codes = tokenization.decode(&row.tokens).map_err(|fault| match fault {
                Fault::Input(fault) => reader
                    .fault()
                    .expected("tokens of the table's tokenization")
                    .found(fault)
                    .remedy("write the table again with readlens-tokenize")
                    .into(),
                other => other,
            })?;
            kmers.encode(&mut codes);
            split.push(row, &codes);
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    for (split, windows) in [(Split::Train, &data.train), (Split::Test, &data.test)] {
        if windows.len() == 0 {
            return Err(Fault::input(tokens)
                .expected(format!("windows of the split {split}"))
                .found("none")
                .remedy("tokenize with --split-column or --split-fractions")
                .into());
        }
    }
    Ok(data)
}
