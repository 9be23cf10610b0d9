//! Sequences are read as a classifier reads them.

use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_FRAME_MODEL, TokenRow};

use crate::bench::Bench;
use crate::frames::genes;

/// A description of a classifier of windows of at most `tokens` tokens, CLS included.
fn classifier(tokenization: &str, tokens: u32) -> String {
    format!(
        r#"{{"encoder": {{"vocabulary": 4101, "max_tokens": {tokens}, "dim": 8}}, "pooling": "mean",
            "ranks": [{{"rank": "phylum", "taxa": ["A"]}}, {{"rank": "genus", "taxa": ["B"]}}],
            "tokenization": {tokenization}}}"#
    )
}

/// One of two branches, of which one reads windows of any length.
fn combination(tokenization: &str, tokens: u32) -> String {
    format!(
        r#"{{"branches": [
            {{"name": "a", "network": {{"composition": {{"channels": ["kmer:6"]}}}}, "weights": []}},
            {{"name": "b", "network": {{"transformer": {{"encoder": {{"max_tokens": {tokens}}}}}}}}}],
            "ranks": [{{"rank": "phylum", "taxa": ["A"]}}], "tokenization": {tokenization}}}"#
    )
}

const PLAIN: &str = r#"{"alphabet": "dna", "k": 4, "stride": 2, "cls": false}"#;

#[test]
fn k_mers_windows_and_ranks_are_the_classifiers() {
    let bench = Bench::new();
    let bases: String = (0..250).map(|i| ['A', 'C', 'G', 'T'][i * i % 7 % 4]).collect();
    bench.write("reads.fasta", format!(">a\n{bases}\n"));
    bench.write("taxa.tsv", "id\tphylum\tgenus\na\tP\tG\n");
    bench.write("model/config.json", classifier(PLAIN, 49));
    // 49 tokens at stride 2 are 100 bases.
    let typed = bench.run("reads.fasta --taxonomy taxa.tsv --ranks phylum,genus --k 4 --stride 2 --no-cls --window 100");
    let like = bench.run("reads.fasta --taxonomy taxa.tsv --like model");
    assert_eq!(typed.rows.len(), 3);
    assert_eq!((&like.rows, &like.ranks), (&typed.rows, &typed.ranks));
    assert_eq!(like.tokenization, typed.tokenization);
    // Ranks and shorter windows may be asked for.
    let other = bench.run("reads.fasta --taxonomy taxa.tsv --ranks genus --like model --window 60");
    assert_eq!((other.ranks, other.rows.len()), (vec!["genus".to_owned()], 5));
    // Of several branches the shortest counts; without one that has a longest window any will do.
    bench.write("model/config.json", combination(PLAIN, 49));
    assert_eq!(
        bench.run("reads.fasta --like model").rows,
        typed.rows.iter().map(without_taxa).collect::<Vec<_>>()
    );
    bench.write("model/config.json", combination(PLAIN, 49).replace("transformer", "channel-bag"));
    assert_eq!(bench.run("reads.fasta --like model").rows.len(), 1);
}

fn without_taxa(row: &TokenRow) -> TokenRow {
    TokenRow { taxa: Vec::new(), ..row.clone() }
}

#[test]
fn frames_are_found_by_the_classifiers_own_model() {
    let bench = Bench::new();
    let (fasta, _) = genes(300);
    bench.write("genes.fasta", &fasta);
    for how in ["frame", "strand"] {
        let run = bench.run(&format!("genes.fasta --k 3 --orient={how}"));
        let reader = Reader::<TokenRow>::open(&bench.path("tokens.parquet")).unwrap();
        bench.write("model/frame.json", &reader.metadata()[KEY_FRAME_MODEL]);
        bench.write("model/config.json", classifier(&run.tokenization, 300));
        let like = bench.run("genes.fasta --like model");
        assert_eq!((like.rows, like.tokenization), (run.rows, run.tokenization));
        assert_eq!(like.manifest.input("frame model").unwrap().name, "frame.json");
    }
    // Another model is not the classifier's.
    bench.run(
        "genes.fasta --k 3 --orient --orient-least-gap 9 --save-orient-model model/frame.json",
    );
    let refused = bench.call("genes.fasta --like model", b"");
    let log = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{log}");
    assert!(log.contains("restore the file of the classifier's own folder"), "{log}");
}

#[test]
fn what_is_no_classifier_or_speaks_against_it_is_refused() {
    let bench = Bench::new();
    bench.write("reads.fasta", ">a\nACGTACGTACGTACGT\n");
    bench.write("model/config.json", classifier(PLAIN, 5));
    let explainer = format!(r#"{{"masks": ["all"], "tokenization": {PLAIN}}}"#);
    bench.write("explainer/config.json", explainer);
    bench.write("empty/config.json", classifier(PLAIN, 0));
    bench.write("protein/config.json", classifier(&PLAIN.replace("dna", "klingon"), 5));
    for (arguments, code, part) in [
        ("reads.fasta --like model --k 4", 2, "cannot be used with '--k <NT>'"),
        ("reads.fasta --like model --orient", 2, "cannot be used with '--orient"),
        ("reads.fasta --like model --window 13", 2, "reads windows of at most 12 nt"),
        ("reads.fasta --like nowhere", 3, "nowhere/config.json"),
        ("reads.fasta --like explainer", 3, "a model without ranks, such as an Explainer"),
        ("reads.fasta --like empty", 3, "windows hold no token"),
        ("reads.fasta --like protein", 3, "unknown variant `klingon`"),
    ] {
        let output = bench.call(arguments, b"");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {log}");
        assert!(log.contains(part), "{arguments}: {log}");
        assert!(!bench.path("tokens.parquet").exists());
    }
}
