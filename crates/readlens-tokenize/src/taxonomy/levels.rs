use super::rank::is_same_rank;
use crate::config::TaxonomyConfig;

/// A rank that is read: to be written, or to tell apart the taxa below it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// Its name in the table or in lineages.
    pub name: String,
    /// Place among the ranks that are asked for.
    pub asked: Option<usize>,
    /// Place from the root down; none where it is no rank of a taxonomy.
    pub depth: Option<usize>,
}

/// The ranks to read, from the root down, and behind them those that are none of a taxonomy.
///
/// Taxa of one name are told apart by all `available` ranks above the lowest that is asked for:
/// between two ranks that are asked for, a name may stand below several parents too.
pub(super) fn levels(
    config: &TaxonomyConfig,
    available: &[String],
    depth: impl Fn(&str) -> Option<usize>,
) -> Vec<Level> {
    let asked = config.ranks.iter().enumerate().map(|(place, rank)| Level {
        name: rank.clone(),
        asked: Some(place),
        depth: depth(rank),
    });
    let mut levels: Vec<Level> = asked.collect();
    let lowest = levels.iter().filter_map(|level| level.depth).max();
    for name in available {
        let depth = depth(name);
        let is_known = levels.iter().any(|level| is_same_rank(&level.name, name));
        if !is_known && depth.zip(lowest).is_some_and(|(depth, lowest)| depth < lowest) {
            levels.push(Level { name: name.clone(), asked: None, depth });
        }
    }
    levels.sort_by_key(|level| level.depth.unwrap_or(usize::MAX));
    levels
}
