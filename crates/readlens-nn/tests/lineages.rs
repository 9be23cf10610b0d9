//! Joint decoding against the formula, and that its best taxa are a lineage.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bases;

use std::collections::HashMap;
use std::path::Path;

use bases::{CPU, WINDOWS, tokenization};
use candle_core::{DType, Tensor, Var};
use readlens_nn::{
    Classifier, ClassifierConfig, ExpertChannel, ExpertsConfig, LineageDecoding, MaskSite,
    NetworkConfig, Pass, RankClasses, TokenBatch, WeightSource, WindowTokens, masking,
};
use readlens_random::{normal, stream};

const TAXA: [usize; 3] = [2, 4, 6];
const CLASSES: usize = 12;

fn decoding() -> LineageDecoding {
    LineageDecoding {
        // The last taxon of the second rank has no child; the parent of the last of the third is
        // not known.
        parents: vec![
            vec![Some(0), Some(0), Some(1), Some(1)],
            vec![Some(0), Some(0), Some(1), Some(2), Some(2), None],
        ],
        above: 0.25,
        below: 0.5,
    }
}

/// A classifier that says the same of every window: `logits`, ranks one after the other.
fn says(logits: &[f32], decoding: Option<LineageDecoding>) -> Classifier {
    let rank = |(i, taxa): (usize, &usize)| RankClasses {
        rank: format!("rank{i}"),
        taxa: (0..*taxa).map(|taxon| taxon.to_string()).collect(),
    };
    let channel = "kmer:1".parse().unwrap();
    let network = NetworkConfig::Experts(ExpertsConfig {
        channels: vec![ExpertChannel { channel, entries: Some(0) }],
        mask_site: MaskSite::Embedding,
    });
    let ranks = TAXA.iter().enumerate().map(rank).collect();
    let config =
        ClassifierConfig { decoding, ..ClassifierConfig::of(network, ranks, tokenization()) };
    // Of n bases, n offsets are added and divided by √n.
    let bases = WINDOWS[0].0.len() as f32;
    let offsets: Vec<f32> = logits.iter().map(|logit| logit / bases.sqrt()).collect();
    let tensors: HashMap<String, Tensor> = [
        ("ratios.kmer:1.offsets".to_owned(), Tensor::new(offsets, &CPU).unwrap()),
        ("ratios.kmer:1.starts".to_owned(), Tensor::zeros(5, DType::U32, &CPU).unwrap()),
        ("ratios.kmer:1.entries".to_owned(), Tensor::zeros(0, DType::U32, &CPU).unwrap()),
    ]
    .into();
    let file = Path::new("model.safetensors");
    let mut source = WeightSource::loaded(file, tensors, false, DType::F32, &CPU);
    Classifier::new(&config, &mut source).unwrap()
}

fn scores(classifier: &Classifier) -> Vec<Vec<f64>> {
    let mut ids = Vec::new();
    tokenization().encode(WINDOWS[0].0, &mut ids);
    let row = WindowTokens::unframed(&ids);
    let batch = TokenBatch::new(&[row], DType::F32, &CPU).unwrap();
    let logits = classifier.forward(&batch, None, &mut Pass::inference()).unwrap();
    let rank = |t: &Tensor| t.get(0).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    logits.iter().map(rank).collect()
}

fn ln_softmax(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|x| x.exp()).sum();
    logits.iter().map(|x| x - total.ln()).collect()
}

fn best(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap()
}

/// The formula of the documentation, without the raising.
fn expected(logits: &[f32]) -> Vec<Vec<f64>> {
    let tree = decoding();
    let mut first = 0;
    let alone: Vec<Vec<f64>> = TAXA
        .iter()
        .map(|taxa| {
            first += taxa;
            let of: Vec<f64> = logits[first - taxa..first].iter().map(|x| f64::from(*x)).collect();
            ln_softmax(&of)
        })
        .collect();
    let mut scores: Vec<Vec<f64>> = alone.clone();
    for rank in (0..3).rev() {
        for taxon in 0..TAXA[rank] {
            let mut ancestor = Some(taxon);
            for above in (0..rank).rev() {
                ancestor = ancestor.and_then(|a| tree.parents[above][a].map(|p| p as usize));
                let mean = alone[above].iter().sum::<f64>() / TAXA[above] as f64;
                scores[rank][taxon] += 0.25 * ancestor.map_or(mean, |a| alone[above][a]);
            }
            if rank < 2 {
                let below = ln_softmax(&scores[rank + 1]);
                let children = (0..TAXA[rank + 1])
                    .filter(|child| tree.parents[rank][*child] == Some(taxon as u32));
                let share: f64 = children.map(|child| below[child].exp()).sum();
                scores[rank][taxon] += 0.5 * (share + 1e-3).ln();
            }
        }
    }
    scores
}

#[test]
fn scores_are_those_of_the_formula_and_the_best_taxa_are_a_lineage() {
    let tree = decoding();
    let (mut lineages, mut raised) = (0, 0);
    for draw in 0..300u64 {
        let mut rng = stream(draw, "logits");
        let logits: Vec<f32> = (0..CLASSES).map(|_| 2.0 * normal(&mut rng) as f32).collect();
        let found = scores(&says(&logits, Some(tree.clone())));
        let expected = expected(&logits);
        let chosen: Vec<usize> = found.iter().map(|scores| best(scores)).collect();
        for rank in (0..3).rev() {
            let was_best = best(&expected[rank]);
            let parent = (rank < 2).then(|| tree.parents[rank][chosen[rank + 1]]).flatten();
            let has_child = rank == 2 || tree.parents[rank].contains(&Some(was_best as u32));
            let wanted = match parent {
                Some(parent) if has_child => parent as usize,
                _ => was_best,
            };
            assert_eq!(chosen[rank], wanted, "draw {draw}, rank {rank}");
            lineages += usize::from(rank < 2 && parent == Some(chosen[rank] as u32));
            raised += usize::from(wanted != was_best);
            for taxon in (0..TAXA[rank]).filter(|taxon| *taxon != wanted || wanted == was_best) {
                let (found, expected) = (found[rank][taxon], expected[rank][taxon]);
                assert!((found - expected).abs() < 1e-4, "{rank} {taxon}: {found} {expected}");
            }
            if wanted != was_best {
                let best = expected[rank][was_best];
                let lead = found[rank][wanted] - best;
                assert!((lead - 1.0).abs() < 1e-4, "{lead}");
            }
        }
    }
    assert!(lineages > 350 && raised > 30, "{lineages} {raised}");
}

/// Decoded and cooled scores have the gradient of differences: of experts of which each base tells
/// something else.
#[test]
fn masks_have_a_gradient_through_the_tree() {
    let mut config = says(&[0.0; CLASSES], Some(decoding())).config().clone();
    config.temperatures = Some(vec![0.5, 2.0, 1.5]);
    let NetworkConfig::Experts(experts) = &mut config.branches[0].network else {
        panic!("experts")
    };
    experts.channels[0].entries = None;
    let mut rng = stream(9, "ratios");
    let mut draw = |rows: usize| -> Vec<f32> {
        (0..rows * CLASSES).map(|_| normal(&mut rng) as f32).collect()
    };
    let tensors: HashMap<String, Tensor> = [
        ("ratios.kmer:1.offsets".to_owned(), Tensor::from_vec(draw(1), CLASSES, &CPU).unwrap()),
        ("ratios.kmer:1.rows".to_owned(), Tensor::from_vec(draw(4), (4, CLASSES), &CPU).unwrap()),
    ]
    .into();
    let file = Path::new("model.safetensors");
    let mut source = WeightSource::loaded(file, tensors, false, DType::F32, &CPU);
    let classifier = Classifier::new(&config, &mut source).unwrap();
    let mut ids = Vec::new();
    tokenization().encode(WINDOWS[0].0, &mut ids);
    let batch = TokenBatch::new(&[WindowTokens::unframed(&ids)], DType::F32, &CPU).unwrap();
    let loss = |values: &[f32]| {
        let mask = Var::from_tensor(&batch.place(&[values]).unwrap()).unwrap();
        let complete = masking::complete(mask.as_tensor(), &batch).unwrap();
        let logits = classifier.forward(&batch, Some(&complete), &mut Pass::inference()).unwrap();
        let logits = Tensor::cat(&logits, 1).unwrap();
        let factors: Vec<f32> = (0..CLASSES).map(|i| (i as f32 * 0.9).cos()).collect();
        let factors = Tensor::from_vec(factors, (1, CLASSES), &CPU).unwrap();
        (mask, (logits * factors).unwrap().sum_all().unwrap())
    };
    let at = [0.9f32, 0.25, 0.6, 1.0, 0.1, 0.4];
    let (mask, scalar) = loss(&at);
    let gradient = scalar.backward().unwrap().remove(&mask).unwrap();
    let gradient: Vec<Vec<f32>> = gradient.to_vec2().unwrap();
    assert!(gradient[0].iter().any(|g| g.abs() > 0.05), "{gradient:?}");
    for token in 0..at.len() {
        let moved = |by: f32| -> f64 {
            let mut values = at;
            values[token] += by;
            f64::from(loss(&values).1.to_scalar::<f32>().unwrap())
        };
        let expected = (moved(0.01) - moved(-0.01)) / 0.02;
        let found = f64::from(gradient[0][token + 1]);
        assert!((found - expected).abs() < 0.01 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn temperatures_divide_and_ranks_stay_alone_without_a_tree() {
    let logits: Vec<f32> = (0..CLASSES).map(|i| i as f32).collect();
    let classifier = says(&logits, None);
    let found = scores(&classifier).concat();
    for (found, logit) in found.iter().zip(&logits) {
        assert!((found - f64::from(*logit)).abs() < 1e-4);
    }
    let mut config = classifier.config().clone();
    config.temperatures = Some(vec![1.0, 2.0, 4.0]);
    let tensors = classifier.tensors().clone();
    let file = Path::new("model.safetensors");
    let mut source = WeightSource::loaded(file, tensors, false, DType::F32, &CPU);
    let cooled = scores(&Classifier::new(&config, &mut source).unwrap());
    assert!((cooled[1][3] - 2.5).abs() < 1e-4 && (cooled[2][5] - 2.75).abs() < 1e-4);
}

#[test]
fn a_tree_of_other_taxa_is_refused() {
    let refused = |change: &dyn Fn(&mut ClassifierConfig)| {
        let mut config = says(&[0.0; CLASSES], Some(decoding())).config().clone();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    let of_tree = |change: fn(&mut LineageDecoding)| {
        refused(&|config| change(config.decoding.as_mut().unwrap()))
    };
    assert!(of_tree(|tree| tree.parents[1][0] = Some(4)).contains("a parent"));
    assert!(of_tree(|tree| drop(tree.parents.pop())).contains("a parent"));
    assert!(of_tree(|tree| tree.above = -1.0).contains("above must be 0 to 100"));
    let temperatures =
        |values: &'static [f64]| refused(&|config| config.temperatures = Some(values.to_vec()));
    assert!(temperatures(&[1.0]).contains("for each rank"));
    assert!(temperatures(&[1.0, 0.0, 1.0]).contains("0.001 to 1000"));
    let weights = refused(&|config| config.branches[0].weights = Some(vec![vec![1.0; 2]]));
    assert!(weights.contains("1 components and 3 ranks"), "{weights}");
}
