//! The files that hold a model's tensors.

mod pickle;
mod pytorch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use readlens_fault::{Fault, Place, Result};
use readlens_nn::{WEIGHTS_FILE, read_tensors};
use readlens_provenance::read_json;
use serde_json::Value;

const PYTORCH_FILE: &str = "pytorch_model.bin";
/// Most bytes of the weights of a model: ten times those of the largest that is known.
const MOST_BYTES: u64 = 128 << 30;
/// Most files that weights are cut into.
const MOST_SHARDS: usize = 1 << 10;

/// Reads the weights of a model, and says which files are theirs: one, or an index and its shards.
///
/// # Errors
/// There are none, or they are damaged.
pub(crate) fn read(directory: &Path) -> Result<(Vec<PathBuf>, HashMap<String, Tensor>)> {
    for name in [WEIGHTS_FILE, PYTORCH_FILE] {
        let (file, index) = (directory.join(name), directory.join(format!("{name}.index.json")));
        if file.is_file() {
            check_size(&file, &mut 0)?;
            let tensors = read_file(&file)?;
            return Ok((vec![file], tensors));
        }
        if index.is_file() {
            return read_shards(directory, index);
        }
    }
    Err(Fault::input(directory)
        .expected(format!("{WEIGHTS_FILE}, its shards and their index, or {PYTORCH_FILE}"))
        .found("none of them")
        .remedy("give the directory that save_pretrained wrote")
        .into())
}

/// Holds the length of a file against the limit of all.
fn check_size(file: &Path, sum: &mut u64) -> Result<()> {
    let length = std::fs::metadata(file).map_err(|e| Fault::io("open", file, e))?.len();
    *sum = sum.saturating_add(length);
    if *sum > MOST_BYTES {
        return Err(Fault::input(file)
            .expected(format!("weights of at most {MOST_BYTES} bytes together"))
            .found(sum)
            .remedy("models of this size cannot be imported")
            .into());
    }
    Ok(())
}

fn read_file(file: &Path) -> Result<HashMap<String, Tensor>> {
    match file.extension() {
        Some(extension) if extension == "bin" => pytorch::read(file),
        _ => read_tensors(file),
    }
}

/// Reads the files that an index names. Each is a file of the same directory, and holds the tensors
/// that the index says, no others.
fn read_shards(
    directory: &Path,
    index: PathBuf,
) -> Result<(Vec<PathBuf>, HashMap<String, Tensor>)> {
    let fault = |place: &str| {
        Fault::input(&index)
            .at(Place::Part(place.to_owned()))
            .remedy("give the directory that save_pretrained wrote")
    };
    let read: Value = read_json(&index)?;
    let Some(Value::Object(map)) = read.get("weight_map") else {
        return Err(fault("weight_map").expected("tensors and their files").found("none").into());
    };
    let mut shards: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (tensor, shard) in map {
        let name = shard.as_str().filter(|name| is_plain(name));
        let Some(name) = name else {
            return Err(fault(&format!("tensor {tensor}"))
                .expected("the name of a file beside it, .safetensors or .bin")
                .found(shard)
                .into());
        };
        shards.entry(name).or_default().insert(tensor);
    }
    if shards.len() > MOST_SHARDS {
        let fault = fault("weight_map").expected(format!("at most {MOST_SHARDS} files"));
        return Err(fault.found(shards.len()).into());
    }
    let (mut all, mut files, mut sum) = (HashMap::new(), vec![index.clone()], 0);
    for (name, expected) in shards {
        let file = directory.join(name);
        check_size(&file, &mut sum)?;
        let found = read_file(&file)?;
        let here: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        if let Some(odd) = here.symmetric_difference(&expected).next() {
            let (expected, found) = match expected.contains(odd) {
                true => ("the tensor that the index says is here", "none of that name"),
                false => ("only tensors that the index says are here", "another"),
            };
            return Err(Fault::input(&file)
                .at(Place::Part(format!("tensor {odd}")))
                .expected(expected)
                .found(found)
                .remedy("keep the index and the files of one model together")
                .into());
        }
        all.extend(found);
        files.push(file);
    }
    Ok((files, all))
}

/// Whether it is a file's name, and no way to another directory.
fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() < 256
        && name.chars().all(is_letter)
        && !name.starts_with('.')
        && (name.ends_with(".safetensors") || name.ends_with(".bin"))
}
