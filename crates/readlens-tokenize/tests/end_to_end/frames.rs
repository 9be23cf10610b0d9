//! Windows in their reading frames: planted genes whose strand and codons are known.

use std::fmt::Write as _;

use readlens_kmer::Tokenization;
use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_FRAME_MODEL, TokenRow};

use crate::bench::{Bench, Run};

/// The codons of planted genes, each as often as its usage says: all but the stop codons.
fn codons(draw: &mut Draw) -> Vec<String> {
    let bases = ['A', 'C', 'G', 'T'];
    let all = (0..64).map(|i| [bases[i / 16], bases[i / 4 % 4], bases[i % 4]].iter().collect());
    let sense = all.filter(|codon: &String| !["TAA", "TAG", "TGA"].contains(&codon.as_str()));
    sense
        .flat_map(|codon| {
            let usage = 1 + draw.below(7);
            vec![codon; (usage * usage) as usize]
        })
        .collect()
}

/// A source of numbers that is the same on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % most
    }
}

fn reverse_complement(bases: &str) -> String {
    let other = |base| match base {
        'A' => 'T',
        'C' => 'G',
        'G' => 'C',
        _ => 'A',
    };
    bases.chars().rev().map(other).collect()
}

/// Genes as FASTA, with their strand and the bases before their first whole codon: every second
/// one lies on the reverse strand.
pub fn genes(count: usize) -> (String, Vec<(&'static str, u32)>) {
    let mut draw = Draw(7);
    let usage = codons(&mut draw);
    let (mut fasta, mut truth) = (String::new(), Vec::new());
    for gene in 0..count {
        let codons = 180 + draw.below(60);
        let bases: String =
            (0..codons).map(|_| usage[draw.below(usage.len() as u64) as usize].as_str()).collect();
        let cut = draw.below(3) as usize;
        let bases = &bases[cut..];
        let (strand, written) = match gene % 2 {
            0 => ("+", bases.to_owned()),
            _ => ("-", reverse_complement(bases)),
        };
        writeln!(fasta, ">g{gene}\n{written}").unwrap();
        truth.push((strand, (3 - cut as u32) % 3));
    }
    (fasta, truth)
}

/// Sequences without codons.
fn noise(count: usize) -> String {
    let mut draw = Draw(11);
    let sequence = |i| {
        let bases: String =
            (0..500).map(|_| ['A', 'C', 'G', 'T'][draw.below(4) as usize]).collect();
        format!(">n{i}\n{bases}\n")
    };
    (0..count).map(sequence).collect()
}

fn source<'a>(fasta: &'a str, row: &TokenRow) -> &'a str {
    let header = format!(">{}\n", row.id);
    let begin = fasta.find(&header).unwrap() + header.len();
    &fasta[begin + row.start as usize..begin + row.end as usize]
}

/// Each row's tokens are those of its bases on its strand.
fn check_coordinates(fasta: &str, run: &Run) {
    let tokenization: Tokenization = serde_json::from_str(&run.tokenization).unwrap();
    for row in &run.rows {
        let mut bases = source(fasta, row).to_owned();
        if row.strand == "-" {
            bases = reverse_complement(&bases);
        }
        let mut tokens = Vec::new();
        tokenization.encode(bases.as_bytes(), &mut tokens);
        assert_eq!(row.tokens, tokens, "{}", row.id);
    }
}

#[test]
fn every_window_has_a_likeliest_frame() {
    let bench = Bench::new();
    bench.write("genes.fasta", genes(200).0).write("noise.fasta", noise(40));
    let clear = bench.run("genes.fasta noise.fasta --k 3 --orient");
    assert!(clear.summary.frames.unwrap().not_found >= 38);
    let all = bench.run("genes.fasta noise.fasta --k 3 --orient --orient-least-gap -1000");
    assert!(all.rows.iter().all(|row| row.phase == Some(0)));
    assert_eq!(all.summary.frames.unwrap().not_found, 0);
    let found = clear.rows.iter().zip(&all.rows).filter(|(clear, _)| clear.phase.is_some());
    assert!(found.clone().count() >= 196);
    found.for_each(|(clear, all)| assert_eq!(clear, all));
}

#[test]
fn planted_genes_are_read_on_their_strand_from_their_first_codon() {
    let bench = Bench::new();
    let (fasta, truth) = genes(400);
    bench.write("genes.fasta", &fasta).write("noise.fasta", noise(40));
    let run = bench.run("genes.fasta noise.fasta --k 3 --orient --save-orient-model model.json");
    let all = fasta.clone() + &noise(40);
    check_coordinates(&all, &run);
    let (of_genes, of_noise) = run.rows.split_at(400);
    let right = of_genes.iter().zip(&truth).filter(|(row, (strand, phase))| {
        // The window begins with the first whole codon of its strand.
        let dropped = match row.strand.as_str() {
            "+" => row.start,
            _ => (fasta_length(&fasta, &row.id) as u32) - row.end,
        };
        row.strand == *strand && dropped == *phase && row.phase == Some(0)
    });
    assert!(right.count() >= 392, "98 % of the strands and phases");
    let left = of_noise.iter().filter(|row| row.phase.is_none());
    assert!(left.clone().count() >= 38, "{}", left.count());
    assert!(left.clone().all(|row| row.strand == "+" && (row.start, row.end) == (0, 500)));
    assert!(of_genes.iter().all(|row| row.frame_gap.is_some_and(|gap| gap > 3.0)));
    let frames = run.summary.frames.unwrap();
    assert_eq!(frames.forward + frames.reverse + frames.not_found + frames.too_short, 440);
    assert!(frames.forward >= 196 && frames.reverse >= 196 && frames.not_found >= 38);
    assert_eq!((frames.learned_from_windows, frames.learned_from_train), (Some(440), Some(false)));

    // The model is kept with the table, and reads the same again.
    let reader = Reader::<TokenRow>::open(&bench.path("tokens.parquet")).unwrap();
    let kept = reader.metadata()[KEY_FRAME_MODEL].clone();
    assert_eq!(std::fs::read_to_string(bench.path("model.json")).unwrap(), kept);
    let arguments = "genes.fasta noise.fasta --k 3 --orient --orient-model model.json";
    let again = bench.run(arguments);
    assert_eq!((&again.rows, &again.tokenization), (&run.rows, &run.tokenization));
    assert_eq!(again.manifest.input("frame model").unwrap().name, "model.json");
    assert_eq!(again.summary.frames.unwrap().learned_from_windows, None);
    // New reads may come from a pipe then, or the model.
    let piped = bench.run_on("- --k 3 --orient --orient-model model.json", fasta.as_bytes());
    assert_eq!(piped.rows, run.rows[..400]);
    let piped = bench.run_on("genes.fasta --k 3 --orient --orient-model -", kept.as_bytes());
    assert_eq!(piped.rows, run.rows[..400]);
    bench.write("model.json.zst", zstd::encode_all(kept.as_bytes(), 1).unwrap());
    let packed = bench.run("genes.fasta --k 3 --orient --orient-model model.json.zst");
    assert_eq!(packed.rows, run.rows[..400]);

    // Windows are as many as without frames: none is left out for the bases that are trimmed off.
    let short = "genes.fasta --k 3 --window 60 --min-tokens 20";
    let oriented = bench.run(&format!("{short} --orient --orient-model model.json"));
    assert_eq!(oriented.rows.len(), bench.run(short).rows.len());

    // On the strand alone nothing is cut off, and the phase says where the codons begin.
    let strand = bench.run("genes.fasta noise.fasta --k 3 --orient=strand");
    assert_ne!(strand.tokenization, run.tokenization);
    check_coordinates(&all, &strand);
    for (whole, trimmed) in strand.rows.iter().zip(&run.rows) {
        assert_eq!((&whole.strand, whole.frame_gap), (&trimmed.strand, trimmed.frame_gap));
        assert_eq!((whole.end - whole.start) as usize, fasta_length(&all, &whole.id));
        let cut = (whole.end - whole.start) - (trimmed.end - trimmed.start);
        assert_eq!(whole.phase.unwrap_or(0), cut, "{}", whole.id);
    }
}

fn fasta_length(fasta: &str, id: &str) -> usize {
    let header = format!(">{id}\n");
    let begin = fasta.find(&header).unwrap() + header.len();
    fasta[begin..].find('\n').unwrap()
}

#[test]
fn a_model_is_learned_from_the_split_train_and_each_window_has_its_own_frame() {
    let bench = Bench::new();
    let (fasta, truth) = genes(400);
    let (mut table, mut train) = ("id\tsplit\tgenus\n".to_owned(), String::new());
    for (gene, record) in fasta.split('>').skip(1).enumerate() {
        let split = if gene < 300 { "train" } else { "test" };
        writeln!(table, "g{gene}\t{split}\tA").unwrap();
        if split == "train" {
            train += &format!(">{record}");
        }
    }
    // A contig of two genes on either strand.
    let two = |fasta: &str| fasta.lines().skip(1).step_by(2).take(2).collect::<String>();
    bench
        .write("genes.fasta", &fasta)
        .write("train.fasta", train)
        .write("splits.tsv", table)
        .write("contig.fasta", format!(">c\n{}\n", two(&fasta)));
    let options = "--k 3 --orient --taxonomy splits.tsv --ranks genus --split-column split";
    let run = bench.run(&format!("genes.fasta {options} --save-orient-model a.json"));
    let frames = run.summary.frames.unwrap();
    assert_eq!((frames.learned_from_windows, frames.learned_from_train), (Some(300), Some(true)));
    bench.run("train.fasta --k 3 --orient --save-orient-model b.json");
    let model = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert_eq!(model("a.json"), model("b.json"), "the test records changed the model");

    let arguments = "contig.fasta --k 3 --window 450 --orient --orient-model a.json";
    let windows = bench.run(arguments).rows;
    assert_eq!(windows[0].strand, truth[0].0);
    assert_eq!(windows.last().unwrap().strand, truth[1].0);
}

#[test]
fn what_cannot_be_oriented_is_refused() {
    let bench = Bench::new();
    let (fasta, _) = genes(400);
    bench
        .write("genes.fasta", &fasta)
        .write("short.fasta", ">a\nACGTACGTACGTACGT\n")
        .write("few.fasta", noise(3))
        .write("other.json", r#"{"version":2,"options":{}}"#)
        .write("no.json", "{}")
        .write("endless.json", vec![b' '; (1 << 24) + 1]);
    for (arguments, code, message) in [
        ("genes.fasta --orient --strand both", 2, "drop --strand"),
        ("genes.fasta --orient --frame 1", 2, "drop --frame"),
        ("genes.fasta --orient-model m.json", 2, "--orient-model belongs to --orient"),
        ("genes.fasta --save-orient-model m.json", 2, "belongs to --orient"),
        ("- --orient", 2, "--orient reads - twice"),
        ("--orient strand genes.fasta", 2, "did you mean --orient=strand?"),
        ("nothing.fasta --orient", 3, "cannot open nothing.fasta"),
        ("genes.fasta --orient --orient-model no.json --save-orient-model m.json", 2, "drop one"),
        ("genes.fasta --orient --save-orient-model genes.fasta", 2, "genes.fasta"),
        ("genes.fasta --orient --orient-model missing.json", 3, "missing.json"),
        ("genes.fasta --orient --orient-model other.json", 3, "has version 2, but this program"),
        ("genes.fasta --orient --orient-model no.json", 3, "no.json, line 1: expected a model"),
        ("genes.fasta --orient --orient-model endless.json", 3, "at most 16777216 bytes"),
        ("short.fasta --k 3 --orient", 3, "short.fasta: expected a sequence long enough"),
        ("few.fasta --k 3 --orient", 3, "few.fasta: expected"),
    ] {
        let output = bench.call(arguments, b"");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {log}");
        assert!(log.contains(message), "{arguments}: {log}");
        assert!(!bench.path("tokens.parquet").exists() && !bench.path("m.json").exists());
    }
}

#[test]
fn sequences_without_codons_are_said_to_have_none() {
    let bench = Bench::new();
    bench.write("noise.fasta", noise(400));
    let output = bench.call("noise.fasta --k 3 --orient", b"");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("WARN") && log.contains("have no clear reading frame"), "{log}");
}
