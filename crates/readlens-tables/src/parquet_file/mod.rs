//! Parquet files that nobody vouches for.
//!
//! Footer, page headers and packed pages are read here, within the bounds of [`limits`], and only
//! what passed goes to the parquet crate, which decodes levels and values.

mod batches;
mod codec;
mod footer;
mod guard;
pub(crate) mod limits;
mod page_header;
mod pages;
mod pairs;
mod schema;
mod thrift;
mod unreadable;
mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use readlens_fault::{Fault, Result};

pub(crate) use batches::Batches;
pub(crate) use guard::guarded;
pub(crate) use pairs::carried;
pub(crate) use schema::Selected;

use footer::Footer;

/// A Parquet file whose footer has been read and checked.
#[derive(Clone, Debug)]
pub(crate) struct ParquetFile {
    file: Arc<File>,
    footer: Arc<Footer>,
}

impl ParquetFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or its footer is damaged or asks for more than a table may.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Fault::io("open", path, e))?;
        let footer = guarded(path, || {
            let footer = Footer::read(&file)?;
            footer.names()?;
            Ok(footer)
        })?;
        Ok(Self { file: Arc::new(file), footer: Arc::new(footer) })
    }

    /// Rows of the file.
    pub(crate) fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// Names of all columns, in file order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.footer.names().unwrap_or_default()
    }

    /// The key-value pairs.
    pub(crate) fn pairs(&self) -> BTreeMap<String, String> {
        self.footer.pairs()
    }

    /// As [`Footer::select`].
    pub(crate) fn select(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        is_category: impl Fn(&str) -> bool,
        may_be_empty: impl Fn(&str) -> bool,
    ) -> unreadable::Result<Selected> {
        self.footer.select(is_wanted, is_category, may_be_empty)
    }

    /// Rows `range` of the columns.
    pub(crate) fn batches(self, selected: Selected, range: std::ops::Range<u64>) -> Batches {
        Batches::new(self.file, self.footer, selected, range)
    }
}
