use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;
use readlens_text::MAX_NAME_BYTES;

use super::identity::Homonyms;
use super::table::Taxa;
use super::taxdump::{Name, Taxdump};
use super::unknown::Unknown;
use crate::config::TaxonomyConfig;

/// Looks up what the rows of taxids have left open; returns the digests of the taxdump.
pub(super) fn look_up(
    taxdump: Taxdump,
    taxids: &[Option<u32>],
    config: &TaxonomyConfig,
    unknown: &Unknown,
) -> Result<(Vec<Taxa>, Vec<InputDigest>)> {
    let ranks = &config.ranks;
    let mut lineages: HashMap<u32, Vec<Option<u32>>> = HashMap::new();
    for &taxid in taxids.iter().flatten() {
        if let Entry::Vacant(place) = lineages.entry(taxid) {
            place.insert(taxdump.ancestors(taxid, ranks)?);
        }
    }
    let wanted: BTreeSet<u32> = lineages.values().flatten().flatten().copied().collect();
    let names_path = taxdump.names_path();
    let (names, digests) = taxdump.names(&wanted)?;
    let of_rank = |rank: usize| {
        let taxa: BTreeSet<u32> = lineages.values().filter_map(|lineage| lineage[rank]).collect();
        let named = taxa.into_iter().filter(|taxid| {
            names.get(taxid).is_some_and(|name| unknown.taxon(&name.scientific).is_some())
        });
        let taxa: Vec<u32> = named.collect();
        let (unique, homonyms) = unique_names(&taxa, &names);
        let numbers: HashMap<u32, u32> = taxa.iter().copied().zip(1..).collect();
        let cell = |taxid: &Option<u32>| {
            let ancestor = taxid.and_then(|taxid| lineages[&taxid][rank]);
            ancestor.and_then(|ancestor| numbers.get(&ancestor).copied()).unwrap_or(0)
        };
        Taxa { cells: taxids.iter().map(cell).collect(), names: unique, counts: vec![], homonyms }
    };
    let taxa: Vec<Taxa> = (0..ranks.len()).map(of_rank).collect();
    let names = taxa.iter().flat_map(|taxa| &taxa.names);
    if let Some(name) = names.into_iter().find(|name| name.len() > MAX_NAME_BYTES) {
        let begin: String = name.chars().take(100).collect();
        return Err(Fault::input(names_path)
            .at(Place::Part(format!("name {begin:?}…")))
            .expected(format!("names of at most {MAX_NAME_BYTES} bytes"))
            .found(format!("{} bytes", name.len()))
            .remedy("shorten the name, or unpack the taxdump again")
            .into());
    }
    Ok((taxa, digests))
}

/// A name for each of `taxa`: its scientific name, or where several have that, its unique name or
/// else the scientific name with the taxid.
fn unique_names(taxa: &[u32], names: &HashMap<u32, Name>) -> (Vec<Arc<str>>, Homonyms) {
    let mut of_name: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    for taxid in taxa {
        of_name.entry(&names[taxid].scientific).or_default().push(&names[taxid]);
    }
    let unique = |taxid: &u32| -> Arc<str> {
        let name = &names[taxid];
        let homonyms = &of_name[name.scientific.as_str()];
        let sharing = homonyms.iter().filter(|other| other.unique == name.unique).count();
        if homonyms.len() == 1 {
            name.scientific.as_str().into()
        } else if !name.unique.is_empty() && sharing == 1 {
            name.unique.as_str().into()
        } else {
            format!("{} (taxid {taxid})", name.scientific).into()
        }
    };
    let unique: Vec<Arc<str>> = taxa.iter().map(unique).collect();
    let shared = taxa
        .iter()
        .zip(&unique)
        .filter(|(taxid, _)| of_name[names[taxid].scientific.as_str()].len() > 1);
    let shared: BTreeSet<&str> = shared.map(|(_, unique)| &**unique).collect();
    let homonyms = Homonyms {
        names: of_name.values().filter(|taxa| taxa.len() > 1).count() as u64,
        examples: shared.into_iter().take(10).map(str::to_owned).collect(),
        ambiguous_rows: 0,
    };
    (unique, homonyms)
}
