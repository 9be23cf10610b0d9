//! From sequence files, however they are written, to windows of tokens.

use std::io::Write;

use crate::bench::{Bench, data};
use flate2::Compression;
use flate2::write::GzEncoder;
use readlens_kmer::{Alphabet, CLS, Tokenization, UNK};
use readlens_tables::tokens::TokenRow;

const SEQUENCES: [(&str, &str); 5] = [
    ("first", "ACGTACGTTGCAACGGTTAACCGGATCGAT"),
    ("second", "acguacgunnGGCCTTAARYACGTTGCATG"),
    ("empty", ""),
    ("short", "ACG"),
    ("third|x=1", "TTTTTTTTTTTTTTTTTTTTTTTTTTTTT"),
];

fn fasta(line_end: &str, width: usize) -> String {
    SEQUENCES
        .iter()
        .map(|(id, bases)| {
            let lines: Vec<&str> =
                bases.as_bytes().chunks(width).map(|l| std::str::from_utf8(l).unwrap()).collect();
            format!(">{id} described{line_end}{}{line_end}", lines.join(line_end))
        })
        .collect()
}

fn fastq(line_end: &str) -> String {
    let record = |(id, bases): &(&str, &str)| {
        let quality = "@".repeat(bases.len());
        format!("@{id} described{line_end}{bases}{line_end}+{line_end}{quality}{line_end}")
    };
    SEQUENCES.iter().map(record).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Blocks with the extra field BC and the empty block at the end, as bgzip writes them (SAM
/// specification, 4.1).
fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for block in bytes.chunks(40).chain([&b""[..]]) {
        let extra = [b'B', b'C', 2, 0, 0, 0];
        let builder = flate2::GzBuilder::new().extra(extra);
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(block).unwrap();
        let mut member = encoder.finish().unwrap();
        let size = (member.len() as u16 - 1).to_le_bytes();
        member[16..18].copy_from_slice(&size);
        packed.extend(member);
    }
    packed
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

#[test]
fn the_rows_are_the_same_however_the_sequences_are_written() {
    let text = fasta("\n", 1000);
    let (head, tail) = text.as_bytes().split_at(77);
    let bench = Bench::new();
    bench.write("plain", &text);
    let expected = bench.run("plain").rows;
    assert_eq!(
        expected.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
        ["first", "second", "third|x=1"]
    );
    // No name has an ending that says what it is.
    bench
        .write("narrow", fasta("\n", 7))
        .write("crlf", fasta("\r\n", 7))
        .write("blank_lines", format!("\u{feff}\n\n{}\n\n", fasta("\n", 7)))
        .write("fastq", fastq("\n"))
        .write("fastq_crlf", fastq("\r\n"))
        .write("fastq_cut", fastq("\n").trim_end())
        .write("gzip", gzip(text.as_bytes()))
        .write("members", [gzip(head), gzip(tail)].concat())
        .write("bgzip", bgzip(text.as_bytes()))
        .write("zstd", zstd(text.as_bytes()))
        .write("frames", [zstd(head), zstd(tail)].concat())
        .write("fastq_gzip", gzip(fastq("\n").as_bytes()));
    for name in [
        "narrow",
        "crlf",
        "blank_lines",
        "fastq",
        "fastq_crlf",
        "fastq_cut",
        "gzip",
        "members",
        "bgzip",
        "zstd",
        "frames",
        "fastq_gzip",
    ] {
        assert!(bench.run(name).rows == expected, "{name}");
    }
    assert_eq!(bench.run_on("-", text.as_bytes()).rows, expected);
    assert_eq!(bench.run_on("-", &gzip(text.as_bytes())).rows, expected);
    assert_eq!(bench.run_on("-", &zstd(fastq("\n").as_bytes())).rows, expected);
    // One record a file, in files of different kinds.
    bench.write("one", ">first\nACGTACGTTGCAACGGTTAACCGGATCGAT");
    bench.write(
        "two",
        gzip(b"@second\nacguacgunnGGCCTTAARYACGTTGCATG\n+\nIIIIIIIIIIIIIIIIIIIIIIIIIIIIII"),
    );
    let third = b">third|x=1\nTTTTTTTTTTTTTTTTTTTTTTTTTTTTT\n";
    assert_eq!(bench.run_on("one two -", third).rows, expected);
}

#[test]
fn tokens_metadata_manifest_and_summary_say_the_same() {
    let bench = Bench::new();
    bench.write("in.fasta", fasta("\n", 60));
    let run = bench.run("in.fasta --k 6 --stride 3");
    let tokenization = Tokenization::new(Alphabet::Dna, 6, 3, true).unwrap();
    assert_eq!(run.tokenization, serde_json::to_string(&tokenization).unwrap());
    let mut unknown = 0;
    for (row, (id, bases)) in run.rows.iter().zip([SEQUENCES[0], SEQUENCES[1], SEQUENCES[4]]) {
        let mut tokens = Vec::new();
        unknown += tokenization.encode(bases.as_bytes(), &mut tokens);
        let expected = TokenRow {
            id: id.to_owned(),
            window: 0,
            start: 0,
            end: bases.len() as u32,
            strand: "+".to_owned(),
            tokens,
            split: None,
            taxa: vec![],
            phase: None,
            frame_gap: None,
        };
        assert_eq!(*row, expected);
    }
    assert_eq!(run.rows[1].tokens.iter().filter(|&&t| t == UNK).count(), unknown);
    let summary = run.summary;
    assert_eq!((summary.records_read, summary.bases_read, summary.records_kept), (5, 92, 3));
    assert_eq!(summary.windows, 3);
    // (30 - 6) / 3 + 1 twice, (29 - 6) / 3 + 1 once.
    assert_eq!(summary.tokens, 9 + 9 + 8);
    assert_eq!(summary.unknown_tokens, unknown as u64);
    assert_eq!(summary.skipped["empty"].first_ids, ["empty"]);
    assert_eq!(summary.skipped["too_short"].first_ids, ["short"]);
    assert_eq!(summary.splits["unassigned"].records, 3);
    let input = run.manifest.input("sequences").unwrap();
    let (digest, bytes) = readlens_provenance::digest_file(&bench.path("in.fasta")).unwrap();
    assert_eq!((&input.sha256, input.bytes, input.name.as_str()), (&digest, bytes, "in.fasta"));
    assert_eq!(run.manifest.seed, None);
    let config: readlens_tokenize::Config = serde_json::from_value(run.manifest.config).unwrap();
    assert_eq!(config.tokenization, tokenization);
}

#[test]
fn no_cls_leaves_it_out() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a\nAAAAAA\n");
    assert_eq!(bench.run("in.fasta").rows[0].tokens, [CLS, 5]);
    assert_eq!(bench.run("in.fasta --no-cls").rows[0].tokens, [5]);
}

/// The other strand, base by base.
fn other_strand(bases: &str) -> String {
    let complement = |base| match base {
        'A' => 'T',
        'C' => 'G',
        'G' => 'C',
        'T' | 'U' => 'A',
        'R' => 'Y',
        'Y' => 'R',
        other => other,
    };
    bases.to_uppercase().chars().rev().map(complement).collect()
}

#[test]
fn windows_of_both_strands_are_slices_of_the_source() {
    let bench = Bench::new();
    bench.write("in.fasta", fasta("\n", 11));
    let tokenization = Tokenization::new(Alphabet::Dna, 3, 2, false).unwrap();
    let run = bench
        .run("in.fasta --k 3 --stride 2 --no-cls --window 12 --overlap 5 --strand both --frame 1");
    for (id, bases) in SEQUENCES.into_iter().filter(|(_, bases)| bases.len() >= 4) {
        let rows: Vec<&TokenRow> = run.rows.iter().filter(|row| row.id == id).collect();
        // Starts 0, 7, 14, and the anchored last one; each strand.
        let last = bases.len() as u32 - 12;
        let starts = [0, 7, 14, last];
        let forward = starts.map(|start| (start + 1, start + 12, "+"));
        let reverse = starts.map(|start| (start, start + 11, "-"));
        let expected: Vec<_> = forward.into_iter().chain(reverse).collect();
        let places: Vec<_> = rows.iter().map(|r| (r.start, r.end, r.strand.as_str())).collect();
        assert_eq!(places, expected);
        for (ordinal, row) in rows.iter().enumerate() {
            assert_eq!(row.window as usize, ordinal);
            let slice = &bases[row.start as usize..row.end as usize];
            let read = if row.strand == "-" { other_strand(slice) } else { slice.to_owned() };
            let mut tokens = Vec::new();
            tokenization.encode(read.as_bytes(), &mut tokens);
            assert_eq!(row.tokens, tokens);
        }
    }
    // The record of 3 bases has 2 behind the frame.
    assert_eq!(run.summary.skipped["too_short"].first_ids, ["short"]);
    assert_eq!(run.summary.windows, 3 * 8);
}

#[test]
fn records_with_too_few_tokens_are_skipped() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a\nAAAAAAAAAAA\n>b\nAAAAAAAAAAAA\n");
    let run = bench.run("in.fasta --min-tokens 2");
    assert_eq!(run.rows.len(), 1);
    assert_eq!(run.summary.skipped["too_short"].first_ids, ["a"]);
}

#[test]
fn duplicates_are_kept_where_they_are_allowed() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a\nAAAAAA\n>a\nCCCCCC\n");
    let output = bench.call("in.fasta", b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(!bench.path("tokens.parquet").exists() && !bench.path("summary.json").exists());
    let ids: Vec<String> =
        bench.run("in.fasta --allow-duplicate-ids").rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["a", "a#2"]);
}

#[test]
fn an_older_output_survives_a_failed_run() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a\nAAAAAA\n").write("bad.fasta", ">a\nAAAAAA\n>b\nEFQ\n");
    bench.run("in.fasta");
    let before = std::fs::read(bench.path("tokens.parquet")).unwrap();
    assert_eq!(bench.call("bad.fasta", b"").status.code(), Some(3));
    assert_eq!(std::fs::read(bench.path("tokens.parquet")).unwrap(), before);
}

#[test]
fn the_demo_data_give_the_same_bytes_at_one_and_two_threads() {
    let bench = Bench::new();
    let arguments = format!(
        "{} --taxonomy {} --split-column split --window 200 --overlap 100 --strand both",
        data("demo.fasta.gz").display(),
        data("demo.tsv").display()
    );
    let mut files = Vec::new();
    for threads in 1..=2 {
        let run = bench.run(&format!("{arguments} --threads {threads}"));
        assert_eq!(run.summary.records_kept, 2095);
        assert_eq!(run.summary.taxonomy.unwrap().rows_without_record, 0);
        assert_eq!(run.ranks, ["superkingdom", "phylum", "genus"]);
        assert!(run.rows.iter().all(|row| row.taxa.iter().all(Option::is_some)));
        files.push(std::fs::read(bench.path("tokens.parquet")).unwrap());
    }
    assert!(files[0] == files[1]);
}

#[test]
fn long_windows_do_not_pile_up_in_memory() {
    // 20 windows of a million tokens: more than one row group of 2^24 tokens.
    let bench = Bench::new();
    bench.write("in.fasta", format!(">a\n{}\n", "ACGTTGCA".repeat(1 << 18)));
    let run = bench.run("in.fasta --stride 1 --window 1000000 --overlap 940000");
    assert_eq!(run.rows.len(), 20);
    assert!(run.rows.iter().all(|row| row.tokens.len() == 1_000_000 - 5 + 1));
}
