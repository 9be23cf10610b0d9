//! Joint decoding along the tree of taxa.

use candle_core::{D, DType, Device, Result, Tensor};
use readlens_fault::{Fault, Result as FaultResult};
use serde::{Deserialize, Serialize};

/// Added to the probability of a taxon's children before the logarithm: a taxon may have children
/// that are no classes.
const CHILD_FLOOR: f64 = 1e-3;
/// By how much the best child of the chosen taxon then leads.
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
/// the children's scores. Then, from the highest rank down, the taxa that are no children of the
/// taxon with the best score are moved down together until a child leads, so that the best taxa of
/// all ranks are one lineage. A taxon without a child among the classes leaves the rank below as it
/// is.
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
        let mut children = Vec::new();
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
            children.push(Tensor::from_vec(flags, (own, upper), device)?.to_dtype(dtype)?);
            let of_rank = known.iter().zip(taxa).map(|(known, &unknown)| {
                let index = |known: &Option<u32>| known.unwrap_or(unknown as u32);
                Tensor::new(known.iter().map(index).collect::<Vec<u32>>(), device)
            });
            ancestors.push(of_rank.collect::<Result<_>>()?);
        }
        Ok(Self { above: *above, below: *below, ancestors, children })
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
        for rank in 1..scores.len() {
            let chosen = scores[rank - 1].detach().argmax(D::Minus1)?;
            // 1 where a taxon is a child of the chosen one.
            let inside = self.children[rank - 1].index_select(&chosen, 1)?.t()?.contiguous()?;
            let values = scores[rank].detach();
            let far = 1e30;
            let best = |of: &Tensor| -> Result<Tensor> {
                let left_out = (of.affine(-1.0, 1.0)? * -far)?;
                (&values * of)?.add(&left_out)?.max_keepdim(D::Minus1)
            };
            let outside = inside.affine(-1.0, 1.0)?;
            let gap = ((best(&outside)? - best(&inside)?)? + LEAD)?.relu()?;
            // Nothing leads where the chosen taxon has no child, or all are its children.
            let has_child = inside.max_keepdim(D::Minus1)?;
            let has_other = outside.max_keepdim(D::Minus1)?;
            let gap = ((gap * has_child)? * has_other)?;
            scores[rank] = (&scores[rank] - outside.broadcast_mul(&gap)?)?;
        }
        Ok(scores)
    }
}
