//! The sanity checks on a planted set: variants lie on the coordinates of their windows, a
//! randomised classifier has forgotten what the trained one knew, and masks by its gradients are
//! others.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Var};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{Pass, TokenBatch, load_classifier, masking};
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Split, TargetKind,
};
use readlens_tests::{read_rows, write_masks, write_rows};
use stages::succeed;

const SIMULATE: &str = "--ranks phylum=2,genus=4 --train 480 --valid 20 --test 60 --length 120 \
     --length-spread 12 --motif-length 18 --seed 3 --output data";

/// Simulates and tokenizes into `tokens.parquet`.
fn prepare(directory: &Path) {
    succeed("simulate", directory, &format!("{SIMULATE} --quiet"));
    succeed(
        "tokenize",
        directory,
        "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus --split-column split \
         --k 3 --stride 3 --output tokens.parquet --quiet",
    );
}

/// Intervals of the planted motifs by record, as `data/truth.tsv` has them.
fn truth(directory: &Path) -> HashMap<String, Vec<(u32, u32)>> {
    let mut truth: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
    let text = std::fs::read_to_string(directory.join("data/truth.tsv")).unwrap();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        if let (Ok(start), Ok(end)) = (cells[1].parse(), cells[2].parse()) {
            truth.entry(cells[0].to_owned()).or_default().push((start, end));
        }
    }
    assert!(truth.len() > 500, "{} records have a motif", truth.len());
    truth
}

/// Words of 18 bases that are planted, in reading direction, cut out of the windows of `tokens`.
fn motifs(tokens: &[TokenRow], truth: &HashMap<String, Vec<(u32, u32)>>) -> Vec<Vec<u8>> {
    let mut motifs = Vec::new();
    for row in tokens {
        let bases = tokenization().decode(&row.tokens).unwrap();
        for &(start, end) in truth.get(&row.id).into_iter().flatten() {
            let word = bases.get(start as usize..end as usize).map(<[u8]>::to_vec);
            motifs.extend(word.filter(|word| !motifs.contains(word)));
        }
    }
    motifs
}

fn tokenization() -> Tokenization {
    Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap()
}

/// A method that marks the tokens of every motif it reads, on either strand, by the tokens alone:
/// what the table says about coordinates is used to place them and for nothing else.
fn mark(tokens: &[TokenRow], motifs: &[Vec<u8>]) -> Vec<BaseRow> {
    let by = tokenization();
    let mark = |row: &TokenRow| {
        let read = by.decode(&row.tokens).unwrap();
        let mut is_motif = vec![false; read.len()];
        for motif in motifs {
            for word in [motif.clone(), Alphabet::Dna.reverse_complement(motif)] {
                for place in 0..read.len().saturating_sub(word.len() - 1) {
                    if read[place..].starts_with(&word) {
                        is_motif[place..place + word.len()].fill(true);
                    }
                }
            }
        }
        let mut mask = vec![0.1; (row.end - row.start) as usize];
        for token in is_motif.chunks(3).enumerate() {
            let is_marked = token.1.iter().filter(|&&is| is).count() >= 2;
            mask[3 * token.0..][..token.1.len()].fill(if is_marked { 0.9 } else { 0.1 });
        }
        if row.strand == "-" {
            mask.reverse();
        }
        BaseRow {
            id: row.id.clone(),
            window: row.window,
            start: row.start,
            end: row.end,
            strand: row.strand.clone(),
            method: Name::new("motif").unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            mask,
        }
    };
    tokens.iter().map(mark).collect()
}

/// `label`: an operator, and behind a colon its variant.
fn figure(rows: &[MetricRow], label: &str, metric: &str) -> f64 {
    let (operator, variant) = match label.split_once(':') {
        Some((operator, variant)) => (operator, Some(variant)),
        None => (label, None),
    };
    let wanted: Metric = metric.parse().unwrap();
    let is_it = |row: &&MetricRow| {
        row.operator.name() == operator
            && row.variant.as_deref() == variant
            && row.metric == wanted
            && row.split == Over::All
    };
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {label} {metric}")).value
}

#[test]
fn a_fixed_motif_is_marked_at_the_same_bases_on_both_strands_and_in_every_frame() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    prepare(folder);
    let tokens: Vec<TokenRow> = read_rows(&folder.join("tokens.parquet"));
    let motifs = motifs(&tokens, &truth(folder));
    let bases = |name: &str, rows: &[BaseRow]| {
        write_rows(&folder.join(format!("{name}.parquet")), &[], rows, &BTreeMap::new());
    };
    let reference = mark(&tokens, &motifs);
    bases("reference", &reference);
    // The same masks laid on the next window: what chance gives.
    let next = (0..reference.len()).map(|i| {
        let other = &reference[(i + 1) % reference.len()].mask;
        let row = reference[i].clone();
        let mask = (0..row.mask.len()).map(|base| other[base % other.len()]).collect();
        BaseRow { mask, ..row }
    });
    bases("permuted", &next.collect::<Vec<_>>());
    let variants = [
        ("reverse_complement", "reverse-complement"),
        ("frame_shift", "frame-shift --shift 1"),
        ("frame_shift:3", "frame-shift --shift 3"),
        ("substitution", "substitute --rate 0.01"),
    ];
    let mut others = "--other permuted=permuted.parquet".to_owned();
    for (label, kind) in variants {
        let tokens = "--tokens tokens.parquet --output varied.parquet --quiet";
        succeed("vary", folder, &format!("{tokens} --kind {kind}"));
        let name = label.replace(':', "-");
        bases(&name, &mark(&read_rows(&folder.join("varied.parquet")), &motifs));
        others += &format!(" --other {label}={name}.parquet");
    }
    succeed(
        "compare",
        folder,
        &format!(
            "--tokens tokens.parquet --reference reference.parquet {others} --replicates 100 \
             --output metrics.parquet --quiet"
        ),
    );
    let rows: Vec<MetricRow> = read_rows(&folder.join("metrics.parquet"));
    // Tokens of the other strand are the same triples of bases.
    assert!(figure(&rows, "reverse_complement", "iou") > 0.999);
    assert!(figure(&rows, "reverse_complement", "spearman") > 0.999);
    assert!(figure(&rows, "reverse_complement", "relative_distance") < 0.001);
    // So are those of a shift by a whole token, but a motif at the very beginning is cut off.
    let whole = figure(&rows, "frame_shift:3", "iou");
    assert!((0.95..1.0).contains(&whole), "{whole}");
    // In another frame a run of 18 bases begins and ends at most one base further: 17 of 19.
    let shifted = figure(&rows, "frame_shift", "iou");
    assert!((0.8..0.97).contains(&shifted), "{shifted}");
    // A motif of 18 bases is spared by substitutions of 1 % with probability .83.
    let substituted = figure(&rows, "substitution", "iou");
    assert!((0.6..0.98).contains(&substituted), "{substituted}");
    assert!(
        figure(&rows, "substitution", "max_sensitivity")
            >= figure(&rows, "reverse_complement", "relative_distance")
    );
    let chance = figure(&rows, "permuted", "iou");
    assert!(chance < 0.4, "{chance}");
}

/// Share of the test windows whose genus the classifier names.
fn accuracy(directory: &Path, classifier: &str) -> f64 {
    // Masks for this very classifier: others are refused.
    let of = format!("--tokens tokens.parquet --classifier {classifier} --split test --quiet");
    let attribute = format!("{of} --method random_blocks --output masks.parquet");
    succeed("attribute", directory, &attribute);
    let perturb = format!("{of} --masks masks.parquet --output perturbations.parquet");
    succeed("perturb", directory, &perturb);
    let rows: Vec<PerturbationRow> = read_rows(&directory.join("perturbations.parquet"));
    let is_it = |row: &&PerturbationRow| row.operator == Operator::Unmasked && row.rank == "genus";
    let right: Vec<bool> = rows.iter().filter(is_it).filter_map(|row| row.correct).collect();
    assert_eq!(right.len(), 60);
    right.iter().filter(|&&is_right| is_right).count() as f64 / right.len() as f64
}

#[test]
fn a_classifier_of_fresh_weights_or_permuted_labels_knows_nothing_and_a_judge_does() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    prepare(folder);
    let train = "--tokens tokens.parquet --preset tiny --epochs 20 --quiet --output";
    succeed("train-classifier", folder, &format!("{train} trained"));
    succeed("train-classifier", folder, &format!("{train} permuted --permute-labels"));
    let judge = "judge --mask-probability 1 --mask-kind uniform";
    succeed("train-classifier", folder, &format!("{train} {judge}"));
    for (parts, output) in [("1", "top"), ("all", "fresh")] {
        let files = format!("--classifier trained --output {output}");
        succeed("randomize", folder, &format!("{files} --parts {parts} --quiet"));
    }
    let found = ["trained", "judge", "permuted", "top", "fresh"]
        .map(|classifier| accuracy(folder, classifier));
    let [trained, judge, permuted, top, fresh] = found;
    // Four genera: chance is .25, and four standard errors of 60 windows are .22.
    assert!(trained > 0.7 && judge > 0.5, "{found:?}");
    assert!([permuted, top, fresh].iter().all(|&accuracy| accuracy < 0.5), "{found:?}");

    // Masks by gradients know whether the weights are those that were trained.
    let mut others = String::new();
    for (label, classifier) in [
        ("reference", "trained"),
        ("permuted", "permuted"),
        ("randomized:1", "top"),
        ("randomized:all", "fresh"),
    ] {
        let masks = gradient_masks(folder, classifier);
        let name = label.replace(':', "-");
        write_masks(&folder.join(format!("{name}.parquet")), &masks);
        if label != "reference" {
            others += &format!(" --other {label}={name}.parquet");
        }
    }
    let arguments =
        "--tokens tokens.parquet --reference reference.parquet --output metrics.parquet";
    succeed("compare", folder, &format!("{arguments} {others} --replicates 100 --quiet"));
    let rows: Vec<MetricRow> = read_rows(&folder.join("metrics.parquet"));
    let correlation = |label| figure(&rows, label, "spearman");
    let found = ["randomized:1", "randomized:all", "permuted"].map(correlation);
    assert!(found[0] < 0.9 && found[1] < 0.5 && found[2] < 0.5, "{found:?}");
}

/// Gradient × input, summed over the embedding: |m · ∂z/∂m| at m = 1 per token of the test windows,
/// divided by its maximum, where z is the largest logit of a genus and m multiplies the embedding.
fn gradient_masks(directory: &Path, classifier: &str) -> Vec<MaskRow> {
    let classifier = load_classifier(&directory.join(classifier), &Device::Cpu).unwrap();
    let rows: Vec<TokenRow> = read_rows(&directory.join("tokens.parquet"));
    let is_test = |row: &TokenRow| row.split == Some(Split::Test);
    let mask = |row: TokenRow| {
        let batch = TokenBatch::unframed(&[&row.tokens], DType::F32, &Device::Cpu).unwrap();
        let ones = Var::ones((1, row.tokens.len()), DType::F32, &Device::Cpu).unwrap();
        let mask = masking::complete(ones.as_tensor(), &batch).unwrap();
        let logits = classifier.forward(&batch, Some(&mask), &mut Pass::inference()).unwrap();
        let gradients = logits[1].max(1).unwrap().sum_all().unwrap().backward().unwrap();
        let scores: Vec<f32> =
            gradients.get(&ones).unwrap().abs().unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let largest = scores[1..].iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let mask: Vec<f32> = scores[1..].iter().map(|score| score / largest).collect();
        MaskRow {
            id: row.id,
            window: row.window,
            method: Name::new("gradient_input").unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            hard: mask.iter().map(|&value| value > 0.5).collect(),
            deviation: Vec::new(),
            area: mask.iter().sum::<f32>() / mask.len() as f32,
            mask,
        }
    };
    rows.into_iter().filter(is_test).map(mask).collect()
}
