//! Counts of records in the form of Kraken 2's report.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use readlens_nn::RankClasses;
use readlens_provenance::digest_bytes;

use crate::escaped::line;
use crate::tally::{Tally, names};

/// Number of the unclassified, and of the root, as Kraken has them.
const UNCLASSIFIED: u64 = 0;
const ROOT: u64 = 1;
/// Numbers of taxa begin here, above NCBI's, and stay below 2³¹ − 1.
const FIRST: u64 = 1_000_000_000;
const NUMBERS: u64 = (1 << 31) - 1 - FIRST;

/// Ranks that Kraken has a letter for.
const LETTERS: [(&str, &str); 9] = [
    ("superkingdom", "D"),
    ("domain", "D"),
    ("kingdom", "K"),
    ("phylum", "P"),
    ("class", "C"),
    ("order", "O"),
    ("family", "F"),
    ("genus", "G"),
    ("species", "S"),
];

/// Records of a taxon and of all below it.
#[derive(Debug, Default)]
struct Node {
    own: u64,
    clade: u64,
    children: BTreeMap<usize, Node>,
}

/// The report: share of all records in percent, records of the clade, records of the taxon itself,
/// rank code, number and indented name. Taxa with more records come first.
///
/// A taxon's number is made of its lineage, so it is the same in all reports. Two lineages of one
/// report that would have the same number do not: the later one has the next that is free.
pub(crate) fn report(tally: &Tally, ranks: &[RankClasses]) -> String {
    let mut root = Node::default();
    let mut unclassified = 0;
    let mut paths: BTreeSet<&[usize]> = BTreeSet::new();
    for (lineage, records) in tally.lineages() {
        if lineage.is_empty() {
            unclassified += records;
            continue;
        }
        paths.extend((1..=lineage.len()).map(|length| &lineage[..length]));
        let mut node = &mut root;
        node.clade += records;
        for class in lineage {
            node = node.children.entry(*class).or_default();
            node.clade += records;
        }
        node.own += records;
    }
    let mut writer = Writer {
        text: String::new(),
        total: root.clade + unclassified,
        numbers: numbers(&paths, ranks),
        codes: codes(ranks),
        ranks,
    };
    if unclassified > 0 {
        writer.put([unclassified, unclassified], "U", UNCLASSIFIED, "unclassified");
    }
    if root.clade > 0 {
        writer.put([root.clade, root.own], "R", ROOT, "root");
        writer.children(&root, &mut Vec::new());
    }
    writer.text
}

struct Writer<'a> {
    text: String,
    total: u64,
    numbers: BTreeMap<Vec<usize>, u64>,
    codes: Vec<String>,
    ranks: &'a [RankClasses],
}

impl Writer<'_> {
    fn children(&mut self, node: &Node, path: &mut Vec<usize>) {
        let mut children: Vec<(&usize, &Node)> = node.children.iter().collect();
        children.sort_by_key(|(_, child)| Reverse(child.clade));
        for (class, child) in children {
            let depth = path.len();
            path.push(*class);
            // A quote at the beginning of a cell would hide the tabs behind it.
            let name = line(&self.ranks[depth].taxa[*class]);
            let name = format!("{}{}", "  ".repeat(depth + 1), name.trim());
            let (code, number) = (self.codes[depth].clone(), self.numbers[path.as_slice()]);
            self.put([child.clade, child.own], &code, number, &name);
            self.children(child, path);
            path.pop();
        }
    }

    fn put(&mut self, [clade, own]: [u64; 2], code: &str, number: u64, name: &str) {
        let percent = 100.0 * clade as f64 / self.total as f64;
        self.text.push_str(&format!("{percent:6.2}\t{clade}\t{own}\t{code}\t{number}\t{name}\n"));
    }
}

/// Rank codes: Kraken's letter, or for another rank that of the last such rank above, or of the
/// root, with how many ranks it stands below.
fn codes(ranks: &[RankClasses]) -> Vec<String> {
    let mut above = ("R", 0);
    let of_rank = |rank: &RankClasses| {
        let known = LETTERS.iter().find(|(name, _)| rank.rank.eq_ignore_ascii_case(name));
        above = known.map_or((above.0, above.1 + 1), |(_, letter)| (letter, 0));
        match above {
            (letter, 0) => letter.to_owned(),
            (letter, below) => format!("{letter}{below}"),
        }
    };
    ranks.iter().map(of_rank).collect()
}

/// A number for every lineage.
fn numbers(paths: &BTreeSet<&[usize]>, ranks: &[RankClasses]) -> BTreeMap<Vec<usize>, u64> {
    let mut taken = BTreeSet::new();
    let number = |path: &&[usize]| {
        let text = names(path, ranks).collect::<Vec<_>>().join("\t");
        let digest = digest_bytes(text.as_bytes());
        let start = digest.as_str().get(..15).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let mut number = start.unwrap_or_default() % NUMBERS;
        while !taken.insert(number) {
            number = (number + 1) % NUMBERS;
        }
        (path.to_vec(), FIRST + number)
    };
    paths.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(names: &[&str]) -> Vec<RankClasses> {
        let rank = |name: &&str| RankClasses {
            rank: (*name).to_owned(),
            taxa: ["a", "\"b\tc"].map(|taxon| format!("{taxon} of {name}")).to_vec(),
        };
        names.iter().map(rank).collect()
    }

    #[test]
    fn a_clade_has_the_records_of_all_below_it() {
        let mut tally = Tally::default();
        for lineage in
            [vec![], vec![0], vec![0, 1], vec![0, 1], vec![1, 0], vec![0, 0], vec![], vec![0]]
        {
            tally.add(lineage);
        }
        let text = report(&tally, &ranks(&["phylum", "genus"]));
        let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        let without_number: Vec<String> =
            cells.iter().map(|c| [c[0], c[1], c[2], c[3], c[5]].join("|")).collect();
        assert_eq!(
            without_number,
            [
                " 25.00|2|2|U|unclassified",
                " 75.00|6|0|R|root",
                " 62.50|5|2|P|  a of phylum",
                " 25.00|2|2|G|    'b c of genus",
                " 12.50|1|1|G|    a of genus",
                " 12.50|1|0|P|  'b c of phylum",
                " 12.50|1|1|G|    a of genus",
            ]
        );
        let numbers: BTreeSet<u64> = cells.iter().filter_map(|c| c[4].parse().ok()).collect();
        assert_eq!(numbers.len(), 7, "{text}");
        assert!(numbers.iter().skip(2).all(|n| (FIRST..FIRST + NUMBERS).contains(n)));
    }

    #[test]
    fn a_lineage_has_its_number_in_every_report() {
        let number = |lineages: &[Vec<usize>]| {
            let mut tally = Tally::default();
            lineages.iter().for_each(|lineage| tally.add(lineage.clone()));
            let text = report(&tally, &ranks(&["phylum", "genus"]));
            let line = text.lines().find(|line| line.ends_with("    a of genus"));
            line.and_then(|line| line.split('\t').nth(4)).map(str::to_owned)
        };
        let alone = number(&[vec![0, 0]]);
        assert!(alone.is_some());
        assert_eq!(alone, number(&[vec![1], vec![0, 0], vec![0, 0], vec![]]));
    }

    #[test]
    fn ranks_of_ones_own_stand_below_the_last_known_one() {
        let codes = codes(&ranks(&["host", "Domain", "phylum", "tribe", "subtribe", "species"]));
        assert_eq!(codes, ["R1", "D", "P", "P1", "P2", "S"]);
    }

    #[test]
    fn no_record_is_no_line() {
        assert_eq!(report(&Tally::default(), &ranks(&["genus"])), "");
    }
}
