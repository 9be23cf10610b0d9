use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};

use readlens_fault::{Fault, Result};
use readlens_provenance::{InputDigest, Manifest, NewFile, check_files, commit_together, put_json};
use readlens_stage::{Context, in_order};
use readlens_tables::Writer;
use readlens_tables::tokens::{KEY_FRAME_MODEL, KEY_TOKENIZATION};
use readlens_text::{STDIN, is_stdin};

use crate::config::{Config, Gaps, Orient, Splits, TaxaSource};
use crate::cutting::{Cutting, Kept};
use crate::frames::Frames;
use crate::reading::{Read, Reading};
use crate::summary::{FrameSummary, RankSummary, Summary, SummaryFile, TaxonomySummary};
use crate::taxonomy::{TAXDUMP_FILES, Taxonomy};
use crate::tokenizing::{Tokenized, Tokenizing};

/// Batches that wait to be cut.
const WAITING: usize = 2;

/// The files that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// FASTA and FASTQ files, packed or not, read in this order; `-` is standard input.
    pub sequences: Vec<PathBuf>,
    /// The taxonomy table, where the configuration has one.
    pub taxonomy: Option<PathBuf>,
    /// Directory of the NCBI taxdump, where the table has taxids.
    pub taxdump: Option<PathBuf>,
    /// A model of reading frames; none where it is learned or no frame is looked for.
    pub frame_model: Option<PathBuf>,
}

/// The files that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The table of tokens.
    pub tokens: PathBuf,
    /// The summary as JSON.
    pub summary: Option<PathBuf>,
    /// The model of reading frames that was learned.
    pub frame_model: Option<PathBuf>,
}

/// Tokenizes `inputs` into `outputs` in one pass and constant memory (the taxonomy, and 96-bit
/// fingerprints of the identifiers, are held). Where reading frames are learned, a pass before it
/// holds at most 64 MB of windows.
///
/// `seed` decides the splits where the configuration asks for hashed ones.
///
/// # Errors
/// Options that cannot work, any fault of an input, or an output that cannot be written; no
/// output is then left behind.
pub fn run(
    inputs: &Inputs,
    config: &Config,
    seed: u64,
    outputs: &Outputs,
    context: &Context,
) -> Result<Summary> {
    config.validate()?;
    check_paths(inputs, config, outputs)?;
    let (taxonomy, mut input_digests) = read_taxonomy(inputs, config)?;
    let taxonomy = taxonomy.as_ref();
    let (frames, digests_of_first_pass) =
        frames(inputs, config, seed, taxonomy, &mut input_digests, context)?;
    let frames = frames.as_ref();
    check_orientation(inputs, config, frames)?;
    // What follows is about windows in their frames.
    let config = &Config {
        tokenization: match frames {
            Some(frames) => frames.tokenization(config.tokenization.clone()),
            None => config.tokenization.clone(),
        },
        ..config.clone()
    };
    let tokenization = serde_json::to_string(&config.tokenization)
        .map_err(|e| Fault::failed("writing the tokenization", e))?;
    let mut metadata = BTreeMap::from([(KEY_TOKENIZATION.to_owned(), tokenization)]);
    metadata.extend(frames.map(|frames| (KEY_FRAME_MODEL.to_owned(), frames.json.clone())));
    let mut writer = Writer::begin(&outputs.tokens, config.ranks(), &metadata)?;
    let mut summary_file = outputs.summary.as_deref().map(NewFile::create).transpose()?;

    let mut model_file = outputs.frame_model.as_deref().map(NewFile::create).transpose()?;

    let reading = Reading::new(config, &inputs.sequences, taxonomy, inputs.taxonomy.as_deref());
    let cutting = Cutting::new(config, seed, taxonomy, frames);
    let tokenizing = Tokenizing::new(config, taxonomy, writer.encoder());
    let progress = context.progress("tokenizing", total_bytes(&inputs.sequences));
    let (mut tokens, mut unknown_tokens) = (0, 0);
    // One more than there are threads: none waits while a group is written.
    let at_once = context.threads().get() + 1;
    let (mut read, kept) = pipeline(reading, cutting, &tokenizing, at_once, |tokenized| {
        context.check_interrupt("nothing was written; start again")?;
        writer.append(tokenized.rows)?;
        tokens += tokenized.tokens;
        unknown_tokens += tokenized.unknown_tokens;
        progress.advance(tokenized.raw_bytes);
        progress.note(format!("{} windows", writer.rows()));
        Ok(())
    })?;
    drop(progress);
    if kept.records == 0 {
        return Err(nothing_kept(inputs, config, &read));
    }

    if let Some(first) = digests_of_first_pass {
        check_same(&inputs.sequences, &first, &read.digests)?;
    }
    // Sequences first, then what describes them.
    let mut digests = std::mem::take(&mut read.digests);
    digests.append(&mut input_digests);
    let seed = matches!(config.splits, Splits::Hash { .. }).then_some(seed);
    let manifest = Manifest::new("tokenize", config, seed, digests)?;
    let by_heart = kept.frames.by_heart();
    let summary = summarize(config, taxonomy, frames, read, kept, (tokens, unknown_tokens));
    if let Some(file) = &mut summary_file {
        put_json(file, &SummaryFile { summary: &summary, manifest: &manifest })?;
    }
    if let (Some(file), Some(frames)) = (&mut model_file, frames) {
        file.put(frames.json.as_bytes())?;
    }
    let tokens = writer.complete_with(&manifest)?;
    commit_together([tokens].into_iter().chain(summary_file).chain(model_file))?;
    let bases_of_token = config.tokenization.least_bases(1);
    summary.log(config.gaps == Gaps::Keep, bases_of_token);
    let is_of_train = frames
        .as_ref()
        .is_some_and(|frames| frames.learned_from.is_some_and(|sampled| sampled.is_of_train));
    if let Some((train, others)) = by_heart.filter(|_| is_of_train) {
        tracing::warn!(
            "{:.0} % of the windows of the split train have a clear frame and {:.0} % of the others: \
             the model was learned from too few bases and knows train by heart, so new windows are \
             read otherwise; give a model of more sequences as --orient-model, or drop --orient",
            100.0 * train,
            100.0 * others
        );
    }
    Ok(summary)
}

/// Reads the inputs as [`run`] does and keeps nothing of them: what the fuzzers call.
///
/// # Errors
/// As [`run`] about options and inputs; that nothing was kept is none.
#[doc(hidden)]
pub fn read(inputs: &Inputs, config: &Config) -> Result<()> {
    config.validate()?;
    let (taxonomy, _) = read_taxonomy(inputs, config)?;
    let path = inputs.taxonomy.as_deref();
    let reading = Reading::new(config, &inputs.sequences, taxonomy.as_ref(), path);
    let cutting = Cutting::new(config, 1, taxonomy.as_ref(), None);
    thread::scope(|scope| {
        let (batches, waiting_batches) = sync_channel(WAITING);
        let (groups, next_groups) = sync_channel(0);
        let reading = scope.spawn(move || reading.run(&batches));
        let cutting = scope.spawn(move || cutting.run(waiting_batches, &groups));
        next_groups.into_iter().for_each(drop);
        let kept = joined(cutting);
        joined(reading)?;
        kept.map(drop)
    })
}

/// What finds the reading frames, given or learned, and where it was learned the digests of the
/// sequences it was learned from. That of a given model joins `digests`.
fn frames(
    inputs: &Inputs,
    config: &Config,
    seed: u64,
    taxonomy: Option<&Taxonomy>,
    digests: &mut Vec<InputDigest>,
    context: &Context,
) -> Result<(Option<Frames>, Option<Vec<InputDigest>>)> {
    let Some(orient) = config.orient else { return Ok((None, None)) };
    let trim = orient == Orient::Frame;
    if let Some(path) = &inputs.frame_model {
        let (frames, digest) = Frames::given(path, trim)?;
        digests.push(digest);
        return Ok((Some(frames), None));
    }
    let files = &inputs.sequences;
    let is_how = |path: &&PathBuf| ["strand", "frame"].map(Path::new).contains(&path.as_path());
    if let Some(how) = files.iter().find(|path| is_how(path) && !path.exists()) {
        let how = how.display();
        return Err(Fault::usage(format!("there is no file {how}; did you mean --orient={how}?")));
    }
    let is_read_once = |path: &&PathBuf| is_stdin(path) || path.exists() && !path.is_file();
    if let Some(path) = files.iter().find(is_read_once) {
        return Err(Fault::usage(format!(
            "--orient reads {} twice, to learn the reading frame and to use it, but it can be read \
             only once; pass a file, or a model as --orient-model",
            path.display()
        )));
    }
    let described = (taxonomy, inputs.taxonomy.as_deref());
    let (frames, read) = Frames::learn(config, trim, files, described, seed, context)?;
    Ok((Some(frames), Some(read)))
}

/// Refuses a model of the reading frame that is not the one the tokenization was made with.
fn check_orientation(inputs: &Inputs, config: &Config, frames: Option<&Frames>) -> Result<()> {
    let (Some(expected), Some(frames)) = (config.tokenization.orientation, frames) else {
        return Ok(());
    };
    let found = frames.tokenization(config.tokenization.clone());
    if found.orientation == Some(expected) {
        return Ok(());
    }
    let path = inputs.frame_model.as_deref().unwrap_or(Path::new("frame.json"));
    Err(Fault::input(path)
        .expected(format!("the model of {}", config.tokenization))
        .found(found)
        .remedy("restore the file of the classifier's own folder")
        .into())
}

/// Refuses files that changed between the two passes over them.
fn check_same(files: &[PathBuf], first: &[InputDigest], second: &[InputDigest]) -> Result<()> {
    let changed = first.iter().zip(second).position(|(a, b)| a.sha256 != b.sha256);
    let Some(place) = changed else { return Ok(()) };
    Err(Fault::input(&files[place])
        .expected("the same bytes as a moment ago")
        .found("others")
        .remedy("wait until the file is complete, and tokenize again")
        .into())
}

/// The taxonomy, where the configuration has one, and the digests of its files.
fn read_taxonomy(inputs: &Inputs, config: &Config) -> Result<(Option<Taxonomy>, Vec<InputDigest>)> {
    let (Some(path), Some(taxonomy)) = (&inputs.taxonomy, &config.taxonomy) else {
        return Ok((None, Vec::new()));
    };
    let taxdump = inputs.taxdump.as_deref();
    let (table, digests) = Taxonomy::load(path, taxdump, taxonomy, &config.splits)?;
    Ok((Some(table), digests))
}

/// Reading, cutting, tokenizing and writing side by side. A fault of writing earlier records goes
/// before one of reading later ones, whichever thread met it first.
fn pipeline(
    reading: Reading<'_>,
    cutting: Cutting<'_>,
    tokenizing: &Tokenizing<'_>,
    at_once: usize,
    write: impl FnMut(Tokenized) -> Result<()>,
) -> Result<(Read, Kept)> {
    thread::scope(|scope| {
        let (batches, waiting_batches) = sync_channel(WAITING);
        // Groups wait where they are tokenized, not here.
        let (groups, next_groups) = sync_channel(0);
        let reading = scope.spawn(move || reading.run(&batches));
        let cutting = scope.spawn(move || cutting.run(waiting_batches, &groups));
        let groups = next_groups.into_iter().map(Ok);
        let written = in_order(at_once, groups, |group| tokenizing.tokenize(group), write);
        let kept = joined(cutting);
        let read = joined(reading);
        written?;
        Ok((read?, kept?))
    })
}

fn joined<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Bytes of the files on disk; standard input and pipes count nothing.
fn total_bytes(files: &[PathBuf]) -> u64 {
    let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
    files.iter().filter(|path| !is_stdin(path)).map(length).sum()
}

fn check_paths(inputs: &Inputs, config: &Config, outputs: &Outputs) -> Result<()> {
    if inputs.sequences.is_empty() {
        return Err(Fault::usage("no input: name FASTA or FASTQ files, or - for standard input"));
    }
    if inputs.taxonomy.is_some() != config.taxonomy.is_some() {
        return Err(Fault::usage("a taxonomy table and its configuration go together"));
    }
    let wants_taxdump =
        matches!(&config.taxonomy, Some(t) if matches!(t.taxa, TaxaSource::Taxid(_)));
    if inputs.taxdump.is_some() != wants_taxdump {
        return Err(Fault::usage(
            "--taxid-column and --taxdump go together: the column of the taxonomy table and the \
             directory with nodes.dmp and names.dmp",
        ));
    }
    let read = || inputs.sequences.iter().chain(&inputs.taxonomy).chain(&inputs.frame_model);
    if read().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Fault::usage(format!("{STDIN} (standard input) can be read only once")));
    }
    let of_dump = TAXDUMP_FILES.iter().filter_map(|file| Some(inputs.taxdump.as_ref()?.join(file)));
    let files = read().filter(|path| !is_stdin(path)).cloned().chain(of_dump);
    let written = [&outputs.tokens].into_iter().chain(&outputs.summary).chain(&outputs.frame_model);
    check_files(written, files)
}

fn nothing_kept(inputs: &Inputs, config: &Config, read: &Read) -> Fault {
    let names: Vec<String> = inputs.sequences.iter().map(|p| p.display().to_string()).collect();
    let need = config.windows.frame as usize
        + config.tokenization.least_bases(config.windows.min_tokens as usize);
    Fault::input(names.join(", "))
        .expected(format!("a record of at least {need} nt (--k, --frame, --min-tokens)"))
        .found(format!("{} records, all of them empty or shorter", read.records))
        .remedy("choose a smaller --k or pass longer sequences")
        .into()
}

fn summarize(
    config: &Config,
    taxonomy: Option<&Taxonomy>,
    frames: Option<&Frames>,
    read: Read,
    kept: Kept,
    (tokens, unknown_tokens): (u64, u64),
) -> Summary {
    let frames = frames.map(|frames| FrameSummary {
        learned_from_windows: frames.learned_from.map(|sampled| sampled.windows),
        learned_from_bases: frames.learned_from.map(|sampled| sampled.bases),
        learned_from_train: frames.learned_from.map(|sampled| sampled.is_of_train),
        bins: frames.bins_without_codons().1 as u64,
        bins_without_codons: frames.bins_without_codons().0 as u64,
        forward: kept.frames.forward,
        reverse: kept.frames.reverse,
        not_found: kept.frames.not_found,
        too_short: kept.frames.too_short,
    });
    let ranks = config.ranks().iter().enumerate().zip(&kept.taxa).zip(&kept.records_with_taxon);
    let taxonomy = taxonomy.map(|table| TaxonomySummary {
        rows: table.rows() as u64,
        rows_without_record: read.rows_without_record,
        records_without_row: read.records_without_row,
        deleted_rows: table.notes().deleted_rows,
        absent_rows: table.notes().absent_rows,
        unknown_words: config.taxonomy.as_ref().map_or_else(Vec::new, |t| t.unknown.clone()),
        unknown_cells: table.notes().unknown_cells,
        skipped_parts: table.notes().skipped_parts.clone(),
        ranks: ranks
            .map(|(((place, rank), taxa), records)| {
                let homonyms = table.homonyms(place);
                RankSummary {
                    rank: rank.clone(),
                    taxa: taxa.len() as u64,
                    records: *records,
                    rare_taxa: table.rare_taxa(place) as u64,
                    homonyms: homonyms.names,
                    homonym_taxa: homonyms.examples.clone(),
                    ambiguous_rows: homonyms.ambiguous_rows,
                }
            })
            .collect(),
    });
    let owned = |name: &str| name.to_owned();
    Summary {
        records_read: read.records,
        bases_read: read.bases,
        records_kept: kept.records,
        skipped: kept.skipped.into_iter().map(|(reason, ids)| (owned(reason), ids)).collect(),
        windows: kept.windows,
        tokens,
        unknown_tokens,
        gaps: read.gaps,
        frames,
        taxonomy,
        splits: kept.splits.into_iter().map(|(split, size)| (owned(split), size)).collect(),
    }
}
