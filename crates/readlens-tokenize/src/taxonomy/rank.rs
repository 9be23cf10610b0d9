//! Ranks under their different names.

/// Ranks that a lineage string can name, from the root down, with their prefixes.
const LINEAGE_RANKS: [(&str, &[&str]); 9] = [
    ("superkingdom", &["d", "sk", "D_0"]),
    ("kingdom", &["k"]),
    ("phylum", &["p", "D_1"]),
    ("class", &["c", "D_2"]),
    ("order", &["o", "D_3"]),
    ("family", &["f", "D_4"]),
    ("genus", &["g", "D_5"]),
    ("species", &["s", "D_6"]),
    ("strain", &["t"]),
];

/// Place of superkingdom and kingdom in [`LINEAGE_RANKS`].
pub(super) const SUPERKINGDOM: usize = 0;
pub(super) const KINGDOM: usize = 1;
/// Number of ranks that a lineage string can name.
pub(super) const LINEAGE_DEPTH: usize = LINEAGE_RANKS.len();

/// One name for the ranks that mean the same: NCBI called Bacteria, Archaea, Eukaryota and
/// Viruses superkingdoms until 2024, and calls them domains and (Viruses) an acellular root since.
pub(super) fn canonical(rank: &str) -> String {
    let lower = rank.trim().to_lowercase().replace('_', " ");
    match lower.as_str() {
        "domain" | "acellular root" => "superkingdom".to_owned(),
        _ => lower,
    }
}

/// Place in a lineage of the rank with `prefix`, such as `g` of `g__`.
pub(super) fn place_of_prefix(prefix: &str) -> Option<usize> {
    LINEAGE_RANKS.iter().position(|(_, prefixes)| prefixes.contains(&prefix))
}

/// Place in a lineage of the rank called `name`.
pub(super) fn place_of_rank(name: &str) -> Option<usize> {
    let wanted = canonical(name);
    LINEAGE_RANKS.iter().position(|(rank, _)| *rank == wanted)
}

/// Whether lineage strings have a place for the rank called `name`.
pub(crate) fn is_lineage_rank(name: &str) -> bool {
    place_of_rank(name).is_some()
}

/// Names of the ranks that a lineage string can name, for messages.
pub(crate) fn lineage_ranks() -> String {
    LINEAGE_RANKS.map(|(rank, _)| rank).join(", ")
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
        assert_eq!(place_of_rank("tribe"), None);
    }
}
