//! Genes with known frames: codons drawn from the usage of real genomes.
#![allow(dead_code, reason = "each test uses a part")]

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use readlens_frame::Strand;
use readlens_random::stream;

/// A gene in one of the six states.
pub struct Gene {
    pub bases: Vec<u8>,
    pub strand: Strand,
    pub phase: u8,
    /// Place of its genome in [`USAGE`].
    pub genome: usize,
}

/// Codons (AAA, AAC, AAG, AAT, ACA … TTT) of marker genes of MetaPhlAn2 (Truong et al. 2015,
/// *Nature Methods* 12, 902), counted in the frame of the marker where that has no stop codon:
/// genus, G and C in percent, counts.
pub const USAGE: [(&str, u32, [u16; 64]); 5] = [
    (
        "Borreliella",
        29,
        [
            2039, 329, 555, 1562, 446, 126, 55, 394, 487, 227, 156, 372, 1013, 203, 397, 1425, 513,
            78, 104, 223, 235, 89, 25, 272, 41, 23, 10, 52, 240, 79, 46, 759, 1270, 260, 378, 1127,
            458, 149, 62, 541, 572, 187, 193, 374, 385, 61, 112, 773, 0, 223, 0, 871, 454, 83, 58,
            645, 0, 39, 119, 104, 1038, 154, 389, 1292,
        ],
    ),
    (
        "Methanocaldococcus",
        31,
        [
            4407, 994, 1443, 2597, 1166, 317, 211, 933, 1125, 348, 551, 709, 2829, 737, 1036, 2919,
            644, 195, 277, 561, 1093, 112, 96, 513, 39, 9, 14, 58, 629, 273, 167, 888, 3138, 605,
            1460, 2628, 1211, 323, 151, 1033, 1716, 270, 561, 720, 1081, 304, 397, 2134, 0, 819, 0,
            2344, 996, 257, 120, 774, 0, 175, 547, 408, 2829, 600, 1074, 2365,
        ],
    ),
    (
        "Geobacillus",
        42,
        [
            1779, 603, 698, 978, 556, 297, 487, 341, 321, 339, 159, 296, 440, 740, 673, 1271, 822,
            232, 374, 471, 347, 115, 418, 299, 251, 340, 253, 276, 262, 271, 367, 519, 1607, 567,
            670, 1106, 598, 481, 633, 574, 693, 526, 425, 415, 439, 428, 511, 655, 0, 438, 0, 907,
            327, 284, 312, 324, 0, 123, 448, 160, 822, 451, 773, 1064,
        ],
    ),
    (
        "Halorubrum",
        59,
        [
            1024, 2447, 1477, 1037, 1199, 2343, 3038, 1046, 437, 1619, 356, 894, 573, 3628, 1441,
            1349, 1019, 1652, 2240, 591, 925, 1267, 2567, 492, 1278, 1818, 2242, 939, 643, 4418,
            2383, 1244, 3278, 6286, 5709, 2874, 1566, 3191, 4286, 1459, 1693, 3154, 2348, 1733,
            841, 4704, 2427, 1632, 0, 2522, 0, 903, 917, 1150, 2151, 738, 0, 349, 1496, 437, 469,
            3099, 882, 935,
        ],
    ),
    (
        "Streptomyces",
        70,
        [
            87, 422, 504, 62, 130, 1044, 557, 103, 42, 460, 173, 105, 27, 732, 349, 74, 120, 567,
            772, 121, 119, 752, 867, 117, 182, 992, 866, 233, 42, 1035, 1314, 169, 457, 1430, 1211,
            249, 336, 1908, 1268, 258, 288, 1277, 599, 329, 135, 1117, 798, 140, 0, 502, 0, 67, 63,
            542, 335, 51, 0, 246, 519, 42, 8, 650, 168, 48,
        ],
    ),
];

/// `count` genes of 300 to 1,500 bases from every genome, cut anywhere, on either strand.
pub fn genes(seed: u64, count: usize) -> Vec<Gene> {
    let gene = |i: usize| {
        let genome = i % USAGE.len();
        let mut rng = stream(seed, &format!("gene/{i}"));
        let length = rng.random_range(300..=1500);
        let phase = rng.random_range(0..3_u8);
        let cumulative: Vec<u32> = USAGE[genome]
            .2
            .iter()
            .scan(0, |sum, &count| {
                *sum += u32::from(count);
                Some(*sum)
            })
            .collect();
        let mut bases = Vec::new();
        while bases.len() < length + 3 {
            let draw = rng.random_range(0..cumulative[63]);
            let codon = cumulative.partition_point(|&sum| sum <= draw);
            bases.extend([codon >> 4, codon >> 2, codon].map(|base| b"ACGT"[base & 3]));
        }
        // The first codon is cut so that `phase` bases of it are left.
        let start = (3 - usize::from(phase)) % 3;
        let bases = bases[start..start + length].to_vec();
        if rng.random_bool(0.5) {
            Gene { bases: reverse_complement(&bases), strand: Strand::Reverse, phase, genome }
        } else {
            Gene { bases, strand: Strand::Forward, phase, genome }
        }
    };
    (0..count * USAGE.len()).map(gene).collect()
}

pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |base: &u8| match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => *other,
    };
    bases.iter().rev().map(complement).collect()
}

/// The bases in random order.
pub fn shuffled(bases: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bases = bases.to_vec();
    bases.shuffle(rng);
    bases
}

/// Independent bases with `gc` percent G and C.
pub fn random_bases(length: usize, gc: u32, rng: &mut impl Rng) -> Vec<u8> {
    let mut base = || {
        let strong = rng.random_ratio(gc, 100);
        let other = rng.random_bool(0.5);
        match (strong, other) {
            (true, true) => b'G',
            (true, false) => b'C',
            (false, true) => b'A',
            (false, false) => b'T',
        }
    };
    (0..length).map(|_| base()).collect()
}
