use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use readlens_fault::{Fault, Place, Result};
use readlens_provenance::{Digester, DirectoryKind, NewFile, Sha256Digest, read_json};
use serde::de::DeserializeOwned;

use crate::classifier::Classifier;
use crate::explainer::Explainer;
use crate::weights::WeightSource;

/// Shape of the network, as JSON.
pub const CONFIG_FILE: &str = "config.json";
/// How the network came to be.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The tensors.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The model of reading frames that new windows are put into their frames by, where those of the
/// training were.
pub const FRAME_FILE: &str = "frame.json";
/// Training curves.
pub const TRAINING_FILE: &str = "training.parquet";

/// The directory of a trained, randomised or imported classifier.
pub const CLASSIFIER: DirectoryKind = DirectoryKind {
    name: "classifier",
    stages: &["train-classifier", "train-experts", "combine", "randomize", "import"],
    files: &[CONFIG_FILE, WEIGHTS_FILE, TRAINING_FILE, FRAME_FILE],
    is_temporary: false,
};

/// The directory of a trained Explainer.
pub const EXPLAINER: DirectoryKind = DirectoryKind {
    name: "Explainer",
    stages: &["train-explainer"],
    files: &[CONFIG_FILE, WEIGHTS_FILE, TRAINING_FILE],
    ..CLASSIFIER
};

/// Largest header of a weights file, in bytes: the deepest network has a tenth of it.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Reads configuration and tensors of a model directory.
///
/// # Errors
/// A file is missing, `config.json` is not of type `C`, or `model.safetensors` is damaged.
pub fn read_model<C: DeserializeOwned>(directory: &Path) -> Result<(C, HashMap<String, Tensor>)> {
    let config = read_json(&directory.join(CONFIG_FILE))?;
    Ok((config, read_tensors(&directory.join(WEIGHTS_FILE))?))
}

/// A frozen classifier from its directory, on `device`: no gradient is tracked for its weights.
///
/// # Errors
/// As [`read_model`], or a tensor is missing, unknown, of another shape or not finite.
pub fn load_classifier(directory: &Path, device: &Device) -> Result<Classifier> {
    let (config, tensors) = read_model(directory)?;
    let mut source = frozen(directory, tensors, device);
    let classifier = checked(directory, Classifier::new(&config, &mut source))?;
    source.finish()?;
    Ok(classifier)
}

/// An Explainer for inference from its directory, on `device`.
///
/// # Errors
/// As [`load_classifier`].
pub fn load_explainer(directory: &Path, device: &Device) -> Result<Explainer> {
    refuse_conditions(directory)?;
    let (config, tensors) = read_model(directory)?;
    let mut source = frozen(directory, tensors, device);
    let explainer = checked(directory, Explainer::new(&config, &mut source))?;
    source.finish()?;
    Ok(explainer)
}

/// Earlier Explainers could be told the classifier's prediction; there are no such networks any
/// more.
fn refuse_conditions(directory: &Path) -> Result<()> {
    let file = directory.join(CONFIG_FILE);
    let config: serde_json::Value = read_json(&file)?;
    if config.get("conditions").is_none() {
        return Ok(());
    }
    Err(Fault::input(file)
        .at(Place::Part("conditions".to_owned()))
        .expected("an Explainer that reads tokens, and at most a gradient of the classifier")
        .found("one that also reads the predicted taxa (--conditioned of earlier versions)")
        .remedy("train it again")
        .into())
}

fn frozen(directory: &Path, tensors: HashMap<String, Tensor>, device: &Device) -> WeightSource {
    WeightSource::loaded(&directory.join(WEIGHTS_FILE), tensors, false, DType::F32, device)
}

/// A shape that cannot work is a usage fault on the command line, and bad input in a file.
fn checked<T>(directory: &Path, network: Result<T>) -> Result<T> {
    network.map_err(|fault| match fault {
        Fault::Usage(found) => Fault::input(directory.join(CONFIG_FILE))
            .expected("a network that can be built")
            .found(found)
            .remedy("restore the file or train again")
            .into(),
        other => other,
    })
}

/// Reads all tensors of a safetensors file.
///
/// Its header says which tensors there are and where; it is held against the length of the file
/// before memory is taken for any of them. What a network wants of them follows from `config.json`,
/// and [`WeightSource::loaded`] compares each shape with the tensor that is there, so no size in
/// either file is believed that the bytes do not bear out.
///
/// # Errors
/// The file cannot be read or is not whole.
pub fn read_tensors(file: &Path) -> Result<HashMap<String, Tensor>> {
    let damaged = |found: &dyn std::fmt::Display| -> Fault {
        Fault::input(file)
            .expected("a whole safetensors file")
            .found(found)
            .remedy("the checkpoint is damaged; train again or restore it")
            .into()
    };
    let io = |e| Fault::io("open", file, e);
    let mut input = File::open(file).map_err(io)?;
    let length = input.metadata().map_err(io)?.len();
    let mut header = [0; size_of::<u64>()];
    if length < header.len() as u64 {
        return Err(damaged(&format_args!("a file of {length} bytes")));
    }
    input.read_exact(&mut header).map_err(io)?;
    let header = u64::from_le_bytes(header);
    if header > MAX_HEADER_BYTES.min(length - size_of::<u64>() as u64) {
        return Err(damaged(&format_args!("a header of {header} bytes in a file of {length}")));
    }
    let bytes = std::fs::read(file).map_err(io)?;
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| damaged(&e))
}

/// Writes `tensors` to `file`, names in order, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn save_weights(file: &Path, tensors: &HashMap<String, Tensor>) -> Result<()> {
    let sorted: BTreeMap<&String, &Tensor> = tensors.iter().collect();
    let failed = |e| Fault::failed(format!("writing {}", file.display()), e);
    let bytes =
        safetensors::serialize(sorted.iter().map(|(name, tensor)| (name.as_str(), *tensor)), None)
            .map_err(failed)?;
    let mut out = NewFile::create(file)?;
    std::io::Write::write_all(&mut out, &bytes).map_err(|e| Fault::io("write", file, e))?;
    out.commit()
}

/// Digest of names, shapes and values: equal exactly when nothing was changed.
///
/// # Errors
/// candle cannot copy a tensor.
pub fn weights_digest(tensors: &HashMap<String, Tensor>) -> Result<Sha256Digest> {
    let failed = |e| Fault::failed("digesting the weights", e);
    let sorted: BTreeMap<&String, &Tensor> = tensors.iter().collect();
    let mut digester = Digester::default();
    for (name, tensor) in sorted {
        digester.add(format!("{name} {:?}\n", tensor.dims()).as_bytes());
        let flat = tensor.flatten_all().map_err(failed)?;
        let bytes: Vec<u8> = if flat.dtype() == DType::U32 {
            let values = flat.to_vec1::<u32>().map_err(failed)?;
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        } else {
            let values = flat.to_dtype(DType::F32).and_then(|flat| flat.to_vec1::<f32>());
            values.map_err(failed)?.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        digester.add(&bytes);
    }
    Ok(digester.finish())
}
