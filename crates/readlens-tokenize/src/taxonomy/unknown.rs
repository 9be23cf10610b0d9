//! Which cells name no taxon.

/// Cells that say "not known", in any case.
const UNKNOWN: [&str; 4] = ["unknown", "unclassified", "unassigned", "na"];

/// The taxon that `cell` names, without white space around it; none for an empty cell, for
/// `unknown`, `unclassified`, `unassigned` and `NA` in any case, and for a bare rank prefix such
/// as `g__` or `D_5__`.
pub(super) fn taxon(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    let is_unknown = cell.is_empty()
        || UNKNOWN.iter().any(|unknown| cell.eq_ignore_ascii_case(unknown))
        || cell.strip_suffix("__").is_some_and(|prefix| prefix.len() <= 3 && !prefix.contains(' '));
    (!is_unknown).then_some(cell)
}

#[cfg(test)]
mod tests {
    use super::taxon;

    #[test]
    fn only_cells_that_name_nothing_are_unknown() {
        for cell in ["", "  ", "unknown", "Unknown", "UNCLASSIFIED", "NA", "na", "g__", "D_5__"] {
            assert_eq!(taxon(cell), None, "{cell}");
        }
        assert_eq!(taxon(" Escherichia "), Some("Escherichia"));
        assert_eq!(taxon("unclassified Bacteria"), Some("unclassified Bacteria"));
        assert_eq!(taxon("g__Escherichia"), Some("g__Escherichia"));
        assert_eq!(taxon("Nanoarchaeota"), Some("Nanoarchaeota"));
    }
}
