//! Metrics in long form.

use crate::mask_columns::may_name_a_mask;
use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{MaskName, MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Word};

record! {
    /// One metric with its interval.
    MetricRow is a row of "metrics" version 3 after 2 with upgrade::metrics,
    by "evaluate", "compare", "probe", "baseline":
    "One metric with its interval."
    {
        method: Option<Name> => Category, "", "Name of the method that made the masks; null for figures of the classifier alone.";
        method_kind: Option<MethodKind> => Category, "explainer, attribution or control", "Where the method's masks come from; null where method is.";
        replicate: Option<u32> => UInt32, "from 1", "Which of several runs of the method it is; null where method is.";
        mask_rank: Option<Ranks> => Category, "", "Rank that the mask explains, or `all`; null where method is.";
        operator: Word<Operator> => Category, "", "What was done to the input, or what was compared; `mask` for figures of the mask itself.";
        variant: Option<String> => Category, "", "Which of several comparisons with one operator it is, such as the parts of the classifier that were randomised; null where there is but one.";
        removal: Removal => Category, "own, mean, unknown or shuffled", "What stood for hidden tokens, as in the perturbations table.";
        share: Option<f32> => Float32, "0 to 1", "Fraction of the real tokens that was kept, removed or compared, or the level of a constant mask; null for figures without one.";
        split: Over => Category, "", "Split the figure was taken on, `unassigned` for rows without one, or `all`.";
        rank: Ranks => Category, "", "Rank that was predicted, or `all`.";
        metric: Metric => Category, "", "Name of the metric.";
        value: f64 => Float64, "", "The figure.";
        ci_low: Option<f64> => Float64, "", "Lower end of the 95 % bootstrap interval over records; null where there are fewer than two.";
        ci_high: Option<f64> => Float64, "", "Upper end of the 95 % bootstrap interval; null where ci_low is.";
        n: u32 => UInt32, "windows", "Windows the figure was taken over.";
    }
    checked by MetricRow::check_mask;
}

may_name_a_mask!(MetricRow);

impl MetricRow {
    /// Whether hidden tokens were removed in the operator's own way, see [`Operator::own_removal`].
    pub fn has_own_removal(&self) -> bool {
        self.removal == self.operator.known().map_or(Removal::Own, Operator::own_removal)
    }

    /// Whether the figure is about this mask.
    pub fn is_of(&self, mask: &MaskName) -> bool {
        self.mask_name().as_ref() == Some(mask)
    }
}

/// The ranks at which the classifier knows one taxon: whatever it read, it was certain. Every
/// figure of such a rank is perfect, of the mask and of what should do worse, so none can be
/// compared.
pub fn ranks_of_one_taxon(rows: &[MetricRow]) -> Vec<Name> {
    // By rank: whether there is a figure, and whether all are certain.
    let mut ranks: Vec<(&Name, bool)> = Vec::new();
    for row in rows {
        let is_certain = match row.metric {
            Metric::PTarget => row.value == 1.0,
            Metric::Entropy => row.value == 0.0,
            _ => continue,
        };
        let Ranks::One(rank) = &row.rank else { continue };
        match ranks.iter_mut().find(|(known, _)| *known == rank) {
            Some((_, all)) => *all &= is_certain,
            None => ranks.push((rank, is_certain)),
        }
    }
    ranks.into_iter().filter(|(_, all)| *all).map(|(rank, _)| rank.clone()).collect()
}
