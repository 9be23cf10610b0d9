use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use readlens_fault::{Fault, Result};
use readlens_provenance::{NewFile, Sha256Digest, digest_bytes, read_json};
use serde::de::DeserializeOwned;

/// Shape of the network, as JSON.
pub const CONFIG_FILE: &str = "config.json";
/// How the network came to be.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The tensors.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// Training curves.
pub const TRAINING_FILE: &str = "training.parquet";

/// Reads configuration and tensors of a model directory.
///
/// # Errors
/// A file is missing, `config.json` is not of type `C`, or `model.safetensors` is damaged.
pub fn read_model<C: DeserializeOwned>(directory: &Path) -> Result<(C, HashMap<String, Tensor>)> {
    let config = read_json(&directory.join(CONFIG_FILE))?;
    Ok((config, read_tensors(&directory.join(WEIGHTS_FILE))?))
}

/// Reads all tensors of a safetensors file.
///
/// # Errors
/// The file cannot be read or is not whole.
pub fn read_tensors(file: &Path) -> Result<HashMap<String, Tensor>> {
    let bytes = std::fs::read(file).map_err(|e| Fault::io("open", file, e))?;
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| {
        Fault::input(file)
            .expected("a whole safetensors file")
            .found(e)
            .remedy("the checkpoint is damaged; train again or restore it")
            .into()
    })
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
    let sorted: BTreeMap<&String, &Tensor> = tensors.iter().collect();
    let mut bytes = Vec::new();
    for (name, tensor) in sorted {
        bytes.extend_from_slice(format!("{name} {:?}\n", tensor.dims()).as_bytes());
        let values = tensor.flatten_all().and_then(|t| t.to_dtype(DType::F32)?.to_vec1::<f32>());
        let values = values.map_err(|e| Fault::failed("digesting the weights", e))?;
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(digest_bytes(&bytes))
}
