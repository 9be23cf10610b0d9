//! The bag of channels against sums that are written down letter by letter in f64.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bases;

use readlens_kmer::Tokenization;
use std::sync::Arc;

use bases::{
    CHANNELS, CPU, OF_SUMS, TAXA, WINDOWS, batch, check_logits, check_mask_gradient, config_of,
    features, found, loss, loss_of, masks, placed, tokenization, weight_of,
};
use candle_core::{DType, Tensor};
use readlens_nn::{
    ChannelBagConfig, Classifier, ClassifierConfig, Dropout, GradientLayout, MaskSite,
    NetworkConfig, Parameters, Pass, TokenBatch, WeightGradients, WeightSource, WindowTokens,
    masking,
};
use readlens_random::{normal, stream};

const DIM: usize = 3;

fn config(site: MaskSite) -> ClassifierConfig {
    config_of(NetworkConfig::ChannelBag(ChannelBagConfig {
        channels: CHANNELS.map(|channel| channel.parse().unwrap()).into(),
        dim: DIM,
        occurrence_dropout: 0.25,
        dropout: 0.0,
        mask_site: site,
    }))
}

/// With every parameter drawn.
fn classifier(site: MaskSite) -> (Classifier, Parameters) {
    let mut source = WeightSource::fresh(1, DType::F32, &CPU);
    let classifier = Classifier::new(&config(site), &mut source).unwrap();
    let parameters = source.finish().unwrap();
    for (name, var) in parameters.iter().chain(parameters.tables()) {
        let mut rng = stream(2, name);
        let values: Vec<f32> = (0..var.elem_count()).map(|_| normal(&mut rng) as f32).collect();
        var.set(&Tensor::from_vec(values, var.shape(), &CPU).unwrap()).unwrap();
    }
    // The mean rows are those of the tables now.
    (classifier.with_mask_site(site).unwrap(), parameters)
}

struct Values {
    tables: [Vec<f64>; 2],
    bias: Vec<f64>,
    heads: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Values {
    fn of(parameters: &Parameters) -> Self {
        let all: std::collections::HashMap<String, Vec<f64>> = parameters
            .tensors()
            .into_iter()
            .map(|(name, tensor)| {
                let values = tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap();
                (name, values.to_vec1().unwrap())
            })
            .collect();
        let get = |name: &str| all[name].clone();
        let head = |i: usize| (get(&format!("heads.{i}.weight")), get(&format!("heads.{i}.bias")));
        Self {
            tables: [get("tables.kmer:2"), get("tables.phased:1")],
            bias: get("bias"),
            heads: (0..TAXA.len()).map(head).collect(),
        }
    }

    /// Logits of a window, ranks one after the other.
    fn logits(&self, window: usize, mask: &[f64], site: MaskSite) -> Vec<f64> {
        let (bases, phase) = WINDOWS[window];
        let mut x = [0f64; DIM];
        for (table, row, covered) in features(bases, phase) {
            let weight = weight_of(covered, mask);
            let rows = self.tables[table].chunks_exact(DIM);
            for (d, x) in x.iter_mut().enumerate() {
                let mean = rows.clone().map(|row| row[d]).sum::<f64>() / rows.len() as f64;
                let hidden = if site == MaskSite::Mean { mean } else { 0.0 };
                *x += weight * self.tables[table][row * DIM + d] + (1.0 - weight) * hidden;
            }
        }
        let root = (bases.len() as f64).sqrt();
        let x: Vec<f64> = x.iter().zip(&self.bias).map(|(x, bias)| x / root + bias).collect();
        let read: Vec<f64> = x.iter().map(|x| gelu(*x)).chain(x.iter().copied()).collect();
        let logit = |(weights, bias): (&[f64], &f64)| {
            weights.iter().zip(&read).map(|(weight, read)| weight * read).sum::<f64>() + bias
        };
        let rank = |(weights, biases): &(Vec<f64>, Vec<f64>)| {
            weights.chunks_exact(2 * DIM).zip(biases).map(logit).collect::<Vec<f64>>()
        };
        self.heads.iter().flat_map(rank).collect()
    }

    fn loss(&self, masks: &[Vec<f64>; 2], site: MaskSite) -> f64 {
        loss_of(&|window| self.logits(window, &masks[window], site))
    }
}

/// x Φ(x), with Φ by a quadrature of the density.
fn gelu(x: f64) -> f64 {
    let steps = 20_000;
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let width = x / f64::from(steps);
    let inner: f64 = (0..steps).map(|i| density(width * (f64::from(i) + 0.5))).sum();
    x * (0.5 + inner * width)
}

#[test]
fn logits_are_those_of_the_definition() {
    for site in [MaskSite::Embedding, MaskSite::Mean] {
        let (classifier, parameters) = classifier(site);
        let values = Values::of(&parameters);
        check_logits(&classifier, &batch(), OF_SUMS, &|window, mask| {
            values.logits(window, mask, site)
        });
    }
}

#[test]
fn the_gradient_of_the_mask_is_that_of_finite_differences() {
    for site in [MaskSite::Embedding, MaskSite::Mean] {
        let (classifier, parameters) = classifier(site);
        let (values, batch) = (Values::of(&parameters), batch());
        check_mask_gradient(&frozen(&parameters, site), &batch, &|masks| values.loss(masks, site));
        // A trained table in a pass of inference is an error.
        let trained = classifier.forward(&batch, None, &mut Pass::inference());
        assert!(loss(&trained.unwrap()).backward().is_err());
    }
}

fn frozen(parameters: &Parameters, site: MaskSite) -> Classifier {
    let file = std::path::Path::new("model.safetensors");
    let mut source = WeightSource::loaded(file, parameters.tensors(), false, DType::F32, &CPU);
    let classifier = Classifier::new(&config(site), &mut source).unwrap();
    assert_eq!(source.finish().unwrap().table_count(), 0);
    classifier
}

#[test]
fn rows_are_asked_for_what_their_gradients_are() {
    let site = MaskSite::Embedding;
    let (classifier, parameters) = classifier(site);
    let (mut values, batch) = (Values::of(&parameters), batch());
    let layout = Arc::new(GradientLayout::new(&parameters));
    let gradients = WeightGradients::new(&layout, Vec::new());
    let mut pass = Pass::training(Dropout::off(), &gradients);
    let mask = placed(&batch, &masks());
    let logits = classifier.forward(&batch, Some(&mask), &mut pass).unwrap();
    loss(&logits).backward().unwrap();
    let mut dense: Vec<Vec<f64>> = values.tables.iter().map(|t| vec![0.0; t.len()]).collect();
    let asked = gradients.take_rows();
    assert_eq!(asked.len(), 4, "two windows, two tables");
    for asked in asked {
        let table = parameters.tables().position(|(_, var)| var.as_tensor().id() == asked.table);
        for (row, weight) in asked.rows.iter().zip(&asked.weights) {
            for (d, gradient) in asked.gradient.iter().enumerate() {
                let place = *row as usize * DIM + d;
                dense[table.unwrap()][place] += f64::from(weight * gradient);
            }
        }
    }
    for (table, dense) in dense.iter().enumerate() {
        for (entry, found) in dense.iter().enumerate() {
            let mut moved = |by: f64| {
                values.tables[table][entry] += by;
                let loss = values.loss(&masks(), site);
                values.tables[table][entry] -= by;
                loss
            };
            let expected = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((found - expected).abs() < 1e-4, "{table} {entry}: {found} {expected}");
        }
    }
}

#[test]
fn nothing_of_a_hidden_token_comes_through() {
    let (classifier, _) = classifier(MaskSite::Embedding);
    let tokenization = tokenization();
    let hide = [1.0f32, 1.0, 0.0, 1.0, 1.0];
    let logits = |bases: &[u8]| {
        let mut ids = Vec::new();
        tokenization.encode(bases, &mut ids);
        let row = WindowTokens { ids: &ids, phase: Some(0) };
        let batch = TokenBatch::new(&[row], DType::F32, &CPU).unwrap();
        let mask = masking::complete(&batch.place(&[&hide]).unwrap(), &batch).unwrap();
        found(&classifier, &batch, Some(&mask))
    };
    let shown = logits(b"ACGTTGCATGCCATA");
    assert_eq!(shown, logits(b"ACGTTGTTTGCCATA"));
    assert_eq!(shown, logits(b"ACGTTGNNNGCCATA"));
    assert_ne!(shown, logits(b"ACGTTACATGCCATA"));
}

/// An occurrence stays with probability 3/4 and then counts 4/3: the mean is the whole sum. The
/// heads are not linear, but a bag whose head reads only x is.
#[test]
fn left_out_occurrences_keep_the_mean() {
    let (classifier, parameters) = classifier(MaskSite::Embedding);
    for (name, var) in parameters.iter().filter(|(name, _)| name.ends_with("weight")) {
        let mut values: Vec<Vec<f32>> = var.as_tensor().to_vec2().unwrap();
        values.iter_mut().for_each(|row| row[..DIM].fill(0.0));
        var.set(&Tensor::new(values, &CPU).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let batch = batch();
    let expected = found(&classifier, &batch, None);
    let draws = 4000;
    let mut sums = vec![0f64; expected[0].len()];
    let mut squares = sums.clone();
    for draw in 0..draws {
        let dropout = Dropout::seeded(0.1, stream(draw, "dropout"));
        let mut pass = Pass::inference().with_dropout(dropout);
        let logits = classifier.forward(&batch, None, &mut pass).unwrap();
        let row: Vec<f32> = Tensor::cat(&logits, 1).unwrap().get(0).unwrap().to_vec1().unwrap();
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(row) {
            *sum += f64::from(value);
            *square += f64::from(value) * f64::from(value);
        }
    }
    for ((sum, square), expected) in sums.iter().zip(&squares).zip(&expected[0]) {
        let (mean, n) = (sum / draws as f64, draws as f64);
        let error = ((square / n - mean * mean) / n).sqrt();
        assert!(error > 0.0 && (mean - f64::from(*expected)).abs() < 4.0 * error);
    }
}

#[test]
fn bags_that_cannot_work_are_refused() {
    let refused = |change: &dyn Fn(&mut ChannelBagConfig, &mut Tokenization)| {
        let mut shape = config(MaskSite::Embedding);
        let NetworkConfig::ChannelBag(bag) = &mut shape.branches[0].network else {
            panic!("a bag of channels")
        };
        change(bag, &mut shape.tokenization);
        shape.validate().unwrap_err().to_string()
    };
    let channel = |text: &str| text.parse().unwrap();
    assert!(refused(&|bag, _| bag.channels.clear()).contains("1 to 32, found 0"));
    assert!(refused(&|bag, _| bag.channels.push(channel("kmer:2"))).contains("named twice"));
    assert!(refused(&|bag, _| bag.dim = 0).contains("dim must be 1"));
    assert!(refused(&|bag, _| bag.occurrence_dropout = 1.0).contains("occurrence dropout"));
    let unoriented = refused(&|_, tokenization| tokenization.orientation = None);
    assert!(unoriented.contains("phased:1 needs the reading frame"), "{unoriented}");
}

/// A classifier of one transformer is written as it always was; a bag is a list of branches.
#[test]
fn configurations_are_read_as_they_are_written() {
    let config = config(MaskSite::Embedding);
    let text = serde_json::to_string(&config).unwrap();
    assert!(text.contains(r#""branches":[{"name":"","network":{"channel-bag":"#), "{text}");
    assert_eq!(serde_json::from_str::<ClassifierConfig>(&text).unwrap(), config);
    let neither = text.replace("branches", "bag");
    assert!(serde_json::from_str::<ClassifierConfig>(&neither).is_err());
}
