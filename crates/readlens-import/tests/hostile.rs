//! Weights that are damaged or made to do harm.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::Path;

use candle_core::{DType, Tensor};
use models::{CPU, copied, refused};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const WEIGHTS: &str = "model.safetensors";
const PYTORCH: &str = "pytorch_model.bin";

/// The message after the tensors of a golden model were changed.
fn after(change: impl Fn(&mut HashMap<String, Tensor>)) -> String {
    let copy = copied("bert-narrow");
    let file = copy.path().join(WEIGHTS);
    let mut tensors = candle_core::safetensors::load(&file, &CPU).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &file).unwrap();
    refused(copy.path())
}

#[test]
fn tensors_that_are_not_the_models() {
    let name = "bert.encoder.layer.0.intermediate.dense.bias";
    let missing = after(|tensors| {
        tensors.remove(name);
    });
    assert!(missing.contains(&format!("tensor {name}: expected shape [20]")), "{missing}");
    assert!(missing.contains("no tensor of that name"), "{missing}");
    let more = after(|tensors| {
        let tensor = tensors[name].clone();
        tensors.insert("bert.encoder.layer.1.intermediate.dense.bias".to_owned(), tensor);
    });
    assert!(more.contains("layer.1.intermediate.dense.bias: expected only tensors"), "{more}");
    let shape = after(|tensors| {
        let tensor = tensors[name].narrow(0, 0, 19).unwrap().contiguous().unwrap();
        tensors.insert(name.to_owned(), tensor);
    });
    assert!(shape.contains("expected shape [20], as config.json says, found [19]"), "{shape}");
    let infinite = after(|tensors| {
        let tensor = (tensors[name].ones_like().unwrap() / 0.0).unwrap();
        tensors.insert(name.to_owned(), tensor);
    });
    assert!(infinite.contains("finite values"), "{infinite}");
    let quantised = after(|tensors| {
        let tensor = tensors[name].to_dtype(DType::U8).unwrap();
        tensors.insert(name.to_owned(), tensor);
    });
    assert!(quantised.contains("floating-point values, found U8"), "{quantised}");
    let twice = after(|tensors| {
        let norm = tensors["bert.embeddings.LayerNorm.weight"].clone();
        tensors.insert("bert.embeddings.LayerNorm.gamma".to_owned(), norm);
    });
    assert!(twice.contains("one tensor of that name"), "{twice}");
}

/// Early files have the weights of norms as gamma and beta.
#[test]
fn early_names_of_norms_are_read() {
    let copy = copied("bert-narrow");
    let file = copy.path().join(WEIGHTS);
    let tensors = candle_core::safetensors::load(&file, &CPU).unwrap();
    let early = |name: String| match name.contains("LayerNorm") {
        true => name.replace(".weight", ".gamma").replace(".bias", ".beta"),
        false => name,
    };
    let renamed: HashMap<String, Tensor> =
        tensors.into_iter().map(|(name, tensor)| (early(name), tensor)).collect();
    assert!(renamed.contains_key("bert.embeddings.LayerNorm.beta"));
    candle_core::safetensors::save(&renamed, &file).unwrap();
    assert!(readlens_import::read(copy.path()).is_ok());
}

#[test]
fn files_cut_short() {
    for (model, file) in [("bert-narrow", WEIGHTS), ("bert-dnabert", PYTORCH)] {
        let copy = copied(model);
        let file = copy.path().join(file);
        let whole = std::fs::read(&file).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 97) {
            std::fs::write(&file, &whole[..length]).unwrap();
            let message = refused(copy.path());
            assert!(message.contains(file.file_name().unwrap().to_str().unwrap()), "{message}");
        }
    }
}

/// Whatever stands in the place of a byte, reading ends with a model or with a message.
#[test]
fn bytes_changed() {
    for (model, file, part) in [("bert-narrow", WEIGHTS, 4000), ("bert-dnabert", PYTORCH, 9000)] {
        let copy = copied(model);
        let file = copy.path().join(file);
        let whole = std::fs::read(&file).unwrap();
        let mut found = 0;
        let (head, tail) = (0..part, whole.len() - part..whole.len());
        for place in head.step_by(13).chain(tail.step_by(17)) {
            let mut changed = whole.clone();
            changed[place] ^= 0x55;
            std::fs::write(&file, &changed).unwrap();
            found += usize::from(readlens_import::read(copy.path()).is_err());
        }
        assert!(found > 20, "{model}: {found}");
    }
}

#[test]
fn directories_without_weights() {
    let copy = copied("bert-narrow");
    std::fs::remove_file(copy.path().join(WEIGHTS)).unwrap();
    let message = refused(copy.path());
    assert!(message.contains("pytorch_model.bin, found none of them"), "{message}");
}

/// An index names files beside it and nothing else.
#[test]
fn indices_that_lead_elsewhere() {
    let write = |directory: &Path, map: serde_json::Value| {
        let index = json!({"metadata": {}, "weight_map": map});
        std::fs::write(directory.join("model.safetensors.index.json"), index.to_string()).unwrap();
        refused(directory)
    };
    let copy = copied("esm-absolute");
    let inner = tempfile::tempdir_in(copy.path()).unwrap();
    std::fs::copy(copy.path().join("config.json"), inner.path().join("config.json")).unwrap();
    let shard = "model-00001-of-00002.safetensors";
    let whole = copy.path().join(shard).to_str().unwrap().to_owned();
    for other in
        [&format!("../{shard}"), &whole, "..", "", ".safetensors", "a/b.safetensors", "C:x.bin"]
    {
        let message = write(inner.path(), json!({"classifier.dense.bias": other}));
        assert!(message.contains("tensor classifier.dense.bias: expected the name"), "{message}");
    }
    let message = write(inner.path(), json!({"classifier.dense.bias": 3}));
    assert!(message.contains("expected the name of a file beside it"), "{message}");
    let message = write(inner.path(), json!([1]));
    assert!(message.contains("weight_map"), "{message}");
    let message = write(inner.path(), json!({"classifier.dense.bias": "none.safetensors"}));
    assert!(message.contains("none.safetensors"), "{message}");
    let message = write(copy.path(), json!({"classifier.dense.bias": shard}));
    assert!(
        message.contains("as the index says") || message.contains("the index says"),
        "{message}"
    );
    let message = write(copy.path(), json!({"absent": shard}));
    assert!(message.contains("the index says"), "{message}");
}

/// An archive of PyTorch with this pickle, and one storage of 16 bytes.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("m/data.pkl", pickle), ("m/data/0", &[0; 16])] {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn pickled(pickle: &[u8]) -> String {
    let copy = copied("bert-narrow");
    std::fs::remove_file(copy.path().join(WEIGHTS)).unwrap();
    let bytes = archive(pickle);
    std::fs::write(copy.path().join(PYTORCH), bytes).unwrap();
    refused(copy.path())
}

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// `torch._utils._rebuild_tensor_v2(storage 0 of so many values, offset, shape, strides, …)`.
fn tensor(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let numbers = |numbers: &[u8]| {
        let inner: Vec<u8> = numbers.iter().flat_map(|number| [b'K', *number]).collect();
        [b"(".as_slice(), &inner, b"t"].concat()
    };
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".as_slice(),
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        b"K\x04tQ",
        &[b'K', offset],
        &numbers(shape),
        &numbers(strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

fn dictionary(entries: &[u8]) -> Vec<u8> {
    [b"\x80\x02}".as_slice(), entries, b"."].concat()
}

/// The program of a pickle is read and never run: each of these would leave a file behind.
#[test]
fn pickles_with_code_are_refused_by_name() {
    let mark = tempfile::tempdir().unwrap();
    let file = mark.path().join("ran");
    let command = text(&format!("touch {}", file.display()));
    let programs: [(&[u8], &str); 6] = [
        (b"\x80\x02cposix\nsystem\n", "a call of posix.system"),
        (b"\x80\x02cbuiltins\neval\n", "a call of builtins.eval"),
        (b"\x80\x02ctorch\nload\n", "a call of torch.load"),
        (b"\x80\x02ctorch\nmoduleStorage.x\n", "a call of torch.moduleStorage.x"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93", "a call of posix.system"),
        (b"\x80\x02cos\nsystem\n", "a call of os.system"),
    ];
    for (program, expected) in programs {
        let message = pickled(&[program, &command, b"\x85R."].concat());
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("no other code is run"), "{message}");
    }
    // The old instruction for instances, objects that build themselves, and extensions.
    for program in
        [&b"(ios\nsystem\n."[..], b"\x80\x02)\x81.", b"\x80\x02\x82\x01.", b"\x80\x02}]R."]
    {
        let message = pickled(program);
        assert!(message.contains("data.pkl: expected a dictionary of tensors"), "{message}");
    }
    assert!(!file.exists());
}

#[test]
fn pickles_that_lie() {
    let entry = |tensor: &[u8]| [&text("a"), tensor, b"s"].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the end of the pickle"),
        (b"\x80\x02".to_vec(), "the end of the pickle"),
        (b"\x80\x09.".to_vec(), "a pickle of version 9"),
        (b"\x80\x02.".to_vec(), "an empty stack"),
        (b"\x80\x02K\x01.".to_vec(), "something else than a dictionary"),
        (b"\x80\x02X\xff\xff\xff\xff".to_vec(), "text of 4294967295 bytes"),
        (b"\x80\x02h\x07.".to_vec(), "a value that was never kept"),
        (dictionary(&entry(b"K\x01")), "an entry \"a\" that is no tensor"),
        (
            dictionary(&[b"K\x01".as_slice(), &tensor(0, &[2], &[1]), b"s"].concat()),
            "not named by text",
        ),
        // Values that the storage has not, or not in order.
        (dictionary(&entry(&tensor(0, &[5], &[1]))), "shape [5] in 16 bytes"),
        (dictionary(&entry(&tensor(3, &[2], &[1]))), "shape [2] in 16 bytes"),
        (dictionary(&entry(&tensor(0, &[255; 8], &[1; 8]))), "with strides"),
        (dictionary(&entry(&tensor(0, &[2, 2], &[1, 2]))), "with strides [1, 2]"),
        (dictionary(&entry(&tensor(0, &[2], &[1, 1]))), "a call of _rebuild_tensor_v2"),
        (dictionary(&entry(&tensor(0, &[1; 9], &[1; 9]))), "a call of _rebuild_tensor_v2"),
        // Sound as far as it goes, but not the model.
        (dictionary(&entry(&tensor(0, &[2, 2], &[2, 1]))), "word_embeddings.weight"),
    ];
    for (pickle, expected) in cases {
        let message = pickled(&pickle);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let twice = [entry(&tensor(0, &[2], &[1])), entry(&tensor(0, &[2], &[1]))].concat();
    assert!(pickled(&dictionary(&twice)).contains("one of that name"));
}

/// Tuples in tuples, dictionaries in themselves, and values that are kept and put into one another
/// a million times: neither memory nor the stack of the process grows with them.
#[test]
fn pickles_that_nest() {
    let deep = [b"\x80\x02)".as_slice(), &[0x85; 1_000_000], b"."].concat();
    assert!(pickled(&deep).contains("nested deeper"));
    let twice: Vec<u8> = b"q\x00h\x00\x86".repeat(64);
    assert!(pickled(&[b"\x80\x02)".as_slice(), &twice, b"."].concat()).contains("nested deeper"));
    let itself = [b"\x80\x02}q\x00".as_slice(), &text("a"), b"h\x00s."].concat();
    assert!(pickled(&itself).contains("an entry \"a\" that is no tensor"));
    let chain = [text("a"), b"}".to_vec()].concat().repeat(100_000);
    let chain = [b"\x80\x02}".as_slice(), &chain, &b"s".repeat(100_000), b"."].concat();
    assert!(pickled(&chain).contains("an entry \"a\" that is no tensor"));
    let marks = [b"\x80\x02".as_slice(), &b"(".repeat(1_000_000), b"."].concat();
    assert!(pickled(&marks).contains("an empty stack"));
}

#[test]
fn archives_that_are_none() {
    let copy = copied("bert-narrow");
    std::fs::remove_file(copy.path().join(WEIGHTS)).unwrap();
    let file = copy.path().join(PYTORCH);
    // As PyTorch wrote files before there were archives.
    std::fs::write(&file, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.").unwrap();
    let message = refused(copy.path());
    assert!(message.contains("as PyTorch 1.6 and later write it"), "{message}");
    assert!(message.contains("save it again"), "{message}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(
        "m/other",
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
    )
    .unwrap();
    std::fs::write(&file, zip.finish().unwrap().into_inner()).unwrap();
    assert!(refused(copy.path()).contains("one entry NAME/data.pkl, found 0"));
}
