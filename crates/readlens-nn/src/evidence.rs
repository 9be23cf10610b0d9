//! What the frozen classifier's own embeddings bring, token by token, and what it predicts: what an
//! Explainer that asks for the predicted class reads, in one pass and without a gradient.

use candle_core::{D, Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::classifier::{Classifier, ClassifierConfig, Network, NetworkConfig};
use crate::masking;
use crate::pass::Pass;

/// Sizes of an [`Evidence`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceShape {
    /// Width of the embeddings of each branch that has any.
    pub dims: Vec<usize>,
    /// Number of branches that are linear in their features, whose tokens have scores instead.
    pub linear: usize,
    /// Number of taxa of each rank.
    pub taxa: Vec<usize>,
}

/// What a classifier brings to the tokens of a batch.
#[derive(Debug)]
pub struct Evidence {
    /// Of each branch with embeddings.
    pub(crate) sources: Vec<EvidenceSource>,
    /// Scores of the tokens for the explained class, `(batch, tokens)`: of each linear branch all
    /// ranks.
    pub(crate) scores: Vec<Tensor>,
    /// Class of each rank that is explained, u32 `(batch)`.
    pub(crate) classes: Vec<Tensor>,
}

/// What a branch brings.
#[derive(Debug)]
pub(crate) struct EvidenceSource {
    /// What each token alone brings to the sum or the position that the branch reads, `(batch,
    /// tokens, dim)`; unspecified on CLS and padding.
    pub(crate) parts: Tensor,
    /// What the branch makes of all of them before its heads, `(batch, dim)`.
    pub(crate) pooled: Tensor,
}

impl EvidenceShape {
    /// Of a classifier.
    pub fn of(config: &ClassifierConfig) -> Self {
        let (mut dims, mut linear) = (Vec::new(), 0);
        for branch in &config.branches {
            match &branch.network {
                NetworkConfig::Transformer(transformer) => dims.push(transformer.encoder.dim),
                NetworkConfig::ChannelBag(bag) => dims.push(bag.dim),
                NetworkConfig::Experts(_) | NetworkConfig::Composition(_) => linear += 1,
            }
        }
        Self { dims, linear, taxa: config.ranks.iter().map(|rank| rank.taxa.len()).collect() }
    }

    /// Number of scores that a token has.
    pub fn channels(&self) -> usize {
        self.dims.len().saturating_add(self.linear).saturating_mul(self.taxa.len())
    }
}

impl Classifier {
    /// The rows of the heads by branch with embeddings and by rank, `(taxa, dim)`, less the mean of
    /// all taxa: what each taxon asks of the embeddings. A transformer's are taken back through its
    /// pooler; those of a bag are the linear half and half of the other one.
    ///
    /// # Errors
    /// candle refuses an operation.
    pub fn class_rows(&self) -> Result<Vec<Vec<Tensor>>> {
        let rows = self.networks().iter().filter_map(|network| match network {
            Network::Transformer(transformer) => Some(transformer.class_rows()),
            Network::ChannelBag(bag) => Some(bag.class_rows()),
            Network::Experts(_) | Network::Composition(_) => None,
        });
        rows.collect()
    }

    /// What its branches bring to the tokens of `batch`, for the classes that `asked` has for each
    /// rank and row, or else for those that it predicts for whole rows. No gradient goes back to
    /// it.
    ///
    /// # Errors
    /// As [`Classifier::forward`].
    pub fn evidence(&self, batch: &TokenBatch, asked: Option<&[Vec<u32>]>) -> Result<Evidence> {
        let (mut sources, mut components) = (Vec::new(), Vec::new());
        let pass = &mut Pass::inference();
        for network in self.networks() {
            match network {
                Network::Transformer(transformer) => {
                    let pooled = transformer.pooled(batch, None, pass)?;
                    components.push(transformer.of_pooled(&pooled, batch, None, pass)?);
                    let parts = transformer.encoder().token_parts(batch)?.detach();
                    sources.push(EvidenceSource { parts, pooled: pooled.detach() });
                }
                Network::ChannelBag(bag) => {
                    let parts = bag.token_parts(batch)?;
                    let pooled = bag.of_sums(&parts.sum(1)?)?;
                    components.push(bag.heads(&pooled, pass)?);
                    sources.push(EvidenceSource { parts, pooled: pooled.detach() });
                }
                Network::Experts(experts) => components.extend(experts.forward(batch, None)?),
                Network::Composition(composition) => {
                    components.push(composition.forward(batch, None, pass)?);
                }
            }
        }
        let logits = self.join(&components)?;
        let classes: Vec<Tensor> = match asked {
            None => logits.iter().map(|l| l.argmax(D::Minus1)).collect::<Result<_>>()?,
            Some(asked) => {
                let of_rank = |c: &Vec<u32>| Tensor::new(c.as_slice(), self.device());
                asked.iter().map(of_rank).collect::<Result<_>>()?
            }
        };
        let scores = self.linear_scores(batch, &classes)?;
        Ok(Evidence { sources, scores, classes })
    }

    /// What each token adds to the logit of the class, less the mean of all classes: exact for
    /// experts, whose logits are linear in the mask, and to first order for a composition.
    fn linear_scores(&self, batch: &TokenBatch, classes: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut scores = Vec::new();
        for (network, branch) in self.networks().iter().zip(&self.config().branches) {
            if matches!(network, Network::Transformer(_) | Network::ChannelBag(_)) {
                continue;
            }
            let mask = Var::from_tensor(&masking::complete(&batch.maskable.ones_like()?, batch)?)?;
            let components = match network {
                Network::Experts(experts) => experts.forward(batch, Some(mask.as_tensor()))?,
                Network::Composition(composition) => {
                    vec![composition.forward(
                        batch,
                        Some(mask.as_tensor()),
                        &mut Pass::inference(),
                    )?]
                }
                Network::Transformer(_) | Network::ChannelBag(_) => continue,
            };
            for (rank, classes) in classes.iter().enumerate() {
                let mut sum = Tensor::zeros((), batch.maskable.dtype(), batch.maskable.device())?;
                for (i, logits) in components.iter().enumerate() {
                    let weight = branch.weights.as_ref().map_or(1.0, |weights| weights[i][rank]);
                    let logits = logits[rank].contiguous()?;
                    let own = logits.gather(&classes.unsqueeze(1)?, 1)?.sum_all()?;
                    let mean = logits.mean(D::Minus1)?.sum_all()?;
                    sum = (sum + ((own - mean)? * weight)?)?;
                }
                let gradient = sum.backward()?.remove(&mask);
                scores.push(match gradient {
                    Some(gradient) => gradient.detach(),
                    // No component has a weight at this rank.
                    None => batch.maskable.zeros_like()?,
                });
            }
        }
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use candle_core::{DType, Device};
    use readlens_kmer::{Alphabet, Tokenization};
    use readlens_random::{normal, stream};

    use super::*;
    use crate::{
        BranchConfig, ChannelBagConfig, CompositionConfig, MaskSite, RankClasses, WeightSource,
    };

    const CPU: Device = Device::Cpu;

    fn tokenization() -> Tokenization {
        Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap()
    }

    fn config(network: NetworkConfig) -> ClassifierConfig {
        let rank = |name: &str, taxa: u32| RankClasses {
            rank: name.to_owned(),
            taxa: (0..taxa).map(|taxon| taxon.to_string()).collect(),
        };
        ClassifierConfig::of(network, vec![rank("phylum", 2), rank("genus", 3)], tokenization())
    }

    /// With all its tensors drawn.
    fn drawn(config: &ClassifierConfig) -> Classifier {
        let mut source = WeightSource::fresh(1, DType::F32, &CPU);
        let fresh = Classifier::new(config, &mut source).unwrap();
        let draw = |(name, tensor): (&String, &Tensor)| {
            let mut rng = stream(2, name);
            let values = (0..tensor.elem_count()).map(|_| 0.5 * normal(&mut rng) as f32).collect();
            (name.clone(), Tensor::from_vec::<_, f32>(values, tensor.shape(), &CPU).unwrap())
        };
        let tensors = fresh.tensors().iter().map(draw).collect();
        let mut source = WeightSource::loaded("memory".as_ref(), tensors, false, DType::F32, &CPU);
        Classifier::new(config, &mut source).unwrap()
    }

    /// Nine tokens and four.
    fn batch() -> TokenBatch {
        let rows = [&b"ACGTTGCATGCCATAAGGC"[..], b"TTGACGCTA"].map(|bases| {
            let mut tokens = Vec::new();
            tokenization().encode(bases, &mut tokens);
            tokens
        });
        TokenBatch::unframed(&rows.each_ref().map(Vec::as_slice), DType::F32, &CPU).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn assert_close(found: &Tensor, expected: &Tensor) {
        for (found, expected) in values(found).iter().zip(values(expected)) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        }
    }

    /// A token's parts of a bag add up to what its heads read.
    #[test]
    fn the_parts_of_a_bag_add_up() {
        let channels = ["kmer:2", "kmer:5@64", "seed:1011101@32"];
        let classifier = drawn(&config(NetworkConfig::ChannelBag(ChannelBagConfig {
            channels: channels.iter().map(|channel| channel.parse().unwrap()).collect(),
            dim: 6,
            occurrence_dropout: 0.0,
            dropout: 0.0,
            mask_site: MaskSite::Embedding,
        })));
        let batch = batch();
        let Network::ChannelBag(bag) = &classifier.networks()[0] else { panic!("no bag") };
        let logits = classifier.forward(&batch, None, &mut Pass::inference()).unwrap();
        let sums = bag.token_parts(&batch).unwrap().sum(1).unwrap();
        let heads = bag.heads(&bag.of_sums(&sums).unwrap(), &mut Pass::inference()).unwrap();
        let evidence = classifier.evidence(&batch, None).unwrap();
        for ((found, expected), class) in heads.iter().zip(&logits).zip(&evidence.classes) {
            assert_close(found, expected);
            let best = expected.argmax(D::Minus1).unwrap();
            assert_eq!(class.to_vec1::<u32>().unwrap(), best.to_vec1::<u32>().unwrap());
        }
        // Nothing falls on CLS and padding, and every real token has a part.
        let parts = evidence.sources[0].parts.abs().unwrap().sum(2).unwrap();
        for (parts, present) in values(&parts).iter().zip(values(&batch.maskable)) {
            assert_eq!(*parts > 0.0, present > 0.0);
        }
        assert_eq!(evidence.sources[0].parts.dims(), [2, 10, 6]);
        let rows = classifier.class_rows().unwrap();
        assert_eq!(rows[0][1].dims(), [3, 6]);
        assert!(values(&rows[0][1].mean(0).unwrap()).iter().all(|mean| mean.abs() < 1e-6));
    }

    /// What tokens add to the logit of a linear branch is its derivative, weighted.
    #[test]
    fn linear_branches_have_scores() {
        let composition = CompositionConfig {
            channels: vec!["kmer:2".parse().unwrap()],
            dropout: 0.0,
            mask_site: MaskSite::Embedding,
        };
        let mut shape = config(NetworkConfig::Composition(composition));
        let shape_of_evidence = EvidenceShape::of(&shape);
        assert_eq!((shape_of_evidence.linear, shape_of_evidence.channels()), (1, 2));
        let weights = vec![vec![2.0, 0.0]];
        let network = shape.branches[0].network.clone();
        shape.branches[0] =
            BranchConfig { name: "composition".to_owned(), network, weights: Some(weights) };
        let classifier = drawn(&shape);
        let batch = batch();
        let evidence = classifier.evidence(&batch, None).unwrap();
        assert_eq!((evidence.sources.len(), evidence.scores.len()), (0, 2));
        let Network::Composition(branch) = &classifier.networks()[0] else { panic!("another") };
        let classes = evidence.classes[0].to_vec1::<u32>().unwrap();
        let margin = |row: usize, level: f64| {
            let mask = (&batch.maskable * level).unwrap();
            let mask = masking::complete(&mask, &batch).unwrap();
            let logits = branch.forward(&batch, Some(&mask), &mut Pass::inference()).unwrap();
            let logits: Vec<f32> = logits[0].get(row).unwrap().to_vec1().unwrap();
            logits[classes[row] as usize] - logits.iter().sum::<f32>() / logits.len() as f32
        };
        let scores: Vec<Vec<f32>> = evidence.scores[0].to_vec2().unwrap();
        for (row, scores) in scores.iter().enumerate() {
            // However the tokens of a feature share it, together they are the way down from 1.
            let slope = 2.0 * (margin(row, 1.0) - margin(row, 0.99)) / 0.01;
            let sum: f32 = scores.iter().sum();
            assert!((sum - slope).abs() < 0.02 * slope.abs().max(0.1), "{row}: {sum}, not {slope}");
        }
        assert!(scores[0].iter().any(|score| score.abs() > 1e-4));
        assert!(values(&evidence.scores[1]).iter().all(|score| *score == 0.0), "it has no weight");
    }
}
