//! Joint decoding along the tree of taxa.

use candle_core::{D, DType, Device, Result, Tensor};
use readlens_fault::{Fault, Result as FaultResult};
use serde::{Deserialize, Serialize};

/// Added to the probability of a taxon's children before the logarithm: a taxon may have children
/// that are no classes.
const CHILD_FLOOR: f64 = 1e-3;
/// By how much a taxon that is raised leads, in nats before the temperature. A parent whose child
/// is sure is right more often than not; on genomes a hair's breadth would make it too unsure.
const LEAD: f64 = 1.0;

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

    /// Raises the parents of the best taxa until they lead, which is the last step of decoding, in
    /// scores by rank that were made otherwise, such as means over windows. The scores are those
    /// before temperatures.
    ///
    /// # Panics
    /// The scores are of other taxa.
    pub fn lead(&self, scores: &mut [Vec<f64>]) {
        for (rank, parents) in self.parents.iter().enumerate().rev() {
            let below = first_of_largest(&scores[rank + 1]);
            let own = &mut scores[rank];
            let best = first_of_largest(own);
            let Some(parent) = parents[below].map(|parent| parent as usize) else { continue };
            let has_child = parents.iter().flatten().any(|parent| *parent as usize == best);
            if parent != best && has_child {
                own[parent] = own[best] + LEAD;
            }
        }
    }
}

fn first_of_largest(scores: &[f64]) -> usize {
    let is_larger = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
    (1..scores.len()).fold(0, is_larger)
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
    /// For each rank from the second on, the parent of each taxon; the number of taxa above where
    /// it is not known.
    parents: Vec<Tensor>,
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
        let (mut parent_indices, mut has_child) = (Vec::new(), Vec::new());
        // Ancestors of the rank that was done last, by rank.
        let mut known: Vec<Vec<Option<u32>>> = Vec::new();
        for (rank, parents) in (1..).zip(parents) {
            let up = |of: &Vec<Option<u32>>| {
                parents.iter().map(|parent| of[(*parent)? as usize]).collect::<Vec<_>>()
            };
            known = known.iter().map(up).collect();
            known.push(parents.clone());
            let upper = taxa[rank - 1];
            let mut flags = vec![0f32; upper];
            parents.iter().flatten().for_each(|parent| flags[*parent as usize] = 1.0);
            has_child.push(Tensor::new(flags, device)?.to_dtype(dtype)?);
            let indices = parents.iter().map(|parent| parent.unwrap_or(upper as u32));
            parent_indices.push(Tensor::new(indices.collect::<Vec<u32>>(), device)?);
            let of_rank = known.iter().zip(taxa).map(|(known, &unknown)| {
                let index = |known: &Option<u32>| known.unwrap_or(unknown as u32);
                Tensor::new(known.iter().map(index).collect::<Vec<u32>>(), device)
            });
            ancestors.push(of_rank.collect::<Result<_>>()?);
        }
        Ok(Self { above: *above, below: *below, ancestors, parents: parent_indices, has_child })
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
                let (rows, upper) = score.dims2()?;
                let none = Tensor::zeros((rows, upper + 1), share.dtype(), share.device())?;
                let share = none.index_add(&self.parents[rank], &share, 1)?.narrow(1, 0, upper)?;
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
            let values = scores[rank].detach();
            let upper = values.dim(D::Minus1)?;
            // The parent of the best taxon below; a further column where it is not known.
            let parent = self.parents[rank].index_select(&below, 0)?.unsqueeze(1)?;
            let best = values.max_keepdim(D::Minus1)?;
            let columns = Tensor::cat(&[&values, &best], 1)?;
            let own = columns.gather(&parent, 1)?;
            let chosen = values.argmax_keepdim(D::Minus1)?;
            let follows = chosen.ne(&parent)?.to_dtype(values.dtype())?;
            let has_child = self.has_child[rank].index_select(&chosen.squeeze(1)?, 0)?;
            let gap = (((best - own)? + LEAD)? * follows)?.mul(&has_child.unsqueeze(1)?)?;
            let raised =
                columns.zeros_like()?.scatter_add(&parent, &gap, 1)?.narrow(1, 0, upper)?;
            scores[rank] = (&scores[rank] + raised)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// Scores in steps of 1/8, which both number formats hold exactly; ties are among them.
    #[test]
    fn tensors_and_numbers_are_raised_alike() {
        let parents = vec![vec![Some(0), Some(0), Some(1), None], vec![Some(3), Some(1), Some(2)]];
        let decoding = LineageDecoding { parents, above: 1.0, below: 1.0 };
        let taxa = [3, 4, 3];
        let lineages = Lineages::new(&decoding, &taxa, DType::F32, &Device::Cpu).unwrap();
        let mut state = 1u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 60) as f64 / 8.0
        };
        let mut raised = 0;
        for _ in 0..500 {
            let before: Vec<Vec<f64>> =
                taxa.iter().map(|taxa| (0..*taxa).map(|_| draw()).collect()).collect();
            let mut numbers = before.clone();
            decoding.lead(&mut numbers);
            let tensor = |scores: &Vec<f64>| {
                let scores: Vec<f32> = scores.iter().map(|x| *x as f32).collect();
                Tensor::new(vec![scores], &Device::Cpu).unwrap()
            };
            let mut tensors: Vec<Tensor> = before.iter().map(tensor).collect();
            lineages.lead(&mut tensors).unwrap();
            for (tensor, numbers) in tensors.iter().zip(&numbers) {
                let wide: Vec<f64> =
                    tensor.to_vec2::<f32>().unwrap()[0].iter().map(|x| f64::from(*x)).collect();
                assert_eq!(wide, *numbers, "{before:?}");
            }
            raised += usize::from(numbers != before);
        }
        assert!(raised > 100, "{raised}");
    }
}
