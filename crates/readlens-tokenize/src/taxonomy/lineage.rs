use std::collections::BTreeMap;

use super::Wrong;
use super::parts::{Part, dialect, parts_of, prefix, strip_confidences, unquoted};
use super::rank::{
    DEPTH, KINGDOM, SUPERKINGDOM, canonical, place_of_prefix, place_of_rank, prefix_of,
};
use super::unknown::Unknown;

/// Kinds of skipped parts that are counted one by one.
const MAX_KINDS: usize = 100;
/// What databases call the root of everything.
const ROOTS: [&str; 4] = ["root", "cellular organisms", "life", "lineage=root"];

/// Reads lineage strings as databases and tools write them.
///
/// With prefixes: `k__Bacteria; p__Firmicutes` (QIIME, Greengenes, UNITE),
/// `d__Bacteria;p__Bacillota` (GTDB, SILVA by RESCRIPt, Kraken), `d__Bacteria|p__Bacillota`
/// (MetaPhlAn, Bracken),
/// `D_0__Bacteria;D_1__Firmicutes` (older SILVA), `d:Bacteria,p:Firmicutes` (SINTAX). `d` is the
/// superkingdom. `k` is the kingdom, and the superkingdom too where the lineage has no `d`.
///
/// By position: `Bacteria;Firmicutes;` (SILVA, PR2, DADA2), `Bacteria(100);Firmicutes(99);`
/// (mothur).
/// `Root;rootrank;Bacteria;domain;` (RDP) names its ranks in words.
#[derive(Debug)]
pub(super) struct Lineages {
    /// Ranks of the parts in their order, where they have no prefixes.
    positions: Option<Vec<String>>,
    /// The ranks that are read, by their names, from the root down; and whether they are asked for.
    ranks: Vec<(String, bool)>,
    /// The place in `ranks` of each known rank.
    of_place: [Option<usize>; DEPTH],
    /// Ranks that some lineage has a part for.
    seen: Vec<bool>,
    skipped: BTreeMap<String, u64>,
}

impl Lineages {
    pub(super) fn new(positions: Option<&[String]>, ranks: Vec<(String, bool)>) -> Self {
        let mut of_place = [None; DEPTH];
        for (i, (rank, _)) in ranks.iter().enumerate() {
            if let Some(place) = place_of_rank(rank) {
                of_place[place] = Some(i);
            }
        }
        let positions = positions.map(|ranks| ranks.iter().map(|rank| canonical(rank)).collect());
        let seen = vec![false; ranks.len()];
        Self { positions, ranks, of_place, seen, skipped: BTreeMap::new() }
    }

    /// Reads a lineage; a string that names nothing, such as `Unassigned`, has no taxa. Returns one
    /// taxon for each rank that is read.
    ///
    /// # Errors
    /// A rank that is asked for cannot be told.
    pub(super) fn read<'a>(
        &mut self,
        text: &'a str,
        unknown: &Unknown,
    ) -> Result<Vec<Option<&'a str>>, Wrong> {
        let text = text.trim();
        let text = text.strip_prefix("tax=").map_or(text, |text| text.trim_end_matches(';'));
        if let Some(positions) = self.positions.take() {
            let taxa = self.by_position(text, &positions, unknown);
            self.positions = Some(positions);
            return taxa;
        }
        if let Some(taxa) = self.by_words(text, unknown) {
            return Ok(taxa);
        }
        self.by_prefix(text, unknown)
    }

    fn by_position<'a>(
        &mut self,
        text: &'a str,
        positions: &[String],
        unknown: &Unknown,
    ) -> Result<Vec<Option<&'a str>>, Wrong> {
        let separator = [';', '|', ','].into_iter().find(|s| text.contains(*s)).unwrap_or(';');
        let mut parts = parts_of(text, separator);
        strip_confidences(text, &mut parts, unknown);
        if parts.last().is_some_and(|part| part.start == part.end) {
            parts.pop();
        }
        if parts.first().is_some_and(|part| is_root(&text[part.start..part.end]))
            && positions.first().is_some_and(|rank| rank != "root")
        {
            parts.remove(0);
        }
        // Prefixes say better than places what the parts are: a lineage may leave ranks out.
        if self.says_its_ranks(text, &parts) {
            return self.by_prefix(text, unknown);
        }
        let mut taxa = vec![None; self.ranks.len()];
        for (i, part) in parts.into_iter().enumerate() {
            let name = &text[part.start..part.end];
            let Some(rank) = positions.get(i) else {
                self.skip("beyond the last rank");
                continue;
            };
            let name = match prefix(name, "__") {
                Some((prefix, rest)) if place_of_prefix(prefix).is_some() => rest,
                _ => name,
            };
            if let Some(place) = self.ranks.iter().position(|(wanted, _)| wanted == rank) {
                taxa[place] = unknown.taxon(unquoted(name));
                self.seen[place] = true;
            }
        }
        Ok(taxa)
    }

    /// Whether all parts that say anything have prefixes of their own, and all ranks that are asked
    /// for have one.
    fn says_its_ranks(&self, text: &str, parts: &[Part]) -> bool {
        let mut has = [false; DEPTH];
        let mut asked = self.ranks.iter().filter(|(_, is_asked)| *is_asked);
        let mut pieces = parts.iter().map(|part| &text[part.start..part.end]);
        asked.all(|(rank, _)| place_of_rank(rank).is_some())
            && parts.iter().any(|part| part.start < part.end)
            && pieces.all(|piece| match prefix(piece, "__").and_then(|(p, _)| place_of_prefix(p)) {
                Some(place) => !std::mem::replace(&mut has[place], true),
                None => piece.is_empty(),
            })
    }

    /// Reads names and words for their ranks by turns; none where the text is not like that.
    fn by_words<'a>(&mut self, text: &'a str, unknown: &Unknown) -> Option<Vec<Option<&'a str>>> {
        let mut parts: Vec<&str> = text.split(';').map(str::trim).collect();
        if parts.last() == Some(&"") {
            parts.pop();
        }
        let is_word = |word: &&str| *word == "rootrank" || place_of_rank(word).is_some();
        let is_pairs = parts.len() >= 2
            && parts.len().is_multiple_of(2)
            && parts.iter().skip(1).step_by(2).all(is_word);
        if !is_pairs {
            return None;
        }
        let mut taxa = vec![None; self.ranks.len()];
        for pair in parts.chunks_exact(2) {
            if let Some(place) = place_of_rank(pair[1]).and_then(|place| self.of_place[place]) {
                taxa[place] = unknown.taxon(unquoted(pair[0]));
                self.seen[place] = true;
            }
        }
        Some(taxa)
    }

    fn by_prefix<'a>(
        &mut self,
        text: &'a str,
        unknown: &Unknown,
    ) -> Result<Vec<Option<&'a str>>, Wrong> {
        let (separator, mark) = dialect(text);
        let mut parts = parts_of(text, separator);
        strip_confidences(text, &mut parts, unknown);
        // Where the name of each known rank stands, and whether the rank has several.
        let mut names: [Option<Part>; DEPTH] = [None; DEPTH];
        let mut is_doubled = [false; DEPTH];
        // The rank of the part before; none where its prefix is not known.
        let mut before: Option<Option<usize>> = None;
        for part in parts {
            let piece = &text[part.start..part.end];
            let Some((prefix, name)) = prefix(piece, mark) else {
                if unknown.taxon(piece).is_none() || before.is_none() && is_root(piece) {
                    continue;
                }
                self.without_prefix(piece, part, before, &mut names)?;
                continue;
            };
            let place = place_of_prefix(prefix);
            before = Some(place);
            let Some(place) = place else {
                self.skip(prefix);
                continue;
            };
            let name = Part { start: part.end - name.len(), end: part.end };
            let is_known = |part: &Part| unknown.taxon(&text[part.start..part.end]).is_some();
            // SILVA has superkingdoms (sk) below its domains (d): the domain is what is meant.
            if place == SUPERKINGDOM && names[place].as_ref().is_some_and(is_known) {
                if prefix != "sk" && prefix != "d" {
                    is_doubled[place] = true;
                } else if prefix == "d" {
                    names[place] = Some(name);
                }
                continue;
            }
            is_doubled[place] |= names[place].as_ref().is_some_and(|_| place != SUPERKINGDOM);
            names[place] = Some(name);
        }
        let mut taxa = vec![None; self.ranks.len()];
        for place in 0..DEPTH {
            let Some(rank) = self.of_place[place] else { continue };
            if is_doubled[place] {
                if self.ranks[rank].1 {
                    let found = format!("two parts with the prefix {:?}", prefix_of(place));
                    return Err(wrong(found));
                }
                continue;
            }
            let from = match names[place] {
                None if place == SUPERKINGDOM => names[KINGDOM],
                part => part,
            };
            if let Some(part) = from {
                taxa[rank] = unknown.taxon(unquoted(text[part.start..part.end].trim()));
                self.seen[rank] = true;
            }
        }
        Ok(taxa)
    }

    /// A part without a prefix: the rest of a name that holds the separator, or the name of a rank
    /// that nobody asked for.
    fn without_prefix(
        &mut self,
        piece: &str,
        part: Part,
        before: Option<Option<usize>>,
        names: &mut [Option<Part>; DEPTH],
    ) -> Result<(), Wrong> {
        let Some(before) = before else {
            return Err(wrong(format!("{piece:?} without a prefix")));
        };
        // Names of taxa begin with a capital; what follows a separator within a name rarely does.
        if !piece.starts_with(char::is_uppercase) {
            if let Some(name) = before.and_then(|place| names[place].as_mut()) {
                name.end = part.end;
            }
            return Ok(());
        }
        let first = before.unwrap_or(0);
        let is_asked = |place: usize| self.of_place[place].is_some_and(|rank| self.ranks[rank].1);
        if (first..DEPTH).any(is_asked) {
            return Err(Wrong {
                expected: "a prefix at each part of the lineage".to_owned(),
                found: format!("{piece:?} without a prefix"),
                remedy: "put its prefix before it, such as g__; if it belongs to the name before \
                         it, write the two without a separator between them"
                    .to_owned(),
            });
        }
        self.skip("without a prefix");
        Ok(())
    }

    fn skip(&mut self, kind: &str) {
        if let Some(count) = self.skipped.get_mut(kind) {
            *count += 1;
        } else if self.skipped.len() < MAX_KINDS {
            self.skipped.insert(kind.to_owned(), 1);
        } else {
            *self.skipped.entry("others".to_owned()).or_default() += 1;
        }
    }

    /// Checks, after the last lineage, that the ranks that are asked for were there; returns the
    /// parts that were skipped, by their prefixes.
    ///
    /// # Errors
    /// Parts with unknown prefixes were skipped, and a rank that is asked for had no part at all.
    pub(super) fn finish(self) -> Result<BTreeMap<String, u64>, Wrong> {
        let missing =
            self.ranks.iter().zip(&self.seen).find(|((_, asked), seen)| *asked && !**seen);
        if let (Some(((rank, _), _)), false) = (missing, self.skipped.is_empty()) {
            let kinds: Vec<String> =
                self.skipped.keys().take(10).map(|k| format!("{k:?}")).collect();
            return Err(Wrong {
                expected: format!("lineages with a part for the rank {rank}"),
                found: format!("none; parts with the prefix {}", kinds.join(", ")),
                remedy: format!("leave {rank} out of --ranks, or {}", by_position()),
            });
        }
        Ok(self.skipped)
    }
}

fn by_position() -> &'static str {
    "name the ranks of the parts in their order, such as --lineage-ranks \
     superkingdom,phylum,class,order,family,genus"
}

fn wrong(found: String) -> Wrong {
    Wrong {
        expected: "a lineage such as d__Bacteria; p__Bacillota".to_owned(),
        found,
        remedy: format!("where lineages have no prefixes, {}", by_position()),
    }
}

fn is_root(part: &str) -> bool {
    ROOTS.iter().any(|root| part.eq_ignore_ascii_case(root))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::taxonomy::DEFAULT_WORDS;

    const ASKED: [&str; 3] = ["superkingdom", "phylum", "genus"];

    fn reader(positions: Option<&str>, asked: &[&str]) -> Lineages {
        let positions: Option<Vec<String>> =
            positions.map(|ranks| ranks.split(',').map(str::to_owned).collect());
        let ranks = asked.iter().map(|rank| (canonical(rank), true)).collect();
        Lineages::new(positions.as_deref(), ranks)
    }

    /// The taxa at the ranks `asked`, with blanks between them; `-` for none.
    fn read(lineages: &mut Lineages, text: &str) -> Result<String, String> {
        let unknown = Unknown::new(&DEFAULT_WORDS.map(str::to_owned));
        let taxa = lineages.read(text, &unknown).map_err(|wrong| wrong.found)?;
        Ok(taxa.into_iter().map(|taxon| taxon.unwrap_or("-")).collect::<Vec<_>>().join(" "))
    }

    fn taxa(text: &str) -> Result<String, String> {
        read(&mut reader(None, &ASKED), text)
    }

    #[test]
    fn the_dialects_agree() {
        for text in [
            "d__Bacteria;p__Bacillota;c__;o__;f__;g__Bacillus;s__",
            "d__Bacteria|p__Bacillota|g__Bacillus",
            "d__Bacteria|x__Terrabacteria group|p__Bacillota|c__Bacilli|g__Bacillus",
            "D_0__Bacteria;D_1__Bacillota;D_5__Bacillus;D_14__x",
            "k__Bacteria; p__Bacillota; c__; o__; f__; g__Bacillus",
            "k__Bacteria;p__Bacillota;g__Bacillus;s__subtilis;sh__SH12.08FU",
            "d__Bacteria; sk__; k__Bacillati; ks__; sp__; p__Bacillota; ps__; g__Bacillus; s__",
            "sk__Other; d__Bacteria; p__Bacillota; g__Bacillus",
            "d__Bacteria; sk__Other; p__Bacillota; g__Bacillus",
            "tax=d:Bacteria,p:Bacillota,c:Bacilli,g:Bacillus;",
            "d:Bacteria(1.00),p:Bacillota(0.98),g:Bacillus(0.7)",
            "k__Bacteria(100);p__Bacillota(99);g__Bacillus(80);",
            "Root;d__Bacteria;p__Bacillota;g__Bacillus",
            "r__cellular organisms|d__Bacteria|p__Bacillota|g__Bacillus",
            "Lineage=Root;rootrank;Bacteria;domain;\"Bacillota\";phylum;Bacilli;class;Bacillus;genus",
        ] {
            assert_eq!(taxa(text).as_deref(), Ok("Bacteria Bacillota Bacillus"), "{text}");
        }
    }

    #[test]
    fn lineages_without_prefixes_are_read_by_position() {
        let ranks = "domain,phylum,class,order,family,genus";
        for text in [
            "Bacteria;Bacillota;Bacilli;Bacillales;Bacillaceae;Bacillus;",
            "Bacteria; Bacillota; Bacilli; Bacillales; Bacillaceae; Bacillus",
            "Bacteria(100);Bacillota(100);Bacilli(99);Bacillales(99);Bacillaceae(98);Bacillus(80);",
            "Root;Bacteria;\"Bacillota\";Bacilli;Bacillales;Bacillaceae;Bacillus",
            "Bacteria|Bacillota|Bacilli|Bacillales|Bacillaceae|Bacillus|Bacillus subtilis",
            "k__Bacteria;p__Bacillota;c__;o__;f__;g__Bacillus",
        ] {
            let found = read(&mut reader(Some(ranks), &ASKED), text);
            assert_eq!(found.as_deref(), Ok("Bacteria Bacillota Bacillus"), "{text}");
        }
        let mut lineages = reader(Some(ranks), &ASKED);
        let mothur =
            "Bacteria(100);Bacteria_unclassified(90);x(1);y(1);z(1);unclassified(90);more(2)";
        assert_eq!(read(&mut lineages, mothur).as_deref(), Ok("Bacteria - -"));
        assert_eq!(read(&mut lineages, "Bacteria;NA;NA").as_deref(), Ok("Bacteria - -"));
        assert_eq!(read(&mut lineages, "").as_deref(), Ok("- - -"));
        assert_eq!(lineages.finish().unwrap(), [("beyond the last rank".to_owned(), 1)].into());
        // A lineage without some of the ranks says by its prefixes which it has.
        let mut lineages = reader(Some("superkingdom,phylum,genus"), &ASKED);
        for (text, expected) in [
            ("d__Bacteria;p__Bacillota;c__Bacilli;o__X;g__Bacillus", "Bacteria Bacillota Bacillus"),
            ("Root;d__Bacteria;g__Bacillus", "Bacteria - Bacillus"),
            ("Bacteria;Bacillota;Bacillus", "Bacteria Bacillota Bacillus"),
            ("d__Bacteria;Bacillota;Bacillus", "Bacteria Bacillota Bacillus"),
            ("d__Bacteria;p__Bacillota;p__Bacillus", "Bacteria Bacillota Bacillus"),
        ] {
            assert_eq!(read(&mut lineages, text).as_deref(), Ok(expected), "{text}");
        }
        // PR2 has ranks of its own.
        let pr2 = "domain,supergroup,division,subdivision,class,order,family,genus,species";
        let text = "Eukaryota;TSAR;Alveolata;Dinoflagellata;Dinophyceae;Peridiniales;F;G;G_sp.";
        let found =
            read(&mut reader(Some(pr2), &["domain", "supergroup", "genus", "species"]), text);
        assert_eq!(found.as_deref(), Ok("Eukaryota TSAR G G_sp."));
    }

    #[test]
    fn what_is_unknown_needs_no_confidence() {
        let text = "Bacteria(100);Firmicutes(98);unclassified;";
        let mut lineages = reader(Some("superkingdom,phylum,genus"), &ASKED);
        assert_eq!(read(&mut lineages, text).as_deref(), Ok("Bacteria Firmicutes -"));
        let text = "d__Bacteria(100);p__Firmicutes(98);c__;g__uncultured";
        assert_eq!(taxa(text).as_deref(), Ok("Bacteria Firmicutes -"));
        assert_eq!(
            taxa("d:Bacteria(1.00),p:Firmicutes(0.9),g:").as_deref(),
            Ok("Bacteria Firmicutes -")
        );
        // A name that ends like a confidence keeps it where other names have none.
        let text = "d__Bacteria;p__Firmicutes(98);g__Bacillus";
        assert_eq!(taxa(text).as_deref(), Ok("Bacteria Firmicutes(98) Bacillus"));
    }

    #[test]
    fn a_part_without_prefix_among_others_has_a_remedy_of_its_own() {
        let unknown = Unknown::new(&[]);
        let text = "d__Bacteria;g__Escherichia;Shigella";
        let wrong = reader(None, &ASKED).read(text, &unknown).unwrap_err();
        assert_eq!(wrong.found, "\"Shigella\" without a prefix");
        assert!(wrong.remedy.contains("put its prefix before it"), "{}", wrong.remedy);
        let wrong = reader(None, &ASKED).read("Bacteria;Bacillota", &unknown).unwrap_err();
        assert!(wrong.remedy.contains("--lineage-ranks"), "{}", wrong.remedy);
    }

    #[test]
    fn kingdom_and_domain_stay_apart_where_both_are_named() {
        let mut lineages = reader(None, &["domain", "kingdom", "phylum"]);
        let found = read(&mut lineages, "d__Eukaryota|k__Metazoa|p__Chordata");
        assert_eq!(found.as_deref(), Ok("Eukaryota Metazoa Chordata"));
        let found = read(&mut lineages, "k__Fungi;p__Ascomycota");
        assert_eq!(found.as_deref(), Ok("Fungi Fungi Ascomycota"));
    }

    #[test]
    fn a_name_may_hold_the_separator() {
        let text =
            "d__Eukaryota;p__Streptophyta;g__Salicornia;s__Salicornia aff. perennans W 3a;09";
        assert_eq!(taxa(text).as_deref(), Ok("Eukaryota Streptophyta Salicornia"));
        let species = read(&mut reader(None, &["species"]), text);
        assert_eq!(species.as_deref(), Ok("Salicornia aff. perennans W 3a;09"));
        let text = "d__Eukaryota|g__Salicornia|s__Salicornia aff. perennans W 3a;09";
        let species = read(&mut reader(None, &["species"]), text);
        assert_eq!(species.as_deref(), Ok("Salicornia aff. perennans W 3a;09"));
        // Below the last rank that is asked for, it does not matter what the parts are.
        assert_eq!(taxa("d__A;p__B;g__C;s__C d;Strain E").as_deref(), Ok("A B C"));
        let found = taxa("d__A;p__B;g__C;Strain E").unwrap_err();
        assert_eq!(found, "\"Strain E\" without a prefix");
        let phylum = read(&mut reader(None, &["phylum"]), "d__A;p__B;g__C;Strain E");
        assert_eq!(phylum.as_deref(), Ok("B"));
    }

    #[test]
    fn nothing_known_is_no_taxa_and_nonsense_is_an_error() {
        for text in ["Unassigned", "", "NA", "Root", "d__;p__;g__"] {
            assert_eq!(taxa(text).as_deref(), Ok("- - -"), "{text}");
        }
        assert_eq!(taxa("d__Bacteria;p__unknown;g__uncultured").as_deref(), Ok("Bacteria - -"));
        assert_eq!(taxa("Bacteria;Bacillota").unwrap_err(), "\"Bacteria\" without a prefix");
        assert_eq!(taxa("d__A;Bacillota").unwrap_err(), "\"Bacillota\" without a prefix");
        assert_eq!(taxa("g__A;g__B").unwrap_err(), "two parts with the prefix \"g\"");
        // A rank that nobody asked for may be there twice.
        assert_eq!(taxa("d__A;c__B;c__C;g__D").as_deref(), Ok("A - D"));
    }

    #[test]
    fn unknown_prefixes_are_counted_and_refused_where_a_rank_is_missing() {
        let mut lineages = reader(None, &["phylum"]);
        for _ in 0..2 {
            read(&mut lineages, "d__A;x__B;p__C;q__D").unwrap();
        }
        let skipped = [("q".to_owned(), 2), ("x".to_owned(), 2)].into();
        assert_eq!(lineages.finish().unwrap(), skipped);
        let mut lineages = reader(None, &ASKED);
        read(&mut lineages, "d__Bacteria;q__Bacillota").unwrap();
        let wrong = lineages.finish().unwrap_err();
        assert_eq!(wrong.found, "none; parts with the prefix \"q\"");
        assert!(wrong.remedy.contains("--lineage-ranks"));
    }
}
