use std::collections::HashMap;

use readlens_fault::Result;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;

use crate::lineage::Lineages;
use crate::truth::Truth;

/// Most different taxa of a rank that are counted: memory is in proportion to it.
const MAX_TAXA: usize = 1 << 20;

/// What a first walk over the tokens table tells.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Rank columns, in file order.
    pub(crate) ranks: Vec<String>,
    /// Per rank the most frequent taxon of the split train, or of all windows where no window is
    /// in it; the first by name among equally frequent ones; none where no window has a label.
    pub(crate) majority: HashMap<String, String>,
    /// Which taxa occur together.
    pub(crate) lineages: Lineages,
    /// Whether any window belongs to a split.
    pub(crate) has_splits: bool,
}

/// Counts the taxa of the windows and checks the truth against the records.
///
/// # Errors
/// There are endlessly many taxa, or the truth does not fit.
pub(crate) fn survey(
    tokens: &std::path::Path,
    mut truth: Option<&mut Truth>,
    context: &Context,
) -> Result<Survey> {
    let mut reader = Reader::<TokenRow>::open(tokens)?;
    let ranks = reader.ranks().to_vec();
    let mut counts = vec![TaxonCounts::default(); ranks.len()];
    let mut lineages = Lineages::default();
    let (mut any_train, mut has_splits) = (false, false);
    let progress = context.progress("counting taxa", reader.rows());
    while let Some(row) = reader.next().transpose()? {
        let is_train = row.split == Some(Split::Train);
        any_train |= is_train;
        has_splits |= row.split.is_some();
        for (counts, taxon) in counts.iter_mut().zip(&row.taxa) {
            let Some(taxon) = taxon else { continue };
            if counts.len() >= MAX_TAXA && !counts.contains_key(taxon) {
                return Err(reader
                    .fault()
                    .expected(format!("at most {MAX_TAXA} taxa in a rank"))
                    .found("more")
                    .remedy("tokenize with a larger --min-count, which makes rare taxa unknown")
                    .into());
            }
            match counts.get_mut(taxon) {
                Some(count) => count.add(is_train),
                None => counts.entry(taxon.clone()).or_default().add(is_train),
            }
        }
        if lineages.add(&row.taxa) > MAX_TAXA {
            return Err(reader
                .fault()
                .expected(format!("at most {MAX_TAXA} lineages"))
                .found("more")
                .remedy("tokenize with a larger --min-count, which makes rare taxa unknown")
                .into());
        }
        if let Some(truth) = truth.as_deref_mut() {
            truth.intervals.see_window(&row.id, row.end);
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    if let Some(truth) = truth {
        truth.intervals.check()?;
    }
    let majority = ranks.iter().zip(&counts).filter_map(|(rank, counts)| {
        let (taxon, _) = counts
            .iter()
            .map(|(taxon, count)| (taxon, if any_train { count.train } else { count.all }))
            .filter(|(_, count)| *count > 0)
            .max_by(|(a, n), (b, m)| n.cmp(m).then_with(|| b.cmp(a)))?;
        Some((rank.clone(), taxon.clone()))
    });
    let majority = majority.collect();
    Ok(Survey { ranks, majority, lineages, has_splits })
}

/// Windows of every taxon of a rank.
type TaxonCounts = HashMap<String, Count>;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    train: u64,
    all: u64,
}

impl Count {
    fn add(&mut self, is_train: bool) {
        self.all += 1;
        self.train += u64::from(is_train);
    }
}
