//! Which cells name no taxon.

use std::cell::Cell;

/// Cells that say "not known" in any case: as taxonomies write it, and as pandas, R, databases and
/// spreadsheets write a missing value.
const NULLS: [&str; 37] = [
    "unknown",
    "unclassified",
    "unassigned",
    "na",
    "nan",
    "-nan",
    "none",
    "null",
    "nil",
    "n/a",
    "#n/a",
    "#n/a n/a",
    "#na",
    "n.a.",
    "n.a",
    "<na>",
    "nat",
    "\\n",
    "-",
    "--",
    ".",
    "..",
    "?",
    "not available",
    "not applicable",
    "missing",
    "1.#ind",
    "-1.#ind",
    "1.#qnan",
    "-1.#qnan",
    "#null!",
    "#value!",
    "#ref!",
    "#div/0!",
    "#name?",
    "#num!",
    "inf",
];

/// Words for taxa that were never described, unless others are asked for: they stand below many
/// parents and mean something else below each.
pub(crate) const DEFAULT_WORDS: [&str; 9] = [
    "uncultured*",
    "unidentified*",
    "unknown *",
    "unclassified *",
    "* unclassified",
    "*metagenome",
    "environmental sample*",
    "*incertae sedis*",
    "ambiguous taxa",
];

/// What `cell` says, without white space around it; none for an empty cell, for what stands for a
/// missing value, and for a bare rank prefix such as `g__` or `D_5__`.
pub(super) fn known(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    let is_null = cell.is_empty()
        || NULLS.iter().any(|null| cell.eq_ignore_ascii_case(null))
        || cell.strip_suffix("__").is_some_and(|prefix| prefix.len() <= 4 && !prefix.contains(' '));
    (!is_null).then_some(cell)
}

/// The words that count as unknown beside the missing values.
#[derive(Debug)]
pub(super) struct Unknown {
    words: Vec<Word>,
    /// Cells that were one of them.
    met: Cell<u64>,
}

/// A word, which may begin or end with `*` for any text.
#[derive(Debug)]
struct Word {
    text: String,
    is_open_before: bool,
    is_open_behind: bool,
}

impl Unknown {
    pub(super) fn new(words: &[String]) -> Self {
        let word = |word: &String| Word {
            text: word.trim().trim_matches('*').to_owned(),
            is_open_before: word.trim().starts_with('*'),
            is_open_behind: word.trim().ends_with('*'),
        };
        Self { words: words.iter().map(word).collect(), met: Cell::new(0) }
    }

    /// The taxon that `cell` names, if it names one.
    pub(super) fn taxon<'a>(&self, cell: &'a str) -> Option<&'a str> {
        let name = known(cell)?;
        let is_unknown = self.is_word(name);
        self.met.set(self.met.get() + u64::from(is_unknown));
        (!is_unknown).then_some(name)
    }

    /// Whether `cell` names no taxon; it is not counted.
    pub(super) fn is_unknown(&self, cell: &str) -> bool {
        known(cell).is_none_or(|name| self.is_word(name))
    }

    fn is_word(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.is(name))
    }

    /// How many cells were one of the words.
    pub(super) fn met(&self) -> u64 {
        self.met.get()
    }
}

impl Word {
    fn is(&self, name: &str) -> bool {
        let (word, name) = (self.text.as_bytes(), name.as_bytes());
        let Some(more) = name.len().checked_sub(word.len()) else { return false };
        match (self.is_open_before, self.is_open_behind) {
            (false, false) => more == 0 && is_same(word, name),
            (false, true) => is_same(word, &name[..word.len()]),
            (true, false) => is_same(word, &name[more..]),
            (true, true) => (0..=more).any(|at| is_same(word, &name[at..at + word.len()])),
        }
    }
}

/// Whether two texts of one length are equal but for case and the kind of blanks.
fn is_same(word: &[u8], name: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b' ' } else { byte.to_ascii_lowercase() };
    word.iter().map(folded).eq(name.iter().map(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cells_that_say_nothing_are_missing_values() {
        for cell in ["", "  ", "unknown", "Unknown", "UNCLASSIFIED", "NA", "na", "g__", "D_5__"] {
            assert_eq!(known(cell), None, "{cell}");
        }
        for cell in ["nan", "NaN", "None", "N/A", "null", "NULL", "#N/A", "<NA>", "-", ".", "\\N"] {
            assert_eq!(known(cell), None, "{cell}");
        }
        assert_eq!(known(" Escherichia "), Some("Escherichia"));
        assert_eq!(known("unclassified Bacteria"), Some("unclassified Bacteria"));
        assert_eq!(known("g__Escherichia"), Some("g__Escherichia"));
        assert_eq!(known("Nanoarchaeota"), Some("Nanoarchaeota"));
        assert_eq!(known("Nonea"), Some("Nonea"));
    }

    #[test]
    fn words_name_no_taxon_whole_or_with_a_star() {
        let unknown = Unknown::new(&DEFAULT_WORDS.map(str::to_owned));
        for cell in [
            "uncultured",
            "Uncultured bacterium",
            "uncultured_archaeon",
            "human gut metagenome",
            "Metagenome",
            "Incertae Sedis",
            "Fungi_fam_Incertae_sedis",
            "Incertae Sedis XI",
            "Ambiguous_taxa",
            "Bacteria_unclassified",
            "unidentified",
            "Unknown Family",
            "environmental samples",
        ] {
            assert_eq!(unknown.taxon(cell), None, "{cell}");
        }
        assert_eq!(unknown.met(), 13);
        for cell in ["Bacillus", "Metagenomics", "Cultured", "Unknownia", "Potato virus X"] {
            assert_eq!(unknown.taxon(cell), Some(cell));
        }
        let own = Unknown::new(&["Bacillus".to_owned(), " *sp.* ".to_owned()]);
        assert_eq!(
            (own.taxon("bacillus"), own.taxon("Bacillus cereus")),
            (None, Some("Bacillus cereus"))
        );
        assert_eq!((own.taxon("A sp. 3"), own.taxon("uncultured")), (None, Some("uncultured")));
    }
}
