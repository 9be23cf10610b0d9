//! Ranks under their different names.

/// Ranks from the root down, as NCBI and the databases of ribosomal genes have them, with the
/// prefixes by which lineage strings name them.
const RANKS: [(&str, &[&str]); 41] = [
    ("superkingdom", &["d", "sk", "D_0"]),
    ("kingdom", &["k"]),
    ("subkingdom", &["ks"]),
    ("superphylum", &["sp"]),
    ("phylum", &["p", "D_1"]),
    ("subphylum", &["ps"]),
    ("infraphylum", &["pi"]),
    ("superclass", &["sc"]),
    ("class", &["c", "D_2"]),
    ("subclass", &["cs"]),
    ("infraclass", &["ci"]),
    ("cohort", &[]),
    ("subcohort", &[]),
    ("superorder", &["so"]),
    ("order", &["o", "D_3"]),
    ("suborder", &["os"]),
    ("infraorder", &[]),
    ("parvorder", &[]),
    ("superfamily", &["sf"]),
    ("family", &["f", "D_4"]),
    ("subfamily", &["fs"]),
    ("tribe", &[]),
    ("subtribe", &[]),
    ("genus", &["g", "D_5"]),
    ("subgenus", &[]),
    ("section", &[]),
    ("subsection", &[]),
    ("series", &[]),
    ("subseries", &[]),
    ("species group", &[]),
    ("species subgroup", &[]),
    ("species", &["s", "D_6"]),
    ("subspecies", &[]),
    ("varietas", &[]),
    ("subvariety", &[]),
    ("forma", &[]),
    ("serogroup", &[]),
    ("serotype", &[]),
    ("biotype", &[]),
    ("strain", &["t"]),
    ("isolate", &[]),
];

/// Number of ranks that are known.
pub(super) const DEPTH: usize = RANKS.len();
/// Places of superkingdom and kingdom.
pub(super) const SUPERKINGDOM: usize = 0;
pub(super) const KINGDOM: usize = 1;

/// One name for the ranks that mean the same: NCBI called Bacteria, Archaea, Eukaryota and
/// Viruses superkingdoms until 2024, and calls them domains and (Viruses) an acellular root since.
pub(super) fn canonical(rank: &str) -> String {
    let lower = rank.trim().to_lowercase().replace('_', " ");
    match lower.as_str() {
        "domain" | "acellular root" => "superkingdom".to_owned(),
        _ => lower,
    }
}

/// Place, from the root down, of the rank called `name`; none where it is not known.
pub(super) fn place_of_rank(name: &str) -> Option<usize> {
    let wanted = canonical(name);
    RANKS.iter().position(|(rank, _)| *rank == wanted)
}

/// All ranks from the root down.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    RANKS.iter().map(|(rank, _)| *rank)
}

/// Place of the rank with `prefix`, such as `g` of `g__`.
pub(super) fn place_of_prefix(prefix: &str) -> Option<usize> {
    RANKS.iter().position(|(_, prefixes)| prefixes.contains(&prefix))
}

/// The first prefix of the rank at `place`, for messages.
pub(super) fn prefix_of(place: usize) -> &'static str {
    RANKS[place].1.first().copied().unwrap_or_default()
}

/// Whether lineage strings have a prefix for the rank called `name`.
pub(crate) fn is_lineage_rank(name: &str) -> bool {
    place_of_rank(name).is_some_and(|place| !RANKS[place].1.is_empty())
}

/// Names of the ranks that lineage strings have a prefix for, for messages.
pub(crate) fn lineage_ranks() -> String {
    let named = RANKS.iter().filter(|(_, prefixes)| !prefixes.is_empty());
    named.map(|(rank, _)| *rank).collect::<Vec<_>>().join(", ")
}

/// Whether two names mean one rank.
pub(crate) fn is_same_rank(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_names_of_the_root_are_one() {
        for name in ["superkingdom", "Superkingdom", "domain", "acellular root", "acellular_root"] {
            assert_eq!(canonical(name), "superkingdom");
            assert_eq!(place_of_rank(name), Some(SUPERKINGDOM));
        }
        assert_eq!(place_of_rank("kingdom"), Some(KINGDOM));
        assert_eq!(place_of_rank("habitat"), None);
        assert!(is_lineage_rank("genus") && !is_lineage_rank("tribe"));
    }

    #[test]
    fn a_prefix_names_one_rank() {
        let mut seen = std::collections::BTreeSet::new();
        for prefix in RANKS.iter().flat_map(|(_, prefixes)| *prefixes) {
            assert!(seen.insert(prefix), "{prefix}");
        }
    }
}
