//! Which taxa are one: a name is not enough, as kingdoms share names of genera.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use readlens_text::MAX_NAME_BYTES;

/// Number of the root, the parent of every taxon whose parents are all unknown.
const ROOT: u32 = 0;
/// Names listed as examples.
const SHOWN_NAMES: usize = 10;

/// A rank as the taxa of the rows have it.
pub(super) struct Rank<'a> {
    /// Its name.
    pub name: &'a str,
    /// Names of the taxa by their numbers less one.
    pub names: Vec<Arc<str>>,
    /// Number of the taxon of each row; 0 for none.
    pub cells: Vec<u32>,
}

/// What was found out about the taxa of a rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Homonyms {
    /// Names that several taxa share.
    pub names: u64,
    /// The first ten of the names, in their order, by which these taxa are told apart.
    pub examples: Vec<String>,
    /// Rows whose taxon could be several: none of its parents says which.
    pub ambiguous_rows: u64,
}

/// A taxon.
struct Node {
    parent: u32,
    /// Place of its rank.
    rank: usize,
    /// Its own name, and the one by which it is told apart.
    name: Arc<str>,
    unique: Arc<str>,
}

/// Makes the names at each rank unique: where taxa of one name have different parents, each gets
/// its nearest parent behind its name, such as `Bacillus (Bacillota)`.
///
/// `ranks` go from the root down. Numbers and names of the ranks are changed to those of the taxa
/// told apart. An unknown parent is no second parent: a taxon that stands below a phylum in one
/// row and directly below its domain in another is one. Where several taxa fit such a row, its
/// taxon is unknown. The outcome does not depend on the order of the rows.
///
/// # Errors
/// Taxa cannot be told apart by their parents' names; the name, to follow "found".
pub(super) fn tell_apart(ranks: &mut [Rank<'_>]) -> Result<Vec<Homonyms>, String> {
    let rows = ranks.first().map_or(0, |rank| rank.cells.len());
    let empty: Arc<str> = "".into();
    let root = Node { parent: ROOT, rank: 0, name: Arc::clone(&empty), unique: empty };
    let mut nodes = vec![root];
    let rank_names: Vec<String> = ranks.iter().map(|rank| rank.name.to_owned()).collect();
    // The lowest known taxon of each row so far.
    let mut nearest = vec![ROOT; rows];
    let mut found = Vec::with_capacity(ranks.len());
    for (place, rank) in ranks.iter_mut().enumerate() {
        let first = nodes.len() as u32;
        let mut homonyms = Homonyms::default();
        // The node of each name and parent.
        let mut of_pair: HashMap<(u32, u32), u32> = HashMap::new();
        for (&name, &parent) in rank.cells.iter().zip(&nearest) {
            if name != 0 {
                of_pair.insert((name, parent), ROOT);
            }
        }
        let mut pairs: Vec<(u32, u32)> = of_pair.keys().copied().collect();
        pairs.sort_unstable();
        let mut shared = BTreeSet::new();
        for pairs in pairs.chunk_by(|a, b| a.0 == b.0) {
            let name = pairs[0].0;
            let parents: Vec<u32> = pairs.iter().map(|(_, parent)| *parent).collect();
            let text = Arc::clone(&rank.names[name as usize - 1]);
            let taxa = taxa_of(&parents, &nodes);
            let distinct: BTreeSet<u32> = taxa.values().flatten().copied().collect();
            let number_of: HashMap<u32, u32> = distinct
                .iter()
                .map(|&parent| {
                    let unique = if distinct.len() > 1 {
                        format!("{text} ({})", nodes[parent as usize].unique).into()
                    } else {
                        Arc::clone(&text)
                    };
                    let number = nodes.len() as u32;
                    nodes.push(Node { parent, rank: place, name: Arc::clone(&text), unique });
                    if distinct.len() > 1 {
                        shared.insert(number);
                    }
                    (parent, number)
                })
                .collect();
            homonyms.names += u64::from(distinct.len() > 1);
            for (&parent, lowest) in &taxa {
                let number = lowest.and_then(|lowest| number_of.get(&lowest).copied());
                of_pair.insert((name, parent), number.unwrap_or(ROOT));
            }
        }
        name_apart(&mut nodes, first, &shared, &rank_names)?;
        for (cell, nearest) in rank.cells.iter_mut().zip(&mut nearest) {
            if *cell == 0 {
                continue;
            }
            match of_pair[&(*cell, *nearest)] {
                ROOT => {
                    homonyms.ambiguous_rows += 1;
                    *cell = 0;
                }
                node => {
                    *nearest = node;
                    *cell = node - first + 1;
                }
            }
        }
        rank.names = nodes[first as usize..].iter().map(|node| Arc::clone(&node.unique)).collect();
        let names: BTreeSet<&str> =
            shared.iter().map(|&node| &*nodes[node as usize].unique).collect();
        homonyms.examples = names.into_iter().take(SHOWN_NAMES).map(str::to_owned).collect();
        found.push(homonyms);
    }
    Ok(found)
}

/// The parent by which each of `parents` of one name is told apart: itself, or the only one below
/// it; none where there are several below it.
fn taxa_of(parents: &[u32], nodes: &[Node]) -> HashMap<u32, Option<u32>> {
    let given: HashSet<u32> = parents.iter().copied().collect();
    let above = |node: u32| {
        std::iter::successors((node != ROOT).then(|| nodes[node as usize].parent), |&node| {
            (node != ROOT).then(|| nodes[node as usize].parent)
        })
    };
    let upper: HashSet<u32> =
        parents.iter().flat_map(|&parent| above(parent)).filter(|n| given.contains(n)).collect();
    let mut taxa: HashMap<u32, Option<u32>> = HashMap::with_capacity(parents.len());
    for &lowest in parents.iter().filter(|parent| !upper.contains(parent)) {
        taxa.insert(lowest, Some(lowest));
        for ancestor in above(lowest).filter(|node| upper.contains(node)) {
            taxa.entry(ancestor)
                .and_modify(|below| {
                    if *below != Some(lowest) {
                        *below = None;
                    }
                })
                .or_insert(Some(lowest));
        }
    }
    taxa
}

/// Makes the unique names of the nodes from `first` on differ. `shared` are those that got their
/// parent's name.
fn name_apart(
    nodes: &mut [Node],
    first: u32,
    shared: &BTreeSet<u32>,
    ranks: &[String],
) -> Result<(), String> {
    for attempt in 0..2 {
        let mut uses: HashMap<Arc<str>, u32> = HashMap::new();
        for node in &nodes[first as usize..] {
            *uses.entry(Arc::clone(&node.unique)).or_default() += 1;
        }
        let is_unusable = |name: &Arc<str>| uses[name] > 1 || name.len() > MAX_NAME_BYTES;
        let unusable: Vec<u32> =
            shared.iter().copied().filter(|&n| is_unusable(&nodes[n as usize].unique)).collect();
        let Some(&one) = unusable.first() else { return Ok(()) };
        if attempt == 1 {
            return Err(nodes[one as usize].name.chars().take(100).collect());
        }
        // All parents with their ranks, where the name of the nearest is not enough.
        for node in unusable {
            let mut parents = Vec::new();
            let mut parent = nodes[node as usize].parent;
            while parent != ROOT {
                let Node { rank, name, .. } = &nodes[parent as usize];
                parents.push(format!("{} {name}", ranks[*rank]));
                parent = nodes[parent as usize].parent;
            }
            parents.reverse();
            let name = Arc::clone(&nodes[node as usize].name);
            nodes[node as usize].unique = format!("{name} ({})", parents.join("; ")).into();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    const RANKS: [&str; 3] = ["superkingdom", "phylum", "genus"];

    /// The unique taxa of rows such as `A B C`, with `-` for none, and what was found.
    fn apart(rows: &[&str]) -> Result<(Vec<String>, Vec<Homonyms>), String> {
        let mut ranks: Vec<Rank<'_>> = RANKS
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let mut names: Vec<Arc<str>> = Vec::new();
                let cell = |row: &&str| {
                    let text = row.split(' ').nth(place).unwrap();
                    if text == "-" {
                        return 0;
                    }
                    let known = names.iter().position(|name| **name == *text);
                    known.unwrap_or_else(|| {
                        names.push(text.into());
                        names.len() - 1
                    }) as u32
                        + 1
                };
                let cells = rows.iter().map(cell).collect();
                Rank { name, names, cells }
            })
            .collect();
        let found = tell_apart(&mut ranks)?;
        let row = |row: usize| {
            let taxon = |rank: &Rank<'_>| match rank.cells[row] {
                0 => "-".to_owned(),
                number => rank.names[number as usize - 1].to_string(),
            };
            ranks.iter().map(taxon).collect::<Vec<_>>().join(" ")
        };
        Ok(((0..rows.len()).map(row).collect(), found))
    }

    fn taxa(rows: &[&str]) -> Vec<String> {
        apart(rows).unwrap().0
    }

    #[test]
    fn names_that_are_unique_stay_as_they_are() {
        let rows = ["A B C", "A B D", "E F G", "- - -", "A - -"];
        let (taxa, found) = apart(&rows).unwrap();
        assert_eq!(taxa, rows);
        assert_eq!(found, vec![Homonyms::default(); 3]);
    }

    #[test]
    fn taxa_of_one_name_are_named_after_their_parents() {
        let (taxa, found) = apart(&["A B G", "E F G", "A B G", "A H X"]).unwrap();
        assert_eq!(taxa, ["A B G (B)", "E F G (F)", "A B G (B)", "A H X"]);
        assert_eq!((found[2].names, found[2].ambiguous_rows), (1, 0));
        assert_eq!(found[2].examples, ["G (B)", "G (F)"]);
    }

    #[test]
    fn an_unknown_parent_is_no_second_parent() {
        assert_eq!(taxa(&["A B G", "A - G", "- - G"]), ["A B G", "A - G", "- - G"]);
        // Nothing says which of two it is.
        let (taxa, found) = apart(&["A B G", "A F G", "A - G", "- - G", "C - G"]).unwrap();
        assert_eq!(taxa, ["A B G (B)", "A F G (F)", "A - -", "- - -", "C - G (C)"]);
        assert_eq!(found[2].ambiguous_rows, 2);
    }

    #[test]
    fn parents_of_one_name_are_told_apart_themselves() {
        assert_eq!(
            taxa(&["A P G", "B P G", "A P H"]),
            ["A P (A) G (P (A))", "B P (B) G (P (B))", "A P (A) H"]
        );
    }

    #[test]
    fn a_parents_name_that_is_not_enough_gets_its_rank() {
        // A phylum and a superkingdom of one name.
        let found = taxa(&["A - G", "B A G"]);
        assert_eq!(found, ["A - G (superkingdom A)", "B A G (superkingdom B; phylum A)"]);
        // A taxon that is really called like that.
        let (taxa, _) = apart(&["A B G", "A F G", "A C G(B)"]).unwrap();
        assert_eq!(taxa[0], "A B G (B)");
    }

    proptest! {
        /// Neither the order of the rows nor their number decides what a taxon is called.
        #[test]
        fn the_order_of_the_rows_changes_nothing(
            rows in prop::collection::vec(("[ab-]", "[abc-]", "[xy-]"), 1..30).prop_shuffle(),
        ) {
            let rows: Vec<String> = rows.iter().map(|(a, b, c)| format!("{a} {b} {c}")).collect();
            let forward: Vec<&str> = rows.iter().map(String::as_str).collect();
            let backward: Vec<&str> = forward.iter().rev().copied().collect();
            let (forward, backward) = (apart(&forward), apart(&backward));
            match (forward, backward) {
                (Ok((mut taxa, found)), Ok((reversed, found_reversed))) => {
                    taxa.reverse();
                    prop_assert_eq!(taxa, reversed);
                    prop_assert_eq!(found, found_reversed);
                }
                (forward, backward) => prop_assert_eq!(forward.is_ok(), backward.is_ok()),
            }
        }
    }
}
