use super::rank::{KINGDOM, LINEAGE_DEPTH, SUPERKINGDOM, place_of_prefix};
use super::unknown::taxon;

/// Taxa of one lineage string, such as `k__Bacteria; p__Firmicutes` (QIIME, Greengenes),
/// `d__Bacteria;p__Bacillota` (GTDB, Kraken), `d__Bacteria|p__Bacillota` (MetaPhlAn) or
/// `D_0__Bacteria;D_1__Firmicutes` (SILVA).
///
/// `d__` is the superkingdom. `k__` is the kingdom, and the superkingdom too where the lineage
/// has no `d__`, as `k__Bacteria` is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lineage<'a>([Option<&'a str>; LINEAGE_DEPTH]);

impl<'a> Lineage<'a> {
    /// Reads a lineage; a string that names nothing, such as `Unassigned`, has no taxa.
    ///
    /// # Errors
    /// What is wrong with it, to follow "found".
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut taxa = [None; LINEAGE_DEPTH];
        let mut seen = [false; LINEAGE_DEPTH];
        let separator = if text.contains(';') { ';' } else { '|' };
        for part in text.split(separator).map(str::trim) {
            let Some((prefix, name)) = part.split_once("__") else {
                match taxon(part) {
                    None => continue,
                    Some(part) => return Err(format!("{part:?} without a prefix")),
                }
            };
            let Some(place) = place_of_prefix(prefix) else {
                return Err(format!("the prefix {prefix:?}"));
            };
            if std::mem::replace(&mut seen[place], true) {
                return Err(format!("two parts with the prefix {prefix:?}"));
            }
            taxa[place] = taxon(name);
        }
        if !seen[SUPERKINGDOM] {
            taxa[SUPERKINGDOM] = taxa[KINGDOM];
        }
        Ok(Self(taxa))
    }

    /// The taxon at a place that [`super::rank::place_of_rank`] gave.
    pub(super) fn taxon(&self, place: usize) -> Option<&'a str> {
        self.0[place]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn taxa(text: &str) -> Vec<(usize, &str)> {
        let lineage = Lineage::parse(text).unwrap();
        (0..LINEAGE_DEPTH).filter_map(|place| Some((place, lineage.taxon(place)?))).collect()
    }

    #[test]
    fn the_dialects_agree() {
        let expected = vec![(0, "Bacteria"), (2, "Bacillota"), (6, "Bacillus")];
        assert_eq!(taxa("d__Bacteria;p__Bacillota;c__;o__;f__;g__Bacillus;s__"), expected);
        assert_eq!(taxa("d__Bacteria|p__Bacillota|g__Bacillus"), expected);
        assert_eq!(taxa("D_0__Bacteria;D_1__Bacillota;D_5__Bacillus"), expected);
        let mut greengenes = expected;
        greengenes.insert(1, (1, "Bacteria"));
        assert_eq!(taxa("k__Bacteria; p__Bacillota; c__; o__; f__; g__Bacillus"), greengenes);
    }

    #[test]
    fn kingdom_and_domain_stay_apart_where_both_are_named() {
        assert_eq!(
            taxa("d__Eukaryota|k__Metazoa|p__Chordata"),
            [(0, "Eukaryota"), (1, "Metazoa"), (2, "Chordata")]
        );
    }

    #[test]
    fn nothing_known_is_no_taxa_and_nonsense_is_an_error() {
        assert_eq!(taxa("Unassigned"), []);
        assert_eq!(taxa(""), []);
        assert_eq!(taxa("d__Bacteria;p__unknown"), [(0, "Bacteria")]);
        assert_eq!(
            Lineage::parse("Bacteria;Bacillota").unwrap_err(),
            "\"Bacteria\" without a prefix"
        );
        assert_eq!(Lineage::parse("d__Bacteria;z__X").unwrap_err(), "the prefix \"z\"");
        assert_eq!(Lineage::parse("g__A;g__B").unwrap_err(), "two parts with the prefix \"g\"");
    }
}
