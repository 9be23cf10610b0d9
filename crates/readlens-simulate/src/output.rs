use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use readlens_fault::Result;
use readlens_provenance::{DirectoryKind, Manifest, NewDirectory, NewFile, write_json};
use readlens_stage::Context;

use crate::config::Config;
use crate::hierarchy::Hierarchy;
use crate::motifs::Motifs;
use crate::record::Workshop;

/// Bases on a FASTA line.
const LINE_BASES: usize = 80;
/// Random streams: record `i` has its own, so more records or chimeras change no earlier one.
const MOTIF_STREAM: u64 = 0;
const SPLIT_STREAM: u64 = 1;
const RECORD_STREAM: u64 = 1 << 32;
const CHIMERA_STREAM: u64 = 1 << 33;

/// The directory of a simulated data set.
const SIMULATION: DirectoryKind = DirectoryKind {
    name: "simulated data set",
    stages: &["simulate"],
    files: &[
        "sequences.fasta",
        "taxonomy.tsv",
        "truth.tsv",
        "motifs.tsv",
        "chimeras.fasta",
        "chimeras_taxonomy.tsv",
        "chimeras_truth.tsv",
    ],
    is_temporary: false,
};

/// Writes the simulated data set into the directory `output`.
///
/// `sequences.fasta`; `taxonomy.tsv` (`id`, one column per rank, `split`); `truth.tsv` (`id`,
/// `start`, `end`, `name` = `RANK:TAXON`, 0-based half-open); `motifs.tsv` (`rank`, `taxon`,
/// `parent`, `motif`); `manifest.json`. With chimeras also `chimeras.fasta`,
/// `chimeras_taxonomy.tsv` (all in split `test`, labelled as their first taxon) and
/// `chimeras_truth.tsv`, whose `name` is the lowest-rank taxon that the half comes from.
///
/// # Errors
/// The configuration cannot work, there is no room for different motifs, or `output` cannot be
/// written.
pub fn run(config: &Config, seed: u64, output: &Path, context: &Context) -> Result<()> {
    config.validate()?;
    let hierarchy = Hierarchy::new(&config.ranks);
    let motifs = Motifs::draw(&hierarchy, config.motif_length, &mut stream(seed, MOTIF_STREAM))?;
    let directory = NewDirectory::create(output, SIMULATION)?;
    let simulation = Simulation {
        seed,
        workshop: Workshop { config, hierarchy: &hierarchy, motifs: &motifs },
        directory: directory.path(),
        context,
    };
    simulation.write_motifs()?;
    simulation.write_records()?;
    if config.chimeras > 0 {
        simulation.write_chimeras()?;
    }
    let manifest = Manifest::new("simulate", config, Some(seed), Vec::new())?;
    write_json(&directory.path().join("manifest.json"), &manifest)?;
    directory.commit()?;
    tracing::info!(
        "simulated {} records and {} chimeras of {} taxa in {}",
        config.train + config.valid + config.test,
        config.chimeras,
        hierarchy.leaves(),
        output.display()
    );
    Ok(())
}

/// The stream of a record or a phase. Not `readlens_random::stream`: the published planted data are
/// defined by these draws.
fn stream(seed: u64, number: u64) -> ChaCha12Rng {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

struct Simulation<'a> {
    seed: u64,
    workshop: Workshop<'a>,
    directory: &'a Path,
    context: &'a Context,
}

impl Simulation<'_> {
    fn write_motifs(&self) -> Result<()> {
        let Workshop { hierarchy, motifs, .. } = self.workshop;
        let mut table = TextFile::create(&self.directory.join("motifs.tsv"))?;
        table.line(["rank", "taxon", "parent", "motif"])?;
        for (rank, name) in hierarchy.ranks().enumerate() {
            for taxon in 0..hierarchy.taxa(rank) {
                let parent = hierarchy.parent(rank, taxon);
                let parent = parent.map_or_else(String::new, |p| hierarchy.name(rank - 1, p));
                let motif = String::from_utf8_lossy(motifs.of(rank, taxon));
                table.line([name, &hierarchy.name(rank, taxon), &parent, &motif])?;
            }
        }
        table.commit()
    }

    fn write_records(&self) -> Result<()> {
        let Workshop { config, hierarchy, .. } = self.workshop;
        let mut files = RecordFiles::create(self.directory, "", hierarchy)?;
        let splits = [("train", config.train), ("valid", config.valid), ("test", config.test)];
        let total = config.train + config.valid + config.test;
        let progress = self.context.progress("simulating", u64::from(total));
        let width = total.to_string().len();
        let mut shuffles = stream(self.seed, SPLIT_STREAM);
        let mut number = 0u32;
        for (split, count) in splits {
            // Every split has all taxa in equal numbers, as far as they divide.
            let mut leaves: Vec<u32> = (0..count).map(|i| i % hierarchy.leaves()).collect();
            leaves.shuffle(&mut shuffles);
            for leaf in leaves {
                let mut random = stream(self.seed, RECORD_STREAM + u64::from(number));
                number += 1;
                let id = format!("planted_{number:0width$}");
                let length = self.workshop.length(&mut random);
                let planted = self.workshop.plant(leaf, length, &mut random);
                files.sequence(&id, &planted.bases)?;
                files.taxonomy(&id, hierarchy, leaf, split)?;
                for plant in &planted.plants {
                    let rank = hierarchy.ranks().nth(plant.rank).unwrap_or_default();
                    let name = format!("{rank}:{}", hierarchy.name(plant.rank, plant.taxon));
                    files.truth(&id, plant.start, plant.end, &name)?;
                }
                progress.advance(1);
                self.context.check_interrupt("nothing was written; start again")?;
            }
        }
        files.commit()
    }

    fn write_chimeras(&self) -> Result<()> {
        let Workshop { config, hierarchy, .. } = self.workshop;
        let mut files = RecordFiles::create(self.directory, "chimeras_", hierarchy)?;
        let lowest = hierarchy.ranks().len() - 1;
        let width = config.chimeras.to_string().len();
        for i in 0..config.chimeras {
            let mut random = stream(self.seed, CHIMERA_STREAM + u64::from(i));
            let id = format!("chimera_{:0width$}", i + 1);
            let first = i % hierarchy.leaves();
            let second = hierarchy.stranger(first, &mut random);
            let length = self.workshop.length(&mut random);
            // Which half comes first is drawn, so that position says nothing about the label.
            let mut halves = [first, second];
            halves.shuffle(&mut random);
            let lengths = [length / 2, length - length / 2];
            let mut bases = Vec::with_capacity(length);
            for (leaf, length) in halves.into_iter().zip(lengths) {
                let start = bases.len();
                bases.extend(self.workshop.plant(leaf, length, &mut random).bases);
                files.truth(&id, start, bases.len(), &hierarchy.name(lowest, leaf))?;
            }
            files.sequence(&id, &bases)?;
            files.taxonomy(&id, hierarchy, first, "test")?;
            self.context.check_interrupt("nothing was written; start again")?;
        }
        files.commit()
    }
}

/// The sequences of one kind of record with their taxonomy and truth.
struct RecordFiles {
    sequences: TextFile,
    taxonomy: TextFile,
    truth: TextFile,
}

impl RecordFiles {
    fn create(directory: &Path, prefix: &str, hierarchy: &Hierarchy) -> Result<Self> {
        let sequences = if prefix.is_empty() { "sequences.fasta" } else { "chimeras.fasta" };
        let file = |name: &str| TextFile::create(&directory.join(format!("{prefix}{name}")));
        let mut taxonomy = file("taxonomy.tsv")?;
        taxonomy.line(["id"].into_iter().chain(hierarchy.ranks()).chain(["split"]))?;
        let mut truth = file("truth.tsv")?;
        truth.line(["id", "start", "end", "name"])?;
        Ok(Self { sequences: TextFile::create(&directory.join(sequences))?, taxonomy, truth })
    }

    fn sequence(&mut self, id: &str, bases: &[u8]) -> Result<()> {
        self.sequences.bytes(format!(">{id}\n").as_bytes())?;
        for line in bases.chunks(LINE_BASES) {
            self.sequences.bytes(line)?;
            self.sequences.bytes(b"\n")?;
        }
        Ok(())
    }

    fn taxonomy(&mut self, id: &str, hierarchy: &Hierarchy, leaf: u32, split: &str) -> Result<()> {
        let lineage = hierarchy.lineage(leaf);
        let taxa: Vec<String> =
            lineage.iter().enumerate().map(|(rank, &taxon)| hierarchy.name(rank, taxon)).collect();
        self.taxonomy.line([id].into_iter().chain(taxa.iter().map(String::as_str)).chain([split]))
    }

    fn truth(&mut self, id: &str, start: usize, end: usize, name: &str) -> Result<()> {
        self.truth.line([id, &start.to_string(), &end.to_string(), name])
    }

    fn commit(self) -> Result<()> {
        self.sequences.commit()?;
        self.taxonomy.commit()?;
        self.truth.commit()
    }
}

struct TextFile(NewFile);

impl TextFile {
    fn create(path: &Path) -> Result<Self> {
        NewFile::create(path).map(Self)
    }

    /// Writes fields, which hold no tabs, as a tab-separated line.
    fn line<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let line = fields.into_iter().collect::<Vec<_>>().join("\t");
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.put(bytes)
    }

    fn commit(self) -> Result<()> {
        self.0.commit()
    }
}
