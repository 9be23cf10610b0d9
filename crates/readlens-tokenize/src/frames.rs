//! The reading frames of windows: the model, learned or given, and how windows are read with it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

use readlens_fault::{Fault, Place, Result};
use readlens_frame::{FrameModel, FrameOptions, LEAST_HEXAMERS, Strand as Coding, Verdict};
use readlens_kmer::{ModelDigest, Orientation, Tokenization};
use readlens_provenance::{InputDigest, digest_bytes};
use readlens_stage::Context;
use readlens_tables::vocabulary::Split;
use readlens_text::open;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::config::{Config, Splits};
use crate::cutting::split_of;
use crate::input::fingerprint;
use crate::reading::Reading;
use crate::taxonomy::Taxonomy;
use crate::windows::{Strand, Window};

/// Role of a model that is given, in the manifest.
const ROLE: &str = "frame model";
/// Largest file of a model, in bytes; one of the most bins has less than 4 MB.
const MAX_FILE_BYTES: u64 = 1 << 24;
/// Memory that the windows take that a model is learned from, in bytes. A thousandth would do.
const MAX_SAMPLE_BYTES: usize = 1 << 26;
/// Bytes that a window takes beside its bases.
const BYTES_BESIDE: usize = 64;
/// Fewest bases of a window that tells something of the frame.
const LEAST_BASES: usize = LEAST_HEXAMERS + 5;
/// Batches that wait to be sampled.
const WAITING: usize = 2;

/// Reads the frames of windows.
#[derive(Debug)]
pub(crate) struct Frames {
    model: FrameModel,
    /// The model as JSON, as it is kept with the table.
    pub(crate) json: String,
    orientation: Orientation,
    /// What it was learned from; none where the model was given.
    pub(crate) learned_from: Option<Sampled>,
}

/// What a model was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampled {
    pub windows: u64,
    pub bases: u64,
    /// Whether they are of the split train alone.
    pub is_of_train: bool,
}

impl Frames {
    fn new(model: FrameModel, trim: bool, learned_from: Option<Sampled>) -> Result<Self> {
        let failed = |e| Fault::failed("writing the model of the reading frame", e);
        let json = serde_json::to_string(&model).map_err(failed)?;
        let digest = digest_bytes(json.as_bytes());
        let digest = ModelDigest::from_hex(digest.as_str()).ok_or_else(|| {
            Fault::failed("naming the model of the reading frame", digest.as_str())
        })?;
        let orientation = Orientation { model: digest, trim };
        Ok(Self { model, json, orientation, learned_from })
    }

    /// The model in the file at `path`, packed or not, and the digest of that file.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or is no model of this version.
    pub(crate) fn given(path: &Path, trim: bool) -> Result<(Self, InputDigest)> {
        let (bytes, tap) = open(path)?;
        let mut text = Vec::new();
        let read = bytes.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
        read.map_err(|e| tap.fault_of(e))?;
        let remedy = "pass what --save-orient-model wrote, or frame.json of a classifier";
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(Fault::input(path)
                .expected(format!("a model of a reading frame, at most {MAX_FILE_BYTES} bytes"))
                .found("more")
                .remedy(remedy)
                .into());
        }
        let model: FrameModel = serde_json::from_slice(&text).map_err(|e| {
            Fault::input(path)
                .at(Place::Line(e.line() as u64))
                .expected("a model of a reading frame")
                .found(e)
                .remedy(remedy)
        })?;
        Ok((Self::new(model, trim, None)?, tap.finish(ROLE)?))
    }

    /// Learns a model from the windows of `files`: those of the split train, or all where no record
    /// belongs to it.
    ///
    /// Of more than 64 MB a part is taken, which depends on identifiers alone.
    ///
    /// # Errors
    /// Any fault of an input; no window is long enough, or there are too few bases.
    pub(crate) fn learn(
        config: &Config,
        trim: bool,
        files: &[PathBuf],
        taxonomy: (Option<&Taxonomy>, Option<&Path>),
        seed: u64,
        context: &Context,
    ) -> Result<(Self, Vec<InputDigest>)> {
        let total = files.iter().map(|file| std::fs::metadata(file).map_or(0, |data| data.len()));
        let progress = context.progress("reading for the reading frame", total.sum());
        let (taxonomy, taxonomy_path) = taxonomy;
        let reading = Reading::new(config, files, taxonomy, taxonomy_path);
        let (mut of_train, mut of_all) = (Sample::default(), Sample::default());
        let (batches, next_batches) = sync_channel(WAITING);
        let read = thread::scope(|scope| {
            // What is odd about a file is said when it is read again.
            let reading = scope
                .spawn(move || with_default(NoSubscriber::default(), || reading.run(&batches)));
            for batch in next_batches {
                context.check_interrupt("nothing was written; start again")?;
                for known in &batch.records {
                    let split = split_of(config, seed, taxonomy, known);
                    let record = &known.record;
                    let length = record.bases.len() as u32;
                    for window in config.windows.cut(&config.tokenization, length) {
                        let bases = &record.bases[window.start as usize..window.end as usize];
                        if bases.len() < LEAST_BASES {
                            continue;
                        }
                        let sample = match split {
                            Some(Split::Train) => &mut of_train,
                            _ if of_train.windows.is_empty() => &mut of_all,
                            _ => continue,
                        };
                        sample.add(&record.id, window.ordinal, bases);
                    }
                }
                progress.advance(batch.raw_bytes);
            }
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        drop(progress);
        let is_of_train = !of_train.windows.is_empty();
        if !is_of_train && config.splits != Splits::Unassigned {
            tracing::warn!("no record belongs to the split train: the frame is learned from all");
        }
        let sample = if is_of_train { of_train } else { of_all };
        let usual = FrameOptions::default();
        let least_gap = config.least_gap.unwrap_or(usual.least_gap);
        let options = FrameOptions { least_gap, ..usual };
        let fitted = FrameModel::fit(&sample.sequences(), &options);
        let fitted = fitted.map_err(|fault| of_files(fault, files))?;
        let sampled =
            Sampled { windows: fitted.used as u64, bases: sample.bases as u64, is_of_train };
        Ok((Self::new(fitted.model, trim, Some(sampled))?, read.digests))
    }

    /// `tokenization` of windows in their frames.
    pub(crate) fn tokenization(&self, tokenization: Tokenization) -> Tokenization {
        tokenization.oriented(self.orientation)
    }

    /// How many of the bins of GC share have no codons, and of how many.
    pub(crate) fn bins_without_codons(&self) -> (usize, usize) {
        let ratios = self.model.stop_ratios();
        let without = ratios.iter().filter(|ratio| **ratio > readlens_frame::LARGEST_STOP_RATIO);
        (without.count(), ratios.len())
    }

    /// Puts a window of a record's `bases` into its frame; where none is found it stays as it is.
    pub(crate) fn orient(&self, bases: &[u8], window: Window) -> Result<Window> {
        let read = &bases[window.start as usize..window.end as usize];
        let reading = self.model.read(read)?;
        let oriented = reading.orient(read.len(), self.orientation.trim);
        let is_in_frame = reading.verdict == Verdict::InFrame;
        let phase = if self.orientation.trim { 0 } else { reading.phase };
        Ok(Window {
            start: window.start + oriented.start as u32,
            end: window.start + oriented.end as u32,
            strand: match oriented.strand {
                Coding::Forward => Strand::Forward,
                Coding::Reverse => Strand::Reverse,
            },
            phase: is_in_frame.then_some(phase),
            gap: (reading.verdict != Verdict::TooShort).then_some(reading.gap as f32),
            ..window
        })
    }
}

/// The fault of a model that was learned, with the files it was learned from.
fn of_files(fault: Fault, files: &[PathBuf]) -> Fault {
    match fault {
        Fault::Input(fault) => {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            fault.in_file(names.join(", ")).into()
        }
        other => other,
    }
}

/// Windows that a model is learned from, in at most [`MAX_SAMPLE_BYTES`].
#[derive(Debug, Default)]
struct Sample {
    /// Each with the hash that it was chosen by.
    windows: Vec<(u32, Vec<u8>)>,
    bases: usize,
    /// Windows are kept whose hash ends with so many zeros.
    zeros: u32,
}

impl Sample {
    fn add(&mut self, id: &str, window: u32, bases: &[u8]) {
        let [hash, _, _] = fingerprint(&format!("{window}\t{id}"));
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        self.bases += bases.len();
        self.windows.push((hash, bases.to_vec()));
        while self.bases + BYTES_BESIDE * self.windows.len() > MAX_SAMPLE_BYTES
            && self.windows.len() > 1
        {
            self.zeros += 1;
            self.windows.retain(|(hash, _)| hash.trailing_zeros() >= self.zeros);
            self.bases = self.windows.iter().map(|(_, bases)| bases.len()).sum();
        }
    }

    fn sequences(&self) -> Vec<&[u8]> {
        self.windows.iter().map(|(_, bases)| bases.as_slice()).collect()
    }
}
