//! The two demonstrations: real 16S genes, and planted motifs with a known answer.

use std::io::Write;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_provenance::NewFile;
use readlens_stage::Context;

use crate::flow;
use crate::options::Demo;
use crate::settings::Settings;

/// The embedded genes, their taxonomy and their hypervariable regions (see `data/16s/README.md`).
const FILES: [(&str, &[u8]); 3] = [
    ("demo.fasta.gz", include_bytes!("../../../data/16s/demo.fasta.gz")),
    ("demo.tsv", include_bytes!("../../../data/16s/demo.tsv")),
    ("vregions_demo.tsv", include_bytes!("../../../data/16s/vregions_demo.tsv")),
];
const DEMO: &str = include_str!("../../../pipelines/flows/demo.toml");
const PLANTED: &str = include_str!("../../../pipelines/flows/planted.toml");

/// Runs the demonstration that `options` choose.
///
/// # Errors
/// A stage fails or the output cannot be written.
pub(crate) fn run(options: Demo, context: &Context) -> Result<()> {
    let (text, name, default) = if options.planted {
        (PLANTED, "planted.toml", "results/planted")
    } else {
        (DEMO, "demo.toml", "results/demo")
    };
    let out = options.out.unwrap_or_else(|| PathBuf::from(default));
    let mut settings = Settings::parse(text, Path::new(name))?;
    if !options.planted {
        let data = out.join("data");
        for (name, bytes) in FILES {
            let path = data.join(name);
            let mut file = NewFile::create(&path)?;
            file.write_all(bytes).map_err(|e| Fault::io("write", &path, e))?;
            file.commit()?;
        }
        let [sequences, taxonomy, intervals] = FILES.map(|(name, _)| data.join(name));
        settings.input.sequences = vec![sequences];
        settings.input.taxonomy = Some(taxonomy);
        settings.input.intervals = Some(intervals);
    }
    flow::run(&settings, &out, context)
}
