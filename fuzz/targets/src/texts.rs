use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::{Args, Command, FromArgMatches};
use readlens_fault::{Fault, Result};
use readlens_tokenize::{Config, Inputs, Options, read};

use crate::{NEXT_FILE, check, write};

/// The configuration that a command line of `tokenize` asks for.
fn config(words: &str) -> Config {
    let files = ["sequences", "--output", "tokens"].into_iter();
    let command = Options::augment_args(Command::new("tokenize")).no_binary_name(true);
    let matches = command.get_matches_from(files.chain(words.split_whitespace()));
    let options = Options::from_arg_matches(&matches).map_err(|e| Fault::usage(e.to_string()));
    options.and_then(|options| options.config()).unwrap_or_else(|fault| panic!("{words}: {fault}"))
}

fn file(scratch: &Path, name: &str, contents: &[u8]) -> Result<PathBuf> {
    let path = scratch.join(name);
    write(&path, contents)?;
    Ok(path)
}

/// FASTA and FASTQ, plain and compressed, as far as windows.
pub fn sequences(input: &[u8], scratch: &Path) -> bool {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let words = "--k 3 --window 20 --overlap 8 --strand both --max-record-length 65536";
    let config = CONFIG.get_or_init(|| config(words));
    check(file(scratch, "sequences", input).and_then(|path| {
        let sequences = vec![path];
        read(&Inputs { sequences, taxonomy: None, taxdump: None, frame_model: None }, config)
    }))
}

/// Reads a taxonomy without sequences.
fn read_taxonomy(table: Result<PathBuf>, taxdump: Option<PathBuf>, config: &Config) -> Result<()> {
    let taxonomy = Some(table?);
    read(&Inputs { sequences: Vec::new(), taxonomy, taxdump, frame_model: None }, config)
}

/// A table of taxa: one column for each rank, and splits or groups where its header names them.
pub fn taxonomy(input: &[u8], scratch: &Path) -> bool {
    static CONFIGS: OnceLock<[Config; 3]> = OnceLock::new();
    let [plain, split, group] = CONFIGS.get_or_init(|| {
        let all = "--taxonomy table --ranks phylum,genus --min-count 2";
        let groups = "--split-fractions 0.5,0.25,0.25 --group-column group";
        ["", "--split-column split", groups].map(|words| config(&format!("{all} {words}")))
    });
    let header = input.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |name: &[u8]| header.windows(name.len()).any(|part| part == name);
    let config = match (has(b"split"), has(b"group")) {
        (true, _) => split,
        (false, true) => group,
        (false, false) => plain,
    };
    check(read_taxonomy(file(scratch, "taxonomy.tsv", input), None, config))
}

/// Lineages: each line of the input is the cell of one record.
pub fn lineage(input: &[u8], scratch: &Path) -> bool {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let words =
        "--taxonomy table --lineage-column lineage --ranks superkingdom,phylum,genus,species";
    let config = CONFIG.get_or_init(|| config(words));
    let mut table = b"id\tlineage".to_vec();
    for (number, line) in input.split(|&byte| byte == b'\n').enumerate() {
        table.extend_from_slice(format!("\nr{number}\t").as_bytes());
        table.extend_from_slice(line);
    }
    check(read_taxonomy(file(scratch, "lineages.tsv", &table), None, config))
}

/// A taxdump and the table whose taxids are looked up in it: the table, then `nodes.dmp`,
/// `names.dmp`, `merged.dmp` and `delnodes.dmp`, each behind [`NEXT_FILE`]; a file that the input
/// does not reach is not there.
pub fn taxdump(input: &[u8], scratch: &Path) -> bool {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let words = "--taxonomy table --taxid-column taxid --taxdump dump --ranks superkingdom,genus";
    let config = CONFIG.get_or_init(|| config(words));
    let mut files = input.split(|&byte| byte == NEXT_FILE);
    let table = file(scratch, "taxids.tsv", files.next().unwrap_or_default());
    for name in ["nodes.dmp", "names.dmp", "merged.dmp", "delnodes.dmp"] {
        match files.next() {
            Some(contents) => drop(check(write(&scratch.join(name), contents))),
            None => drop(std::fs::remove_file(scratch.join(name))),
        }
    }
    check(read_taxonomy(table, Some(scratch.to_path_buf()), config))
}
