use std::collections::HashMap;
use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_kmer::Tokenization;
use readlens_metrics::Names;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::MaskName;

use crate::config::{Config, Inputs};
use crate::features;
use crate::masks::Masks;
use crate::seen::Window;

/// Maximum number of methods and ranks together: memory is in proportion to it, and a hostile table
/// could name endlessly many.
const MAX_MASKS: usize = 1024;

/// What a probe needs of all masks: the features of each, and the taxa and records of the windows.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Rank columns of the tokens table.
    pub(crate) ranks: Vec<String>,
    /// By method and rank of the mask, in the order of their names.
    pub(crate) masks: Vec<Masks>,
    /// Ids of records.
    pub(crate) records: Names<String>,
    /// Names of taxa.
    pub(crate) taxa: Names<String>,
}

/// Reads every mask beside its window.
///
/// # Errors
/// A mask's window is not among the tokens or out of their order, a mask has not one value in
/// [0, 1] per real token, or a window has two masks of one method and rank.
pub(crate) fn gather(config: &Config, inputs: &Inputs, context: &Context) -> Result<Gathered> {
    let mut gathered = Gathered {
        ranks: Reader::<TokenRow>::open(&inputs.tokens)?.ranks().to_vec(),
        masks: Vec::new(),
        records: Names::default(),
        taxa: Names::default(),
    };
    for path in &inputs.masks {
        gathered.read(path, config, &inputs.tokens, context)?;
    }
    gathered.masks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(gathered)
}

impl Gathered {
    fn read(
        &mut self,
        path: &Path,
        config: &Config,
        tokens: &Path,
        context: &Context,
    ) -> Result<()> {
        let mut reader = Reader::<MaskRow>::open_own(path)?;
        let mut windows = Windows::open(tokens)?;
        let progress = context.progress("reading masks", reader.rows());
        // Masks of earlier files may not go on in this one.
        let earlier = self.masks.len();
        let mut places: HashMap<MaskName, usize> = HashMap::new();
        for (place, masks) in self.masks.iter().enumerate() {
            places.insert(masks.name.clone(), place);
        }
        while let Some(row) = reader.next().transpose()? {
            windows.seek(&row.id, row.window, || reader.fault())?;
            check(&row, windows.tokens().len(), || reader.fault())?;
            progress.advance(1);
            context.check_interrupt("nothing was written; start again")?;
            let Some(window) = &windows.current else { continue };
            if config.split.is_some() && window.split != config.split || row.mask.is_empty() {
                continue;
            }
            let key = row.name();
            let place = match places.get(&key) {
                Some(&place) => place,
                None if self.masks.len() == MAX_MASKS => {
                    return Err(reader
                        .fault()
                        .expected(format!("at most {MAX_MASKS} methods and ranks"))
                        .found("more")
                        .remedy("probe fewer methods at a time")
                        .into());
                }
                None => {
                    self.masks.push(Masks::new(key.clone()));
                    places.insert(key.clone(), self.masks.len() - 1);
                    self.masks.len() - 1
                }
            };
            let masks = &mut self.masks[place];
            if place < earlier || masks.last == Some(windows.ordinal) {
                return Err(reader
                    .fault()
                    .expected("one mask per window, method, replicate and rank, all in one file")
                    .found(format!("another one of {key}"))
                    .remedy("drop one of them or rename its method")
                    .into());
            }
            masks.last = Some(windows.ordinal);
            features::append(&row.mask, &row.hard, config.bins as usize, &mut masks.features);
            if !config.retrain.is_empty() {
                masks.windows.push(Window::new(windows.ordinal, windows.tokens(), &row.mask));
            }
            masks.records.push(self.records.number(&window.id));
            let taxa = &mut self.taxa;
            let labels = window.taxa.iter().map(|name| name.as_ref().map(|name| taxa.number(name)));
            masks.taxa.extend(labels);
            masks.note_split(window.split);
        }
        Ok(())
    }
}

/// Checks that the mask is one of `tokens` values in [0, 1].
fn check(row: &MaskRow, tokens: usize, fault: impl Fn() -> InputFault) -> Result<()> {
    if row.mask.len() != tokens || row.hard.len() != tokens {
        return Err(fault()
            .expected(format!("{tokens} values of mask and hard, one per real token"))
            .found(format!("{} and {}", row.mask.len(), row.hard.len()))
            .remedy("leave CLS and padding out, and pass the tokens that were masked")
            .into());
    }
    let outside = row.mask.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
    if let Some((token, value)) = outside {
        return Err(fault()
            .expected("mask values from 0 to 1")
            .found(format!("{value} at token {token}"))
            .remedy("scale the method's scores to 0 to 1, keeping their order")
            .into());
    }
    Ok(())
}

/// Walks the tokens table beside a masks table that is in its order.
#[derive(Debug)]
struct Windows {
    reader: Reader<TokenRow>,
    has_cls: bool,
    current: Option<TokenRow>,
    /// Of the current window, from 1.
    ordinal: u64,
}

impl Windows {
    fn open(tokens: &Path) -> Result<Self> {
        let reader = Reader::<TokenRow>::open(tokens)?;
        let tokenization: Tokenization =
            reader.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
        Ok(Self { reader, has_cls: tokenization.cls, current: None, ordinal: 0 })
    }

    /// Goes forward to a window; `row` is the fault of the row that asks for it.
    fn seek(&mut self, id: &str, window: u32, row: impl FnOnce() -> InputFault) -> Result<()> {
        let is_it = |token: &TokenRow| token.window == window && token.id == id;
        while !self.current.as_ref().is_some_and(is_it) {
            self.current = self.reader.next().transpose()?;
            self.ordinal += 1;
            if self.current.is_none() {
                return Err(row()
                    .expected(format!(
                        "the windows of {}, in their order",
                        self.reader.path().display()
                    ))
                    .found(format!("window {window} of {id}, which is not there or came before"))
                    .remedy("pass the tokens table that this one was made from")
                    .into());
            }
        }
        Ok(())
    }

    /// Real tokens of the current window.
    fn tokens(&self) -> &[u32] {
        let all = self.current.as_ref().map_or(&[][..], |row| &row.tokens);
        all.get(usize::from(self.has_cls)..).unwrap_or_default()
    }
}
