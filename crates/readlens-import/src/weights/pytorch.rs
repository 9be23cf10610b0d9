//! `pytorch_model.bin`: an archive of a pickle, which says where tensors are, and their bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use readlens_fault::{Fault, InputFault, Place, Result};
use zip::ZipArchive;

use super::pickle::{self, Described, Stored};

/// Most bytes of the pickle: a thousand for each tensor of the deepest network.
const MOST_PICKLED: u64 = 64 << 20;
/// The remedy where the file is sound but cannot be read here.
const CONVERT: &str =
    "load the model with transformers and save it again, which writes model.safetensors";

type Archive = ZipArchive<BufReader<File>>;

/// Reads all tensors of the file.
///
/// # Errors
/// It is no such archive, damaged, or its pickle would do more than build tensors.
pub(super) fn read(file: &Path) -> Result<HashMap<String, Tensor>> {
    let fault = || Fault::input(file);
    let input = File::open(file).map_err(|e| Fault::io("open", file, e))?;
    let length = input.metadata().map_err(|e| Fault::io("open", file, e))?.len();
    let mut archive = ZipArchive::new(BufReader::new(input)).map_err(|e| {
        fault().expected("an archive, as PyTorch 1.6 and later write it").found(e).remedy(CONVERT)
    })?;
    let names: Vec<String> = (0..archive.len())
        .filter_map(|i| Some(archive.name_for_index(i)?.ok()?.into_owned()))
        .collect();
    let pickles: Vec<&String> = names.iter().filter(|name| name.ends_with("/data.pkl")).collect();
    let [pickle] = pickles.as_slice() else {
        return Err(fault()
            .expected("one entry NAME/data.pkl")
            .found(pickles.len())
            .remedy(CONVERT)
            .into());
    };
    let folder = pickle.trim_end_matches("data.pkl");
    if let Some(order) = names.iter().find(|name| **name == format!("{folder}byteorder")) {
        let bytes = entry(&mut archive, order, 64, &fault)?;
        if bytes != b"little" {
            let found = String::from_utf8_lossy(&bytes).into_owned();
            return Err(fault()
                .at(Place::Part(order.clone()))
                .expected("little")
                .found(found)
                .remedy(CONVERT)
                .into());
        }
    }
    let pickled = entry(&mut archive, pickle, MOST_PICKLED, &fault)?;
    let in_pickle = || fault().at(Place::Part((*pickle).clone()));
    let stored = pickle::read(&pickled).map_err(|found| {
        in_pickle()
            .expected("a dictionary of tensors and nothing else: no other code is run")
            .found(found)
            .remedy(CONVERT)
    })?;
    let mut tensors = HashMap::with_capacity(stored.len());
    let mut storages: HashMap<String, Vec<u8>> = HashMap::new();
    // Entries may lie on one another; what they hold together is no more than the file.
    let mut rest = length;
    for Stored { name, tensor } in stored {
        if !storages.contains_key(&tensor.storage) {
            let values = format!("{folder}data/{}", tensor.storage);
            let bytes = entry(&mut archive, &values, rest, &fault)?;
            rest -= bytes.len() as u64;
            storages.insert(tensor.storage.clone(), bytes);
        }
        let in_tensor = || fault().at(Place::Part(format!("tensor {name}")));
        let found = placed(&tensor, &storages[&tensor.storage]).map_err(|found| {
            in_tensor()
                .expected("the bytes of its values in order, as its shape says")
                .found(found)
                .remedy(CONVERT)
        })?;
        if tensors.insert(name.clone(), found).is_some() {
            return Err(in_tensor()
                .expected("one of that name")
                .found("two")
                .remedy(CONVERT)
                .into());
        }
    }
    Ok(tensors)
}

/// The bytes of an entry of at most `most`. Its length is what the archive says only if as many
/// come.
fn entry(
    archive: &mut Archive,
    name: &str,
    most: u64,
    fault: &dyn Fn() -> InputFault,
) -> Result<Vec<u8>> {
    let at = || fault().at(Place::Part(name.to_owned())).remedy(CONVERT);
    let entry = archive
        .by_name(name)
        .map_err(|e| at().expected("an entry that is neither compressed nor encrypted").found(e))?;
    if entry.size() > most {
        return Err(at().expected(format!("at most {most} bytes")).found(entry.size()).into());
    }
    let size = entry.size();
    let mut bytes = Vec::new();
    entry
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|e| at().expected("a whole entry").found(e))?;
    if bytes.len() as u64 != size {
        return Err(at().expected(format!("{size} bytes")).found(bytes.len()).into());
    }
    Ok(bytes)
}

/// A tensor of its storage's bytes.
fn placed(tensor: &Described, bytes: &[u8]) -> std::result::Result<Tensor, String> {
    let dtype = match tensor.kind.as_str() {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "ByteStorage" => DType::U8,
        "LongStorage" => DType::I64,
        other => return Err(format!("values of {other}")),
    };
    let width = dtype.size_in_bytes();
    let count = tensor.shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let span = count.and_then(|count| {
        let start = tensor.offset.checked_mul(width)?;
        Some(start..start.checked_add(count.checked_mul(width)?)?)
    });
    let mut dense = 1usize;
    for (size, stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
        if *size > 1 && *stride != dense {
            return Err(format!("shape {:?} with strides {:?}", tensor.shape, tensor.strides));
        }
        dense = dense.saturating_mul(*size);
    }
    let found = format!("shape {:?} in {} bytes", tensor.shape, bytes.len());
    let part = span.and_then(|span| bytes.get(span)).ok_or(found)?;
    Tensor::from_raw_buffer(part, dtype, &tensor.shape, &Device::Cpu).map_err(|e| e.to_string())
}
