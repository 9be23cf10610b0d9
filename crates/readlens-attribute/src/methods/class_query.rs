//! How each token's own embedding speaks for the predicted class, before attention.

use candle_core::{Device, Tensor};
use readlens_batch::for_each_batch;
use readlens_fault::Result;
use readlens_nn::WindowTokens;

use super::joined;
use crate::objective::{Objective, Scores};

/// The z-scores of [`readlens_nn::Transformer::class_query`], averaged over the ranks of an output.
///
/// One look at the embeddings and no pass through the blocks, which is counted as none.
pub(super) fn scores(objective: &Objective<'_>) -> Result<Scores> {
    objective.check_interrupt()?;
    let windows = objective.windows();
    let tokens: Vec<WindowTokens> = windows.iter().map(|window| window.tokens).collect();
    let classifier = objective.network()?;
    for_each_batch(&tokens, classifier.device(), "querying embeddings", |batch, indices| {
        let Some(transformer) = classifier.transformer() else {
            candle_core::bail!("only a transformer has a query of a class");
        };
        let ranks = classifier.config().ranks.len();
        let classes = (0..ranks).map(|rank| {
            let classes: Vec<u32> = indices.iter().map(|&i| windows[i].targets[rank]).collect();
            Tensor::from_vec(classes, indices.len(), classifier.device())
        });
        let classes: Vec<Tensor> = classes.collect::<candle_core::Result<_>>()?;
        let found = transformer.class_query(batch, &classes)?;
        let found = found.iter().map(|scores| scores.to_device(&Device::Cpu)?.to_vec2::<f32>());
        let found: Vec<Vec<Vec<f32>>> = found.collect::<candle_core::Result<_>>()?;
        let first = usize::from(batch.has_cls);
        let of_row = |(row, &index): (usize, &usize)| {
            let real = first..first + windows[index].real;
            let of_rank = |rank: &Vec<Vec<f32>>| {
                rank[row][real.clone()].iter().map(|score| f64::from(*score)).collect()
            };
            let by_rank: Vec<Vec<f64>> = found.iter().map(of_rank).collect();
            let outputs = objective.outputs().iter();
            outputs.map(|output| joined(&by_rank, objective.ranks(*output))).collect()
        };
        Ok(indices.iter().enumerate().map(of_row).collect())
    })
}
