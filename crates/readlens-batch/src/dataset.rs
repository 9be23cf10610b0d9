use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use readlens_fault::{Fault, Place, Result};
use readlens_kmer::Tokenization;
use readlens_nn::{RankClasses, WindowTokens};
use readlens_random::stream;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;

use crate::stream::{check_tokens, tokenization_of};

/// Most memory that training and validation windows may take, in bytes: a small file of equal rows
/// can hold any number of them.
const MAX_MEMORY: usize = 2 << 30;

/// Of so many records of the split `valid` one still validates where its windows are learned from.
const VALIDATING: usize = 5;

/// One window, ready to be put into a batch.
#[derive(Clone, Debug)]
pub struct Window {
    /// Token ids, with CLS where the tokenization has one.
    pub tokens: Vec<u32>,
    /// Bases before its first whole codon, 0 to 2, where its reading frame is known.
    pub phase: Option<u8>,
    /// Ordinal of its record in the table: the windows of a record stand together there.
    pub record: u32,
    /// Class per rank; none where the taxon is unknown or not among the classes.
    pub classes: Vec<Option<u32>>,
}

impl Window {
    /// As networks read it.
    pub fn as_read(&self) -> WindowTokens<'_> {
        WindowTokens { ids: &self.tokens, phase: self.phase }
    }
}

/// A window of a token table as networks read it.
pub fn as_read(row: &TokenRow) -> WindowTokens<'_> {
    WindowTokens { ids: &row.tokens, phase: row.phase.map(|phase| phase as u8) }
}

/// The training and validation windows of a token table, in memory once.
#[derive(Debug)]
pub struct Dataset {
    /// How the windows were tokenized.
    pub tokenization: Tokenization,
    /// Ranks with their taxa.
    pub ranks: Vec<RankClasses>,
    /// Windows of the split `train`.
    pub train: Vec<Window>,
    /// Windows of the split `valid`.
    pub valid: Vec<Window>,
    /// Tokens of the longest window of the table, whatever its split.
    pub longest: usize,
}

impl Dataset {
    /// The same with the windows of the split `valid` for learning: a fifth of its records, drawn
    /// by `seed` and at least one, stays for validation. What was in `train` is left out.
    ///
    /// # Errors
    /// `valid` has fewer than two records; `path` is for the message.
    pub fn of_valid(mut self, path: &Path, seed: u64) -> Result<Self> {
        let mut records: Vec<u32> = self.valid.iter().map(|window| window.record).collect();
        records.dedup();
        if records.len() < 2 {
            return Err(Fault::input(path)
                .expected("at least two records of the split valid to learn from")
                .found(records.len().to_string())
                .remedy("learn from the split train, or tokenize with a larger split valid")
                .into());
        }
        records.shuffle(&mut stream(seed, "records of valid that validate"));
        records.truncate((records.len() / VALIDATING).max(1));
        let kept: HashSet<u32> = records.into_iter().collect();
        (self.valid, self.train) =
            self.valid.into_iter().partition(|window| kept.contains(&window.record));
        Ok(self)
    }

    /// Training windows of each taxon, by rank.
    pub fn train_counts(&self) -> Vec<Vec<u32>> {
        let mut counts: Vec<Vec<u32>> =
            self.ranks.iter().map(|rank| vec![0; rank.taxa.len()]).collect();
        for window in &self.train {
            for (counts, class) in counts.iter_mut().zip(&window.classes) {
                if let Some(class) = class {
                    counts[*class as usize] += 1;
                }
            }
        }
        counts
    }

    /// Reads the splits `train` and `valid`. A table without any split is training data as a whole.
    ///
    /// `known` gives the ranks and taxa of a trained classifier, and a rank without a column is
    /// then unlabelled; without it they are those of the training windows, taxa in alphabetical
    /// order. Windows without a real token are left out, and so are those without a split where
    /// others have one. `most` is the longest window that the network can read, in tokens.
    ///
    /// # Errors
    /// The table cannot be read, has no tokenization, an id out of the vocabulary, a longer window,
    /// or no training window; a rank of `known` is not a column.
    pub fn read(
        path: &Path,
        wanted: &[String],
        known: Option<&[RankClasses]>,
        most: usize,
    ) -> Result<Self> {
        let mut reader = Reader::<TokenRow>::open(path)?;
        let tokenization = tokenization_of(&reader)?;
        let columns = reader.ranks().to_vec();
        let names: Vec<String> = match known {
            Some(known) => known.iter().map(|r| r.rank.clone()).collect(),
            None if wanted.is_empty() => columns.clone(),
            None => wanted.to_vec(),
        };
        if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return Err(Fault::usage(format!("rank {} is named twice", twice.1)));
        }
        let places = places_of(path, &names, &columns, known.is_some())?;
        let mut train: Vec<Labelled> = Vec::new();
        let mut valid = Vec::new();
        let mut unassigned = Vec::new();
        let mut has_splits = false;
        let mut longest = 0;
        let (mut record, mut last) = (0, None);
        let mut memory = 0;
        while let Some(row) = reader.next() {
            let mut row = row?;
            check_tokens(&reader, &row, &tokenization)?;
            if row.tokens.len() > most {
                return Err(reader
                    .fault()
                    .expected(format!("windows of at most {most} tokens, as the network allows"))
                    .found(format!("one of {}", row.tokens.len()))
                    .remedy("tokenize with a smaller --window, or train with a larger --max-tokens")
                    .into());
            }
            longest = longest.max(row.tokens.len());
            if last.as_ref().is_some_and(|last| *last != row.id) {
                record += 1;
            }
            last = Some(row.id);
            if row.tokens.len() <= usize::from(tokenization.cls) {
                continue;
            }
            let taxa = places.iter().map(|place| row.taxa[(*place)?].take()).collect();
            let phase = row.phase.map(|phase| phase as u8);
            let window = Labelled { tokens: row.tokens, phase, record, taxa };
            has_splits |= row.split.is_some();
            if row.split != Some(Split::Test) {
                memory += window.memory();
            }
            if memory > MAX_MEMORY {
                return Err(reader
                    .fault()
                    .expected(format!("training windows of at most {} MiB", MAX_MEMORY >> 20))
                    .found("more")
                    .remedy("train on a sample of the records")
                    .into());
            }
            match row.split {
                None => unassigned.push(window),
                Some(Split::Train) => train.push(window),
                Some(Split::Valid) => valid.push(window),
                Some(Split::Test) => {}
            }
        }
        if !has_splits {
            train = unassigned;
        } else if !unassigned.is_empty() {
            tracing::info!("left out {} windows without a split", unassigned.len());
        }
        if train.is_empty() {
            return Err(no_training_window(path).into());
        }
        let ranks = match known {
            Some(known) => known.to_vec(),
            None => classes_of(path, &names, &train)?,
        };
        let indices: Vec<HashMap<&str, u32>> = ranks
            .iter()
            .map(|r| r.taxa.iter().enumerate().map(|(i, t)| (t.as_str(), i as u32)).collect())
            .collect();
        let classified = |rows: Vec<Labelled>| -> Vec<Window> {
            let class = |taxon: &Option<String>, index: &HashMap<&str, u32>| {
                taxon.as_deref().and_then(|t| index.get(t).copied())
            };
            rows.into_iter()
                .map(|Labelled { tokens, phase, record, taxa }| Window {
                    tokens,
                    phase,
                    record,
                    classes: taxa.iter().zip(&indices).map(|(t, i)| class(t, i)).collect(),
                })
                .collect()
        };
        let (train, valid) = (classified(train), classified(valid));
        Ok(Self { tokenization, ranks, train, valid, longest })
    }
}

/// A window with the taxa that its row names.
struct Labelled {
    tokens: Vec<u32>,
    phase: Option<u8>,
    record: u32,
    taxa: Vec<Option<String>>,
}

impl Labelled {
    /// Bytes of memory that it takes, with what the allocator adds to each of its blocks.
    fn memory(&self) -> usize {
        const BLOCK: usize = 16;
        let text = |taxon: &Option<String>| {
            size_of::<Option<String>>() + taxon.as_ref().map_or(0, |taxon| BLOCK + taxon.len())
        };
        size_of::<Self>()
            + 2 * BLOCK
            + size_of_val(self.tokens.as_slice())
            + self.taxa.iter().map(text).sum::<usize>()
    }
}

fn no_training_window(path: &Path) -> readlens_fault::InputFault {
    Fault::input(path)
        .at(Place::Column("split".to_owned()))
        .expected("rows of the split train with at least one token")
        .found("none")
        .remedy("tokenize again with a split column or split fractions")
}

/// Index of each rank among the table's rank columns; none only where that is allowed.
fn places_of(
    path: &Path,
    names: &[String],
    columns: &[String],
    may_miss: bool,
) -> Result<Vec<Option<usize>>> {
    let place = |name: &String| match columns.iter().position(|c| c == name) {
        Some(place) => Ok(Some(place)),
        None if may_miss => Ok(None),
        None => Err({
            Fault::input(path)
                .at(Place::Column(name.clone()))
                .expected("a column of that rank")
                .found(format!("the ranks {}", columns.join(", ")))
                .remedy("choose among those ranks, or tokenize again with this one")
                .into()
        }),
    };
    names.iter().map(place).collect()
}

fn classes_of(path: &Path, names: &[String], train: &[Labelled]) -> Result<Vec<RankClasses>> {
    let mut ranks = Vec::with_capacity(names.len());
    for (i, rank) in names.iter().enumerate() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for window in train {
            if let Some(taxon) = &window.taxa[i] {
                *counts.entry(taxon).or_default() += 1;
            }
        }
        if counts.is_empty() {
            return Err(Fault::input(path)
                .at(Place::Column(rank.clone()))
                .expected("at least one labelled training window")
                .found("none")
                .remedy("leave the rank out or pass a taxonomy that has it")
                .into());
        }
        let taxa = counts.into_keys().map(str::to_owned).collect();
        ranks.push(RankClasses { rank: rank.clone(), taxa });
    }
    if ranks.is_empty() {
        return Err(Fault::input(PathBuf::from(path))
            .expected("at least one rank column")
            .found("none")
            .remedy("tokenize with a taxonomy")
            .into());
    }
    Ok(ranks)
}
