//! Joint decoding along the tree of taxa.

use candle_core::{D, DType, Device, Result, Tensor};
use readlens_fault::{Fault, Result as FaultResult};
use serde::{Deserialize, Serialize};

/// Added to the probability of a taxon's children before the logarithm: a taxon may have children
/// that are no classes.
const CHILD_FLOOR: f64 = 1e-3;
/// By how much a taxon that is raised leads.
const LEAD: f64 = 1e-3;

/// How the ranks are decoded together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineageDecoding {
    /// Parent of each taxon among those of the rank above, for each rank from the second on; none
    /// where it is not known.
    pub parents: Vec<Vec<Option<u32>>>,
    /// Exponent of the probabilities of the taxa above.
    pub above: f64,
    /// Exponent of the probability of the children.
    pub below: f64,
}

impl LineageDecoding {
    /// Refuses a tree of other taxa; `taxa` holds the number of taxa of each rank.
    pub(crate) fn validate(&self, taxa: &[usize]) -> FaultResult<()> {
        let is_tree = self.parents.len() + 1 == taxa.len()
            && self.parents.iter().zip(taxa.windows(2)).all(|(parents, taxa)| {
                parents.len() == taxa[1]
                    && parents.iter().flatten().all(|parent| (*parent as usize) < taxa[0])
            });
        if !is_tree {
            return Err(Fault::usage("decoding needs a parent at the rank above for each taxon"));
        }
        for (name, exponent) in [("above", self.above), ("below", self.below)] {
            if !(0.0..=100.0).contains(&exponent) {
                return Err(Fault::usage(format!(
                    "the exponent {name} must be 0 to 100, not {exponent}"
                )));
            }
        }
        Ok(())
    }
}

/// Scores of whole lineages in the place of scores of single ranks.
///
/// With p_r the probabilities of rank r alone, a taxon scores
/// ln p_r + above · Σ ln p_q(ancestor) + below · ln(Σ_children q + 0.001), q being the softmax of
/// the children's scores. Then, from the lowest rank up, the parent of the best taxon is raised
/// until it leads its rank, so that the best taxa of all ranks are one lineage. Two things end a
/// lineage: a best taxon whose parent is not known, and a rank whose best taxon has no child among
/// the classes, as a phylum of which no genus is one.
#[derive(Debug)]
pub(crate) struct Lineages {
    above: f64,
    below: f64,
    /// For each rank, the ancestor of each taxon at each rank above; where it is not known, the
    /// number of taxa there.
    ancestors: Vec<Vec<Tensor>>,
    /// For each rank from the second on, 1 where a taxon is the child of another: `(taxa, taxa
    /// above)`.
    children: Vec<Tensor>,
    /// For each rank but the last, 1 where a taxon has a child: `(taxa)`.
    has_child: Vec<Tensor>,
}

impl Lineages {
    pub(crate) fn new(
        decoding: &LineageDecoding,
        taxa: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let LineageDecoding { parents, above, below } = decoding;
        let mut ancestors: Vec<Vec<Tensor>> = vec![Vec::new()];
        let (mut children, mut has_child) = (Vec::new(), Vec::new());
        // Ancestors of the rank that was done last, by rank.
        let mut known: Vec<Vec<Option<u32>>> = Vec::new();
        for (rank, parents) in (1..).zip(parents) {
            let up = |of: &Vec<Option<u32>>| {
                parents.iter().map(|parent| of[(*parent)? as usize]).collect::<Vec<_>>()
            };
            known = known.iter().map(up).collect();
            known.push(parents.clone());
            let (own, upper) = (taxa[rank], taxa[rank - 1]);
            let mut flags = vec![0f32; own * upper];
            for (child, parent) in parents.iter().enumerate() {
                if let Some(parent) = parent {
                    flags[child * upper + *parent as usize] = 1.0;
                }
            }
            let flags = Tensor::from_vec(flags, (own, upper), device)?.to_dtype(dtype)?;
            has_child.push(flags.max(0)?);
            children.push(flags);
            let of_rank = known.iter().zip(taxa).map(|(known, &unknown)| {
                let index = |known: &Option<u32>| known.unwrap_or(unknown as u32);
                Tensor::new(known.iter().map(index).collect::<Vec<u32>>(), device)
            });
            ancestors.push(of_rank.collect::<Result<_>>()?);
        }
        Ok(Self { above: *above, below: *below, ancestors, children, has_child })
    }

    /// Scores per rank, `(batch, taxa)` each, of the logits of single ranks.
    pub(crate) fn decode(&self, logits: &[Tensor]) -> Result<Vec<Tensor>> {
        let alone = logits.iter().map(|logits| candle_nn::ops::log_softmax(logits, D::Minus1));
        let alone: Vec<Tensor> = alone.collect::<Result<_>>()?;
        // With a further column for an ancestor that is not known: the mean of the known.
        let columns = alone
            .iter()
            .map(|log_p| Tensor::cat(&[log_p.clone(), log_p.mean_keepdim(D::Minus1)?], 1));
        let columns: Vec<Tensor> = columns.collect::<Result<_>>()?;
        let mut scores: Vec<Tensor> = Vec::with_capacity(alone.len());
        for rank in (0..alone.len()).rev() {
            let mut score = alone[rank].clone();
            for (ancestors, columns) in self.ancestors[rank].iter().zip(&columns) {
                score = (score + (columns.index_select(ancestors, 1)? * self.above)?)?;
            }
            if let Some(below) = scores.last() {
                let share = candle_nn::ops::softmax(below, D::Minus1)?;
                let share = share.matmul(&self.children[rank])?;
                score = (score + ((share + CHILD_FLOOR)?.log()? * self.below)?)?;
            }
            scores.push(score);
        }
        scores.reverse();
        self.lead(&mut scores)?;
        Ok(scores)
    }

    /// Raises the parents of the best taxa until they lead.
    fn lead(&self, scores: &mut [Tensor]) -> Result<()> {
        for rank in (0..scores.len() - 1).rev() {
            let below = scores[rank + 1].detach().argmax(D::Minus1)?;
            // 1 where a taxon is the parent of the best one below: none or one in a row.
            let parent = self.children[rank].index_select(&below, 0)?;
            let values = scores[rank].detach();
            let best = values.max_keepdim(D::Minus1)?;
            let own = (&values * &parent)?.sum_keepdim(D::Minus1)?;
            let chosen = values.argmax_keepdim(D::Minus1)?;
            let follows = parent.gather(&chosen, 1)?.affine(-1.0, 1.0)?;
            let has_child = self.has_child[rank].index_select(&chosen.squeeze(1)?, 0)?;
            let gap = (((best - own)? + LEAD)? * follows)?.mul(&has_child.unsqueeze(1)?)?;
            scores[rank] = (&scores[rank] + parent.broadcast_mul(&gap)?)?;
        }
        Ok(())
    }
}
