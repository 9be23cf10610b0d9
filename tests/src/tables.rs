use std::collections::BTreeMap;
use std::path::Path;

use rand::RngExt;
use readlens_kmer::{Alphabet, Tokenization};
use readlens_provenance::Manifest;
use readlens_random::stream;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::Split;
use readlens_tables::{Reader, Record, Writer};

/// Rank columns of the tables here.
pub const RANKS: [&str; 2] = ["phylum", "genus"];
/// Taxa per rank.
pub const TAXA: [usize; 2] = [2, 4];

/// 3-mers side by side, after CLS.
pub fn tokenization() -> Tokenization {
    Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap()
}

/// The metadata that a token table carries.
pub fn tokenization_metadata(tokenization: &Tokenization) -> BTreeMap<String, String> {
    [(KEY_TOKENIZATION.to_owned(), serde_json::to_string(tokenization).unwrap())].into()
}

/// `count` windows of random bases; a genus is told by the motif that is planted in its windows.
///
/// Lengths, strands and splits vary: of ten windows six train, two validate and two test.
pub fn rows(count: usize, tokenization: &Tokenization) -> Vec<TokenRow> {
    const MOTIFS: [&[u8]; 4] = [b"ACCGTTGCA", b"GTTACAGGA", b"CATGGACTT", b"TGCCATAAG"];
    let row = |i: usize| {
        let mut rng = stream(1, &format!("window {i}"));
        let genus = i % TAXA[1];
        let length = 33 + rng.random_range(0..12);
        let mut bases: Vec<u8> = (0..length).map(|_| b"ACGT"[rng.random_range(0..4)]).collect();
        // On a multiple of 3, so that 3-mers side by side show it whole.
        let place = 3 * rng.random_range(0..8);
        bases[place..place + 9].copy_from_slice(MOTIFS[genus]);
        let mut tokens = Vec::new();
        tokenization.encode(&bases, &mut tokens);
        let start = 7 * (i as u32 % 3);
        TokenRow {
            id: format!("record{}", i / 2),
            window: i as u32 % 2,
            start,
            end: start + length as u32,
            strand: if i % 3 == 1 { "-" } else { "+" }.to_owned(),
            tokens,
            split: Some(Split::ALL[[0, 0, 1, 0, 0, 2, 0, 1, 0, 2][i % 10]]),
            taxa: vec![Some(format!("phylum{}", genus / 2)), Some(format!("genus{genus}"))],
            phase: None,
            frame_gap: None,
        }
    };
    (0..count).map(row).collect()
}

/// Writes any table with further metadata.
pub fn write_rows<R: Record>(
    path: &Path,
    ranks: &[&str],
    rows: &[R],
    metadata: &BTreeMap<String, String>,
) {
    let manifest = Manifest::new("test", &"test", Some(1), Vec::new()).unwrap();
    let ranks: Vec<String> = ranks.iter().map(|&rank| rank.to_owned()).collect();
    let mut writer = Writer::create(path, &ranks, &manifest, metadata).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

/// Writes a token table.
pub fn write_tokens(path: &Path, rows: &[TokenRow], tokenization: &Tokenization) {
    write_rows(path, &RANKS, rows, &tokenization_metadata(tokenization));
}

/// Writes a mask table.
pub fn write_masks(path: &Path, rows: &[MaskRow]) {
    write_rows(path, &[], rows, &BTreeMap::new());
}

/// All rows of a table.
pub fn read_rows<R: Record>(path: &Path) -> Vec<R> {
    Reader::open(path).unwrap().map(|row| row.unwrap()).collect()
}
