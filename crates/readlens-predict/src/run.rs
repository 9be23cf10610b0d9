use rayon::prelude::*;
use readlens_batch::{
    Bound, Model, Shard, WindowStream, check_lengths, check_tokenization, tokenization_of,
};
use readlens_fault::{Fault, Result};
use readlens_nn::DeviceKind;
use readlens_provenance::{Manifest, check_files};
use readlens_stage::{Context, in_order};
use readlens_tables::Reader;
use readlens_tables::predictions::{KEY_CALIBRATION, PredictionRow};
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Name;

use crate::answer::Answer;
use crate::calibration::{Calibration, Figures};
use crate::chunks::{Chunks, Taken};
use crate::config::{Config, Paths, Recorded};
use crate::outputs::{Naming, OfRecord, Outputs, Whose};
use crate::predictor::{Said, say};
use crate::records::{Joiner, Record, Run, runs};
use crate::saved::{CalibrationSource, Saved};

/// What to do after an interrupt.
const AGAIN: &str = "nothing was written; run the same command again";

/// Predicts the shard's windows, and the records that begin among them.
///
/// # Errors
/// An input cannot be used, the tokens are of another tokenization than the classifier's, a text of
/// the whole table is asked of a shard, an output cannot be written, or the user interrupts.
pub fn run(
    config: &Config,
    paths: &Paths,
    shard: Shard,
    device: DeviceKind,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    check_files(paths.outputs(), paths.inputs())?;
    if shard != Shard::WHOLE && paths.want_texts() {
        return Err(Fault::usage(
            "--tsv, --kraken-report and --krona are about all records, and --shard predicts a part \
             of them: leave one of the two out",
        ));
    }
    let asking = context.clone();
    let check = move || asking.check_interrupt(AGAIN);
    let Bound { model, windows, mut inputs } =
        Bound::ask(&paths.tokens, &paths.model, device, config.precision, check)?;
    let mut metadata = windows.metadata(shard);
    let tokenization = windows.tokenization().clone();
    drop(windows);
    let ranks = model.ranks();
    let names = ranks.iter().map(|rank| Ok(Name::new(&rank.rank)?));
    let naming = Naming {
        ranks,
        names: names.collect::<Result<_>>()?,
        min_probability: config.min_probability,
    };
    let mut calibration = None;
    match &paths.calibration {
        Some(CalibrationSource::Tokens(path)) => {
            let table = Reader::<TokenRow>::open(path)?;
            // A program was told of the tokens that it is to predict.
            let whose = paths.model.directory().unwrap_or(&paths.tokens);
            let found = tokenization_of(&table)?;
            check_tokenization(path, &found, whose, &tokenization)?;
            inputs.push(table.artefact("calibration")?);
        }
        Some(CalibrationSource::Saved(path)) => {
            let own = inputs.iter().find(|input| input.digest.role == "classifier");
            let own = own.map(|input| input.digest.clone());
            let (saved, artefact) = Saved::read(path, own.as_ref(), ranks)?;
            calibration = Some(saved);
            inputs.push(artefact);
        }
        None => {}
    }
    let recorded = Recorded { config, predictor: model.description() };
    let mut manifest = Manifest::made_from("predict", &recorded, None, &inputs)?;
    if model.network().is_some() {
        manifest = manifest.computed_by(device.compute());
    }
    // Where records are wanted, the last one may end in a later shard.
    let read = if paths.want_records() { Shard::WHOLE } else { shard };
    let is_chosen = |row: &TokenRow| config.split.is_none() || row.split == config.split;
    check_lengths(&paths.tokens, read, model.max_tokens(), |_, row| is_chosen(row))?;
    if let Some(CalibrationSource::Tokens(path)) = &paths.calibration {
        calibration = Some(Calibration::fit(&*model, path, context)?);
    }
    say_what_holds(&*model, calibration.as_ref());
    if let Some(calibration) = &calibration {
        let text = serde_json::to_string(calibration)
            .map_err(|e| Fault::failed("writing the calibration", e))?;
        metadata.insert(KEY_CALIBRATION.to_owned(), text);
    }
    let mut outputs = Outputs::create(paths, &naming, &manifest, &metadata)?;
    if let (Some(path), Some(calibration)) = (&paths.save_calibration, &calibration) {
        let saved = Saved { calibration: calibration.clone(), manifest: manifest.clone() };
        outputs.calibration(path, &saved)?;
    }
    let stream = WindowStream::open(&paths.tokens, shard)?;
    let progress = context.progress("predictions", stream.reader().rows());
    let chunks = Chunks::new(&paths.tokens, shard, stream, paths.want_records())?;
    let mut earlier = chunks.earlier().map(str::to_owned);
    let predictor = Predictor {
        model: &*model,
        naming: &naming,
        calibration: calibration.as_ref(),
        wants_records: paths.want_records(),
    };
    let predict = |Taken { rows, is_own }: Taken| {
        context.check_interrupt(AGAIN)?;
        let count = if is_own { rows.len() as u64 } else { 0 };
        let first = rows.first().map(|row| row.id.clone());
        let chosen: Vec<TokenRow> = rows.into_iter().filter(is_chosen).collect();
        let mut done = predictor.predict(&chosen)?;
        if !is_own {
            // Windows and records of another shard, but for the record that goes on.
            done.windows.clear();
            let goes_on = chosen.first().map(|row| &row.id) == first.as_ref();
            done.records.truncate(usize::from(goes_on));
        }
        Ok((done, count))
    };
    let mut joiner = Joiner::default();
    in_order(model.at_once(), chunks, predict, |(Done { windows, records }, count)| {
        outputs.windows(&windows)?;
        for run in records {
            if let Run::Open(record) = &run
                && earlier.as_ref() == Some(&record.id)
            {
                continue;
            }
            earlier = None;
            let (ended, whole) = joiner.take(run);
            let ended = ended.map(|record| predictor.of_record(record));
            ended.iter().chain(&whole).try_for_each(|record| outputs.record(record))?;
        }
        progress.advance(count);
        Ok(())
    })?;
    if let Some(record) = joiner.finish() {
        outputs.record(&predictor.of_record(record))?;
    }
    drop(progress);
    model.finish()?;
    let (rows, records) = (outputs.rows(), outputs.records());
    if rows == 0 && shard == Shard::WHOLE {
        tracing::warn!("no window was predicted: the table has none, or none of the split");
    }
    outputs.finish()?;
    let of_records = match paths.want_records() {
        true => format!(", and predicted {records} records"),
        false => String::new(),
    };
    tracing::info!("wrote {rows} predictions to {}{of_records}", paths.output.display());
    Ok(())
}

/// What the user should know about confidence and lineages.
fn say_what_holds(model: &dyn Model, calibration: Option<&Calibration>) {
    let shape = model.shape();
    match (calibration, shape.and_then(|shape| shape.temperatures.as_ref())) {
        (Some(calibration), _) => calibration.log(),
        (None, Some(_)) => tracing::info!(
            "confidence is the probability: the classifier has temperatures of its own, which were \
             fitted on windows of the split valid"
        ),
        (None, None) => tracing::info!(
            "confidence is the probability, which was not calibrated: pass --calibration-tokens"
        ),
    }
    if let Some(shape) = shape
        && shape.decoding.is_none()
        && shape.ranks.len() > 1
    {
        tracing::info!(
            "each rank is predicted for itself, so the taxa of a window need not be a lineage: \
             readlens-combine, with this one classifier, makes one that predicts lineages"
        );
    }
}

/// What is made of one chunk.
#[derive(Debug, Default)]
struct Done {
    windows: Vec<PredictionRow>,
    records: Vec<Run<OfRecord>>,
}

struct Predictor<'a> {
    model: &'a dyn Model,
    naming: &'a Naming<'a>,
    calibration: Option<&'a Calibration>,
    wants_records: bool,
}

/// The answers for one window, and its log-probabilities where they are used.
struct Window {
    answers: Vec<Answer>,
    log_p: Vec<Vec<f64>>,
}

impl Predictor<'_> {
    fn predict(&self, rows: &[TokenRow]) -> Result<Done> {
        let said = say(self.model, rows)?;
        let windows: Vec<Window> = said.par_iter().map(|said| self.of_window(said)).collect();
        let of_row = |(row, window): (&TokenRow, &Window)| {
            let whose = Whose {
                id: row.id.clone(),
                window: Some(row.window),
                split: row.split,
                windows: 1,
            };
            let answers: Vec<(Answer, u32)> =
                window.answers.iter().map(|answer| (*answer, 1)).collect();
            self.naming.rows(&whose, &answers)
        };
        let mut done = Done {
            windows: rows.iter().zip(&windows).flat_map(of_row).collect(),
            records: Vec::new(),
        };
        if self.wants_records {
            let add = |record: &mut Record, place: usize| {
                let Window { answers, log_p } = &windows[place];
                record.add(&rows[place], log_p, answers.iter().map(|answer| answer.class));
            };
            done.records = runs(rows, self.model.ranks(), add, |record| self.of_record(record));
        }
        Ok(done)
    }

    fn of_window(&self, said: &Said) -> Window {
        let is_used = self.wants_records || self.calibration.is_some();
        let log_p = if is_used { said.log_p() } else { Vec::new() };
        let temperatures = self.calibration.map(|calibration| calibration.windows.as_slice());
        let p = said.p.iter().map(Vec::as_slice);
        Window { answers: answers(p, &log_p, temperatures), log_p }
    }

    fn of_record(&self, record: Record) -> OfRecord {
        let log_p = record.log_probabilities(self.model.shape());
        let of_rank = |log_p: &Vec<f64>| log_p.iter().map(|log_p| log_p.exp() as f32).collect();
        let p: Vec<Vec<f32>> = log_p.iter().map(of_rank).collect();
        let temperatures = self.calibration.map(|calibration| calibration.records.as_slice());
        let answers = answers(p.iter().map(Vec::as_slice), &log_p, temperatures);
        let voted = |(rank, answer): (usize, &Answer)| (*answer, record.votes(rank, answer.class));
        let answers = answers.iter().enumerate().map(voted).collect();
        let Record { id, split, windows, .. } = record;
        OfRecord { whose: Whose { id, window: None, split, windows }, answers }
    }
}

/// The answer of each rank, of its probabilities and, where temperatures were fitted, of their
/// logarithms.
fn answers<'a>(
    p: impl Iterator<Item = &'a [f32]>,
    log_p: &[Vec<f64>],
    temperatures: Option<&[Figures]>,
) -> Vec<Answer> {
    let of_rank = |(rank, p): (usize, &[f32])| {
        let calibrated =
            temperatures.map(|found| (log_p[rank].as_slice(), found[rank].temperature));
        Answer::of(p, calibrated)
    };
    p.enumerate().map(of_rank).collect()
}
