//! Everything that is written, whole or not at all.

use std::collections::BTreeMap;

use readlens_fault::{InputFault, Result};
use readlens_provenance::{Manifest, NewFile, commit_together};
use readlens_stage::Context;
use readlens_tables::Writer;
use readlens_tables::stretches::StretchRow;
use readlens_tables::vocabulary::MaskName;

use crate::bigwig::BigWig;
use crate::config::{Config, Paths};
use crate::escaped::sequence;
use crate::records::{Record, Track};
use crate::sequences::Sequences;
use crate::stretch::{Stretch, for_runs, stretches};
use crate::taxa::Taxa;
use crate::text::{bed, bedgraph, create_gff3, gff3, put_line, region};

/// The files of one run.
pub(crate) struct Outputs<'a> {
    threshold: f32,
    want_tracks: bool,
    /// The mask of the tracks, once it is met.
    mask: Option<MaskName>,
    table: Writer<StretchRow>,
    bed: Option<NewFile>,
    gff3: Option<NewFile>,
    bedgraph: Option<NewFile>,
    bigwig: Option<BigWig>,
    sequences: Option<Sequences<'a>>,
}

impl<'a> Outputs<'a> {
    pub(crate) fn create(
        config: &Config,
        paths: &Paths,
        manifest: &Manifest,
        context: &'a Context,
    ) -> Result<Self> {
        let text =
            |path: &Option<std::path::PathBuf>| path.as_deref().map(NewFile::create).transpose();
        let sequences = match paths.sequences.as_slice() {
            [] => None,
            files => Some(Sequences::open(files, paths.masked_fasta.as_deref(), context)?),
        };
        Ok(Self {
            threshold: config.threshold,
            want_tracks: paths.want_tracks(),
            mask: None,
            table: Writer::create(&paths.stretches, &[], manifest, &BTreeMap::new())?,
            bed: text(&paths.bed)?,
            gff3: paths.gff3.as_deref().map(create_gff3).transpose()?,
            bedgraph: text(&paths.bedgraph)?,
            bigwig: paths.bigwig.as_deref().map(BigWig::create).transpose()?,
            sequences,
        })
    }

    /// Adds a record; `fault` is one about its last row.
    ///
    /// # Errors
    /// Tracks of several masks are wanted, the sequences lack the record, its identifier cannot
    /// stand in a bigWig, or a file cannot be written.
    pub(crate) fn record(
        &mut self,
        record: &Record,
        taxa: &Taxa,
        fault: impl Fn() -> InputFault,
    ) -> Result<()> {
        if self.want_tracks {
            self.check_mask(record, &fault)?;
        }
        let found: Vec<Vec<Stretch>> = record
            .tracks
            .iter()
            .map(|track| stretches(track.merged.values(), self.threshold))
            .collect();
        let read = found.first().map_or(&[][..], Vec::as_slice);
        let length = match &mut self.sequences {
            None => record.end,
            Some(sequences) => sequences.find(&record.id, record.end, read)?.ok_or_else(|| {
                fault()
                    .expected("records that the sequences have too, in their order")
                    .found(format!("{}, which is not there or came before", record.id))
                    .remedy("pass the FASTA files that were tokenized, in their order")
            })?,
        };
        if let Some(gff3) = &mut self.gff3
            && length > 0
        {
            put_line(gff3, &region(&record.id, length))?;
        }
        for (track, found) in record.tracks.iter().zip(&found) {
            for stretch in found {
                self.stretch(row(&record.id, track, stretch, taxa))?;
            }
        }
        self.values(record, length, fault)
    }

    fn stretch(&mut self, row: StretchRow) -> Result<()> {
        self.table.push(&row)?;
        if let Some(file) = &mut self.bed {
            put_line(file, &bed(&row))?;
        }
        if let Some(file) = &mut self.gff3 {
            put_line(file, &gff3(&row, self.table.rows()))?;
        }
        Ok(())
    }

    /// Writes the merged mask, where a track of it is wanted.
    fn values(
        &mut self,
        record: &Record,
        length: u32,
        fault: impl Fn() -> InputFault,
    ) -> Result<()> {
        let (Some(track), true) = (
            record.tracks.first(),
            length > 0 && (self.bedgraph.is_some() || self.bigwig.is_some()),
        ) else {
            return Ok(());
        };
        let id = sequence(&record.id);
        if let Some(bigwig) = &mut self.bigwig {
            bigwig.begin(&id, length).map_err(|found| {
                fault()
                    .expected("records of their own with identifiers of at most 255 bytes")
                    .found(found)
                    .remedy("leave out --bigwig, or rename the record")
            })?;
        }
        for_runs(track.merged.values(), |run| {
            if let Some(file) = &mut self.bedgraph {
                put_line(file, &bedgraph(&id, run))?;
            }
            self.bigwig.as_mut().map_or(Ok(()), |bigwig| bigwig.run(run))
        })?;
        self.bigwig.as_mut().map_or(Ok(()), BigWig::end)
    }

    fn check_mask(&mut self, record: &Record, fault: impl Fn() -> InputFault) -> Result<()> {
        for track in &record.tracks {
            match &self.mask {
                None => self.mask = Some(track.mask.clone()),
                Some(mask) if *mask == track.mask => {}
                Some(mask) => {
                    let mut masks = vec![mask.to_string()];
                    let others = record.tracks.iter().map(|track| track.mask.to_string());
                    others.for_each(|other| {
                        if !masks.contains(&other) {
                            masks.push(other);
                        }
                    });
                    return Err(fault()
                        .expected("one mask for --bed, --gff3 and the other tracks")
                        .found(format!("{} of {}", masks.join("; "), record.id))
                        .remedy("choose one with --method, --replicate and --rank")
                        .into());
                }
            }
        }
        Ok(())
    }

    /// Stretches so far.
    pub(crate) fn rows(&self) -> u64 {
        self.table.rows()
    }

    /// Gives all files their names.
    pub(crate) fn finish(self) -> Result<()> {
        let copy = self.sequences.map(Sequences::finish).transpose()?.flatten();
        let texts = [self.bed, self.gff3, self.bedgraph, copy].into_iter().flatten();
        let bigwig = self.bigwig.map(BigWig::complete).transpose()?;
        commit_together([self.table.complete()?].into_iter().chain(texts).chain(bigwig))
    }
}

fn row(id: &str, track: &Track, stretch: &Stretch, taxa: &Taxa) -> StretchRow {
    let MaskName { method, ranks } = &track.mask;
    StretchRow {
        id: id.to_owned(),
        start: stretch.start,
        end: stretch.end,
        strand: track.strand.name().to_owned(),
        method: method.name.clone(),
        method_kind: method.kind,
        replicate: method.replicate,
        rank: ranks.clone(),
        taxon: taxa.of(ranks).map(str::to_owned),
        length: stretch.end - stretch.start,
        mean: stretch.mean,
        peak: stretch.peak,
    }
}
