//! What the fuzzers begin with is read or refused, and so is what they once stumbled over.
//!
//! `READLENS_BLESS=1` writes the corpus again; the tables of other programs in it are written by
//! `fuzz/foreign_tables.py`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use readlens_fuzz_targets::{NEXT_FILE, TARGETS};
use readlens_nn::{CONFIG_FILE, Selection, WEIGHTS_FILE};
use readlens_provenance::{Artefact, Manifest, digest_bytes};
use readlens_tests::{
    classifier_shape, convolutional, explainer_shape, transformer, write_classifier,
    write_explainer,
};

/// Longest seed: mutations of long inputs rarely meet what matters.
const LONGEST_SEED: u64 = 12 << 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Files of a folder and their contents, in the order of their names; none if it is not there.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn seeds_are_read_or_refused_and_every_target_takes_one() {
    if std::env::var_os("READLENS_BLESS").is_some() {
        write_corpus();
    }
    for target in TARGETS {
        let scratch = tempfile::tempdir().unwrap();
        let seeds = files_of(&root().join("fuzz/corpus").join(target.name));
        let taken = seeds.values().filter(|seed| (target.run)(seed, scratch.path())).count();
        assert!(taken > 0, "{} takes none of its {} seeds", target.name, seeds.len());
    }
}

#[test]
fn what_once_broke_a_target_is_read_or_refused() {
    let folder = root().join("fuzz/regressions");
    for target in TARGETS {
        let scratch = tempfile::tempdir().unwrap();
        for (name, input) in files_of(&folder.join(target.name)) {
            // Seen when the test fails: which input it was.
            eprintln!("{}/{name}", target.name);
            (target.run)(&input, scratch.path());
        }
    }
    // Every folder is one of a target, so that no input is forgotten.
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let is_known = TARGETS.iter().any(|target| name.to_str() == Some(target.name));
        assert!(is_known || entry.path().is_file(), "{name:?} belongs to no target");
    }
}

#[test]
fn seeds_are_short() {
    for target in TARGETS {
        for (name, seed) in files_of(&root().join("fuzz/corpus").join(target.name)) {
            assert!(seed.len() as u64 <= LONGEST_SEED, "{}/{name}: {}", target.name, seed.len());
        }
    }
}

/// Writes every seed that this project can make.
fn write_corpus() {
    let write = |target: &str, name: &str, contents: &[u8]| {
        let folder = root().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), contents).unwrap();
    };
    for (name, contents) in files_of(&root().join("tests/bad-inputs/tokenize")) {
        // Bombs are long, and few bytes of them matter.
        let is_short = contents.len() < 1500 && !name.starts_with("bomb");
        let kind = name.split('.').nth(1).filter(|_| is_short);
        match kind {
            Some("fasta" | "fastq" | "gz") => write("sequences", &name, &contents),
            Some("tsv") if name != "cases.tsv" => write("taxonomy", &name, &contents),
            _ => {}
        }
    }
    for (target, name, text) in TEXTS {
        write(target, name, text.as_bytes());
    }
    let dumps = root().join("tests/bad-inputs/tokenize");
    for dump in ["taxdump", "taxdump_cycle", "taxdump_missing_parent", "taxdump_short_row"] {
        let file = |name: &str| std::fs::read(dumps.join(dump).join(name)).unwrap();
        let parts = ["nodes.dmp", "names.dmp", "merged.dmp"].map(file);
        let [nodes, names, merged] = parts.each_ref().map(Vec::as_slice);
        let table = b"id\ttaxid\nr1\t4\nr2\t40\nr3\t50\nr4\t\n".as_slice();
        write("taxdump", dump, &[table, nodes, names, merged].join(&NEXT_FILE));
        let deleted = b"50\t|\n51\t|\n".as_slice();
        let name = format!("{dump}_deleted");
        write("taxdump", &name, &[table, nodes, names, merged, deleted].join(&NEXT_FILE));
    }
    for (name, contents) in files_of(&root().join("tests/golden/tables")) {
        write("tables", &name, &contents);
    }
    for (name, contents) in files_of(&root().join("pipelines/flows")) {
        write("flow", &name, &contents);
    }
    let scratch = tempfile::tempdir().unwrap();
    let model = |name: &str, write_model: &dyn Fn(&Path)| {
        let folder = scratch.path().join(name);
        write_model(&folder);
        let files = [CONFIG_FILE, WEIGHTS_FILE].map(|file| std::fs::read(folder.join(file)));
        write("model", name, &files.map(Result::unwrap).join(&NEXT_FILE));
    };
    model("classifier", &|folder| write_classifier(folder, &classifier_shape(), 1));
    for (name, network) in [("convolutional", convolutional()), ("transformer", transformer())] {
        let config = explainer_shape(network, &["phylum", "genus"], Selection::Threshold);
        model(name, &|folder| write_explainer(folder, &config, 1));
    }
    // Masks of an Explainer of a classifier of tokens, and those of another run.
    let licence = root().join("LICENSE-MIT");
    let mut run: Vec<Artefact> = Vec::new();
    for (role, stage) in [
        ("tokens", "tokenize"),
        ("classifier", "train-classifier"),
        ("explainer", "train-explainer"),
        ("masks", "mask"),
    ] {
        let manifest = Manifest::made_from(stage, &["a", "configuration"], Some(1), &run).unwrap();
        let mut artefact = Artefact::file(role, &licence, Some(manifest)).unwrap();
        artefact.digest.sha256 = digest_bytes(role.as_bytes());
        run.push(artefact);
    }
    let text = |artefact: &Artefact| serde_json::to_vec_pretty(&artefact.manifest).unwrap();
    let texts: Vec<Vec<u8>> = run.iter().map(text).collect();
    write("manifest", "tokens", &texts[0]);
    write("manifest", "run", &texts.join(&NEXT_FILE));
}

/// Seeds in words: target, name, contents.
const TEXTS: [(&str, &str, &str); 17] = [
    (
        "sequences",
        "both_strands.fasta",
        ">r1 of 2\r\nACGTNNacgtuRYKM\r\nACGTACGTACGT\r\n>r2\n\n>r3\nAC-GT.ACGXACGTACGTACGTTTT",
    ),
    (
        "sequences",
        "records.fastq",
        "@r1 x\nACGTACGTACGTACGTACGTACGTA\n+\nIIIIIIIIIIIIIIIIIIIIIIIII\n@r2\nACG\n+r2\n###\n",
    ),
    ("sequences", "byte_order_mark.fasta", "\u{feff}\n >r1\nACGTACGTACGTACGTACGTACGT\n"),
    (
        "taxonomy",
        "splits.tsv",
        "\u{feff}id\tphylum\tgenus\tsplit\na\tp__Bacillota\tBacillus\ttrain\nb\tBacillota\tNA\t\nc\tunknown\tg__\tvalid\r\n",
    ),
    ("taxonomy", "groups.tsv", "group\tid\tGenus\tPhylum\n1\ta\tX\tY\n1\tb\tX\tY\n\tc\t\"X\"\tY\n"),
    ("taxonomy", "comma.csv", "id,phylum,genus\na,\"Bacillota, old\",Bacillus\nb,P,G\n"),
    (
        "lineage",
        "greengenes",
        "k__Bacteria; p__Bacillota; c__; o__; f__; g__Bacillus; s__subtilis\n",
    ),
    (
        "lineage",
        "gtdb",
        "d__Bacteria;p__Bacillota;c__Bacilli;o__Bacillales;f__Bacillaceae;g__Bacillus;s__Bacillus subtilis\nUnassigned\n\nd__Archaea",
    ),
    (
        "lineage",
        "silva",
        "D_0__Bacteria;D_1__Bacillota;D_5__Bacillus\nBacteria;Bacillota;Bacilli;Bacillales;Bacillaceae;Bacillus;\nd__Bacteria; p__Bacillota; g__uncultured\n",
    ),
    (
        "lineage",
        "metaphlan",
        "k__Bacteria|p__Bacillota|g__Bacillus|s__Bacillus_subtilis|t__SGB1\nd__Eukaryota|k__Metazoa|p__Chordata\n",
    ),
    (
        "lineage",
        "unite",
        "k__Fungi;p__Ascomycota;c__Sordariomycetes;o__Hypocreales;f__Nectriaceae;g__Fusarium;s__Fusarium_sp|SH1.10FU\n",
    ),
    (
        "lineage",
        "mothur",
        "Bacteria(100);Bacillota(99);Bacilli(98);Bacillales(97);Bacillaceae(96);Bacillus(80);\n",
    ),
    (
        "lineage",
        "rdp",
        "Root;rootrank;Bacteria;domain;Firmicutes;phylum;Bacillus;genus\nLineage=Root;rootrank\n",
    ),
    (
        "lineage",
        "pr2",
        "Eukaryota;TSAR;Alveolata;Dinoflagellata;Dinophyceae;Peridiniales;Peridiniaceae;Peridinium;Peridinium_sp.\n",
    ),
    (
        "intervals",
        "regions.tsv",
        "id\tstart0\tend0\tregion\nr1\t0\t10\tV1\nr1\t20\t30\tV2\nr2\t5\t6\t\n",
    ),
    (
        "intervals",
        "truth.tsv",
        "start\tid\tend\tother\r\n0\tr1\t4294967295\tx\r\n\r\n7\tr1\t8\ty\r\n",
    ),
    (
        "flow",
        "whole.toml",
        "[simulate]\nseed = 1\n[tokenize]\nk = 6\nranks = ['a', 'b']\n[baseline]\n[attribute]\nmethod = 'lime'\narea = 0.1\n[evaluate]\ncheck = true\n",
    ),
];
