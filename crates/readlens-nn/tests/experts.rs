//! Experts against the log ratios that they were made of, in f64.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bases;

use std::collections::HashMap;
use std::path::Path;

use bases::{
    CHANNELS, CPU, OF_SUMS, ROWS, TAXA, WINDOWS, batch, check_logits, check_mask_gradient,
    config_of, features, loss_of, weight_of,
};
use candle_core::{DType, Tensor};
use readlens_fault::ExitCode;
use readlens_kernels::{sparse_entry, sparse_value};
use readlens_nn::{
    Classifier, ClassifierConfig, ExpertChannel, ExpertsConfig, MaskSite, NetworkConfig,
    WeightSource,
};
use readlens_random::{normal, stream};

const CLASSES: usize = TAXA[0] + TAXA[1];
/// Weight of each expert at each rank.
const WEIGHTS: [[f64; 2]; 2] = [[0.5, 2.0], [1.5, 0.25]];

/// Log ratios of each channel: rows of classes, and what is added to each class.
struct Ratios {
    rows: [Vec<f64>; 2],
    offsets: [Vec<f64>; 2],
    tensors: HashMap<String, Tensor>,
    entries: usize,
}

/// The first channel is a full table, the second an inverted index.
fn ratios() -> Ratios {
    let mut rng = stream(3, "ratios");
    let mut draw = |count: usize| (0..count).map(|_| normal(&mut rng) as f32).collect::<Vec<f32>>();
    let offsets = [draw(CLASSES), draw(CLASSES)];
    let full = draw(ROWS[0] * CLASSES);
    let values = draw(ROWS[1] * CLASSES);
    let (mut starts, mut entries, mut sparse) = (vec![0u32], Vec::new(), vec![0f64; values.len()]);
    for row in 0..ROWS[1] {
        for class in (0..CLASSES).filter(|class| (row + class) % 3 > 0) {
            let entry = sparse_entry(class as u16, values[row * CLASSES + class]);
            sparse[row * CLASSES + class] = f64::from(sparse_value(entry).1);
            entries.push(entry);
        }
        starts.push(entries.len() as u32);
    }
    let count = entries.len();
    let [first, second] = CHANNELS;
    let tensors = [
        (format!("ratios.{first}.offsets"), Tensor::new(offsets[0].as_slice(), &CPU)),
        (format!("ratios.{first}.rows"), Tensor::from_slice(&full, (ROWS[0], CLASSES), &CPU)),
        (format!("ratios.{second}.offsets"), Tensor::new(offsets[1].as_slice(), &CPU)),
        (format!("ratios.{second}.starts"), Tensor::new(starts.as_slice(), &CPU)),
        (format!("ratios.{second}.entries"), Tensor::from_vec(entries, count, &CPU)),
    ];
    Ratios {
        rows: [full.iter().map(|x| f64::from(*x)).collect(), sparse],
        offsets: offsets.map(|offsets| offsets.iter().map(|x| f64::from(*x)).collect()),
        tensors: tensors.map(|(name, tensor)| (name, tensor.unwrap())).into(),
        entries: count,
    }
}

impl Ratios {
    fn config(&self, site: MaskSite) -> ClassifierConfig {
        let [first, second] = CHANNELS.map(|channel| channel.parse().unwrap());
        let mut config = config_of(NetworkConfig::Experts(ExpertsConfig {
            channels: vec![
                ExpertChannel { channel: first, entries: None },
                ExpertChannel { channel: second, entries: Some(self.entries) },
            ],
            mask_site: site,
        }));
        config.branches[0].weights = Some(WEIGHTS.map(Vec::from).into());
        config
    }

    fn classifier(&self, site: MaskSite) -> readlens_fault::Result<Classifier> {
        self.classifier_of(self.tensors.clone(), site)
    }

    fn classifier_of(
        &self,
        tensors: HashMap<String, Tensor>,
        site: MaskSite,
    ) -> readlens_fault::Result<Classifier> {
        let file = Path::new("model.safetensors");
        let mut source = WeightSource::loaded(file, tensors, false, DType::F32, &CPU);
        let classifier = Classifier::new(&self.config(site), &mut source)?;
        source.finish()?;
        Ok(classifier)
    }

    /// Logits of a window, ranks one after the other.
    fn logits(&self, window: usize, mask: &[f64], site: MaskSite) -> Vec<f64> {
        let (bases, phase) = WINDOWS[window];
        let mut logits = vec![0f64; CLASSES];
        for (table, row, covered) in features(bases, phase) {
            let weight = weight_of(covered, mask);
            for (class, logit) in logits.iter_mut().enumerate() {
                let ratio = |row: usize| self.rows[table][row * CLASSES + class];
                let mean = (0..ROWS[table]).map(ratio).sum::<f64>() / ROWS[table] as f64;
                let hidden = if site == MaskSite::Mean { 1.0 - weight } else { 0.0 };
                let score = weight * ratio(row)
                    + hidden * mean
                    + (weight + hidden) * self.offsets[table][class];
                *logit += WEIGHTS[table][usize::from(class >= TAXA[0])] * score;
            }
        }
        let root = (bases.len() as f64).sqrt();
        logits.into_iter().map(|logit| logit / root).collect()
    }
}

#[test]
fn logits_and_gradients_are_those_of_the_ratios() {
    let ratios = ratios();
    for site in [MaskSite::Embedding, MaskSite::Mean] {
        let (classifier, batch) = (ratios.classifier(site).unwrap(), batch());
        check_logits(&classifier, &batch, OF_SUMS, &|window, mask| {
            ratios.logits(window, mask, site)
        });
        check_mask_gradient(&classifier, &batch, &|masks| {
            loss_of(&|window| ratios.logits(window, &masks[window], site))
        });
    }
}

#[test]
fn a_broken_index_is_bad_input() {
    let ratios = ratios();
    let name = |part: &str| format!("ratios.{}.{part}", CHANNELS[1]);
    let broken = |part: &str, change: &dyn Fn(&mut Vec<u32>)| {
        let mut values: Vec<u32> = ratios.tensors[&name(part)].to_vec1().unwrap();
        change(&mut values);
        let count = values.len();
        let mut tensors = ratios.tensors.clone();
        tensors.insert(name(part), Tensor::from_vec(values, count, &CPU).unwrap());
        let fault = ratios.classifier_of(tensors, MaskSite::Embedding).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
        fault.to_string()
    };
    assert!(broken("starts", &|starts| starts[3] = 1000).contains("do not follow"));
    assert!(broken("starts", &|starts| starts[12] -= 1).contains("do not follow"));
    let far = |entries: &mut Vec<u32>| entries[2] = sparse_entry(CLASSES as u16, 1.0);
    assert!(broken("entries", &far).contains("class 5"));
    let nan = |entries: &mut Vec<u32>| entries[2] = sparse_entry(0, f32::NAN);
    assert!(broken("entries", &nan).contains("NaN"));
    assert!(broken("entries", &|entries| entries.push(0)).contains("[41]"), "{}", ratios.entries);
}
