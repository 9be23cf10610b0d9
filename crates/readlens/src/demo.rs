//! The demonstrations: real 16S genes and real genome fragments, or planted motifs with a known
//! answer.

use std::io::Write;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_provenance::NewFile;
use readlens_stage::Context;

use crate::options::Demo;
use crate::run::{self, Settings};

/// A file that is embedded: its name and its bytes.
type Embedded = (&'static str, &'static [u8]);

/// Sequences that are embedded, and what is done with them.
struct Set {
    /// Folder in the output directory.
    name: &'static str,
    flow: &'static str,
    sequences: Embedded,
    taxonomy: Embedded,
    intervals: Option<Embedded>,
}

/// See the README.md in each folder of `data`.
const SETS: [Set; 2] = [
    Set {
        name: "16s",
        flow: include_str!("../../../pipelines/flows/demo-16s.toml"),
        sequences: ("demo.fasta.gz", include_bytes!("../../../data/16s/demo.fasta.gz")),
        taxonomy: ("demo.tsv", include_bytes!("../../../data/16s/demo.tsv")),
        intervals: Some((
            "vregions_demo.tsv",
            include_bytes!("../../../data/16s/vregions_demo.tsv"),
        )),
    },
    Set {
        name: "genomes",
        flow: include_str!("../../../pipelines/flows/demo-genomes.toml"),
        sequences: ("demo.fasta.gz", include_bytes!("../../../data/genomes/demo.fasta.gz")),
        taxonomy: ("demo.tsv", include_bytes!("../../../data/genomes/demo.tsv")),
        intervals: None,
    },
];
const PLANTED: &str = include_str!("../../../pipelines/flows/demo-planted.toml");

/// Runs the demonstration that `options` choose.
///
/// # Errors
/// A stage fails or the output cannot be written.
pub(crate) fn run(options: Demo, context: &Context) -> Result<()> {
    let default = if options.planted { "results/planted" } else { "results/demo" };
    let out = options.out.unwrap_or_else(|| PathBuf::from(default));
    if options.planted {
        let settings = Settings::parse(PLANTED, Path::new("demo-planted.toml"))?;
        return run::run(&settings, &out, context);
    }
    for Set { name, flow, sequences, taxonomy, intervals } in SETS {
        let out = out.join(name);
        let mut settings = Settings::parse(flow, Path::new(name))?;
        settings.input.sequences = vec![unpack(sequences, &out)?];
        settings.input.taxonomy = Some(unpack(taxonomy, &out)?);
        settings.input.intervals = intervals.map(|file| unpack(file, &out)).transpose()?;
        run::run(&settings, &out, context)?;
    }
    Ok(())
}

/// Writes an embedded file into the folder `data` of `out`.
fn unpack((name, bytes): Embedded, out: &Path) -> Result<PathBuf> {
    let path = out.join("data").join(name);
    let mut file = NewFile::create(&path)?;
    file.write_all(bytes).map_err(|e| Fault::io("write", &path, e))?;
    file.commit()?;
    Ok(path)
}
