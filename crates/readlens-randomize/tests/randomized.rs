//! The cascade: which tensors change, from what, and that the result is a classifier.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::{Device, Tensor};
use readlens_fault::ExitCode;
use readlens_nn::{MANIFEST_FILE, WEIGHTS_FILE, load_classifier, read_tensors};
use readlens_provenance::{InputDigest, Manifest, read_json};
use readlens_randomize::{Amount, Paths, parts_of, run};
use readlens_tests::{classifier_shape, write_classifier};

/// Seed of the weights that stand for trained ones.
const TRAINED: u64 = 7;

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn tensors(directory: &Path) -> HashMap<String, Tensor> {
    read_tensors(&directory.join(WEIGHTS_FILE)).unwrap()
}

/// Randomises a classifier in `directory` and gives the tensors of the result.
fn randomize(directory: &Path, amount: Amount, seed: u64) -> HashMap<String, Tensor> {
    let paths = Paths { classifier: directory.join("c"), output: directory.join("r") };
    if !paths.classifier.exists() {
        write_classifier(&paths.classifier, &classifier_shape(), TRAINED);
    }
    run(amount, seed, &paths).unwrap();
    load_classifier(&paths.output, &Device::Cpu).unwrap();
    tensors(&paths.output)
}

fn changed(before: &HashMap<String, Tensor>, after: &HashMap<String, Tensor>) -> HashSet<String> {
    let differs = |(name, tensor): &(&String, &Tensor)| values(tensor) != values(&after[*name]);
    before.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_step_of_the_cascade_changes_its_parts_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let all = randomize(folder, Amount::All, 1);
    let before = tensors(&folder.join("c"));
    let parts = parts_of(before.keys().map(String::as_str), &[]);
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["heads", "pooler", "blocks.0", "stem", "embedding"]);
    for count in 1..=parts.len() {
        let after = randomize(folder, Amount::Parts(count), 1);
        // Biases and norms begin at 0 and 1 and here were never trained away from it.
        let is_drawn = |name: &&String| before[*name].dims().len() > 1;
        let top = parts[..count].iter().flat_map(|part| &part.tensors).filter(is_drawn);
        assert_eq!(changed(&before, &after), top.cloned().collect(), "{count} parts");
        // The steps of one cascade continue each other.
        let below = parts[count..].iter().flat_map(|part| &part.tensors).filter(is_drawn);
        assert_eq!(changed(&all, &after), below.cloned().collect(), "{count} parts");
        let manifest: Manifest = read_json(&folder.join("r").join(MANIFEST_FILE)).unwrap();
        assert_eq!(manifest.config["randomized"].as_array().unwrap().len(), count);
        assert_eq!(manifest.config["kept"].as_array().unwrap().len(), parts.len() - count);
        assert_eq!(manifest.inputs, [InputDigest::of("classifier", &folder.join("c")).unwrap()]);
    }
}

/// Fresh weights are as training's: a Glorot matrix has variance 2 / (in + out), token embeddings
/// have standard deviation 0.1; norms are one and biases zero, whatever they were.
#[test]
fn fresh_weights_follow_the_initialisation_of_training() {
    let directory = tempfile::tempdir().unwrap();
    let classifier = directory.path().join("c");
    write_classifier(&classifier, &classifier_shape(), TRAINED);
    let trained = tensors(&classifier).into_iter();
    let trained: HashMap<String, Tensor> =
        trained.map(|(name, tensor)| (name, (tensor + 3.0).unwrap())).collect();
    readlens_tests::write_model_with(&classifier, &classifier_shape(), &trained);
    let fresh = randomize(directory.path(), Amount::All, 1);
    let is_all = |name: &str, value: f32| values(&fresh[name]).iter().all(|v| *v == value);
    assert!(is_all("blocks.0.ln1.weight", 1.0) && is_all("emb_ln.weight", 1.0));
    assert!(is_all("pooler.bias", 0.0) && is_all("heads.1.bias", 0.0));
    let spread = |name: &str| {
        let values = values(&fresh[name]);
        let square: f32 = values.iter().map(|v| v * v).sum();
        (square / values.len() as f32).sqrt()
    };
    // 552 draws know a standard deviation to 3 %; four times that is 12 %.
    assert!((spread("tok.weight") / 0.1 - 1.0).abs() < 0.12, "{}", spread("tok.weight"));
    let glorot = (2.0 / (8.0 + 24.0_f32)).sqrt();
    // A uniform distribution's: 192 draws, 3.2 %.
    let found = spread("blocks.0.qkv.weight");
    assert!((found / glorot - 1.0).abs() < 0.13, "{found}, not {glorot}");
}

#[test]
fn not_even_the_seed_of_the_training_gives_its_first_weights_again() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = randomize(directory.path(), Amount::All, TRAINED);
    let before = tensors(&directory.path().join("c"));
    assert!(changed(&before, &fresh).contains("pooler.weight"));
    let other = randomize(directory.path(), Amount::All, TRAINED + 1);
    assert!(changed(&fresh, &other).contains("pooler.weight"));
    let again = randomize(directory.path(), Amount::All, TRAINED);
    assert!(changed(&fresh, &again).is_empty());
}

#[test]
fn too_many_parts_and_the_input_as_output_are_usage_faults() {
    let directory = tempfile::tempdir().unwrap();
    let classifier = directory.path().join("c");
    write_classifier(&classifier, &classifier_shape(), TRAINED);
    let output = directory.path().join("r");
    let paths = Paths { classifier: classifier.clone(), output: output.clone() };
    let fault = run(Amount::Parts(6), 1, &paths).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    let message = fault.to_string();
    assert!(message.contains("has 5: heads, pooler, blocks.0, stem, embedding"), "{message}");
    assert!(!output.exists());
    let onto_itself = Paths { output: classifier.clone(), ..paths };
    let fault = run(Amount::All, 1, &onto_itself).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!("0".parse::<Amount>().is_err() && "some".parse::<Amount>().is_err());
    assert_eq!(("all".parse(), "3".parse()), (Ok(Amount::All), Ok(Amount::Parts(3))));
}
