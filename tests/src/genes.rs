//! Genes of which the reading frame is known.

use std::fmt::Write as _;
use std::path::Path;

use rand::RngExt;
use readlens_random::stream;

/// Genes of genera, two in a phylum, that use codons differently; every second one is written on
/// the other strand.
///
/// Writes `NAME.fasta` and `NAME.tsv`, with phylum, genus and split.
pub fn write_genes(directory: &Path, genera: u64, count: u64, name: &str, seed: u64) {
    let (mut fasta, mut table) = (String::new(), "id\tphylum\tgenus\tsplit\n".to_owned());
    let mut rng = stream(seed, "genes");
    let usages: Vec<Vec<String>> = (0..genera).map(usage).collect();
    for gene in 0..count {
        let usage = &usages[(gene % genera) as usize];
        let codons = 180 + rng.random_range(0..40_usize);
        let bases: String =
            (0..codons).map(|_| &*usage[rng.random_range(0..usage.len())]).collect();
        let bases = &bases[rng.random_range(0..3)..];
        let complement = |base: char| "TGCA".as_bytes()["ACGT".find(base).unwrap()] as char;
        let written: String = match gene / genera % 2 {
            0 => bases.to_owned(),
            _ => bases.chars().rev().map(complement).collect(),
        };
        let split = ["train", "train", "train", "valid", "test"][gene as usize / 4 % 5];
        writeln!(fasta, ">{name}{gene}\n{written}").unwrap();
        let genus = gene % genera;
        writeln!(table, "{name}{gene}\tphylum_{}\tgenus_{genus}\t{split}", genus / 2).unwrap();
    }
    std::fs::write(directory.join(format!("{name}.fasta")), fasta).unwrap();
    std::fs::write(directory.join(format!("{name}.tsv")), table).unwrap();
}

/// Codons of a genus, each as often as it is used.
fn usage(genus: u64) -> Vec<String> {
    let mut rng = stream(genus, "usage");
    let letter = |i: usize| "ACGT".as_bytes()[i % 4] as char;
    let all = (0..64).map(|i| [letter(i / 16), letter(i / 4), letter(i)].iter().collect());
    let sense = all.filter(|codon: &String| !["TAA", "TAG", "TGA"].contains(&codon.as_str()));
    let times = |codon: String| vec![codon; rng.random_range(1..8_usize).pow(2)];
    sense.flat_map(times).collect()
}
