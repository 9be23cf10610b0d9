//! Models and tables with one fault each.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{
    CONFIG_FILE, MANIFEST_FILE, Selection, WEIGHTS_FILE, read_tensors, save_weights,
};
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::{MethodKind, Name, Ranks, Split, TargetKind};
use readlens_tables::{KEY_TABLE, KEY_VERSION};
use readlens_tests::{
    RANKS, classifier_shape, convolutional, explainer_shape, rows, tokenization,
    tokenization_metadata, write_classifier, write_explainer, write_masks, write_rows,
    write_tokens,
};
use serde_json::{Value, json};

/// Makes all files that `cases.tsv` names.
pub fn write_files(directory: &Path) {
    write_classifiers(directory);
    crate::imported::write(directory);
    write_explainers(directory);
    write_token_tables(directory);
    write_mask_tables(directory);
    write_base_tables(directory);
    write_bombs(directory);
    std::fs::create_dir(directory.join("of-somebody-else")).unwrap();
    std::fs::write(directory.join("of-somebody-else/photo.jpg"), b"photo").unwrap();
}

type Tensors = HashMap<String, Tensor>;

fn change_tensors(model: &Path, change: impl FnOnce(&mut Tensors)) {
    let file = model.join(WEIGHTS_FILE);
    let mut tensors = read_tensors(&file).unwrap();
    change(&mut tensors);
    save_weights(&file, &tensors).unwrap();
}

fn change_config(model: &Path, change: impl FnOnce(&mut Value)) {
    let file = model.join(CONFIG_FILE);
    let mut config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(file, config.to_string()).unwrap();
}

fn change_bytes(file: PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(&file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// `tensor` with its first value replaced.
fn with_first(tensor: &Tensor, value: f32) -> Tensor {
    let mut values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values[0] = value;
    Tensor::from_vec(values, tensor.shape(), &Device::Cpu).unwrap()
}

fn write_classifiers(directory: &Path) {
    let model = |name: &str| {
        let path = directory.join(name);
        write_classifier(&path, &classifier_shape(), 2);
        path
    };
    let tensors = |name: &str, change: fn(&mut Tensors)| change_tensors(&model(name), change);
    let config = |name: &str, change: fn(&mut Value)| change_config(&model(name), change);
    let weights = |name: &str, change: fn(&mut Vec<u8>)| {
        change_bytes(model(name).join(WEIGHTS_FILE), change);
    };
    model("classifier");

    tensors("missing-tensor", |t| {
        t.remove("pooler.bias");
    });
    tensors("unknown-tensor", |t| {
        t.insert("pooler.extra".to_owned(), t["pooler.bias"].clone());
    });
    tensors("wrong-shape", |t| {
        let longer = Tensor::zeros(9, DType::F32, &Device::Cpu).unwrap();
        t.insert("pooler.bias".to_owned(), longer);
    });
    tensors("nan-weight", |t| {
        t.insert("heads.1.weight".to_owned(), with_first(&t["heads.1.weight"], f32::NAN));
    });
    tensors("infinite-weight", |t| {
        t.insert("pos".to_owned(), with_first(&t["pos"], f32::INFINITY));
    });
    weights("truncated-weights", |bytes| bytes.truncate(bytes.len() / 2));
    weights("empty-weights", Vec::clear);
    weights("text-as-weights", |bytes| *bytes = b"these are not weights".to_vec());
    weights("header-bomb", |bytes| bytes[..8].fill(0xff));
    weights("trailing-bytes", |bytes| bytes.extend([0; 64]));

    config("unknown-key", |c| c["activation"] = json!("relu"));
    config("missing-key", |c| {
        c["encoder"].as_object_mut().unwrap().remove("dim");
    });
    config("heads-do-not-divide", |c| c["encoder"]["heads"] = json!(3));
    config("zero-layers", |c| c["encoder"]["layers"] = json!(0));
    config("negative-dim", |c| c["encoder"]["dim"] = json!(-8));
    config("huge-dim", |c| c["encoder"]["dim"] = json!(1_000_000_000_000_u64));
    config("many-layers", |c| c["encoder"]["layers"] = json!(1024));
    config("many-tokens", |c| c["encoder"]["max_tokens"] = json!(1 << 20));
    config("many-taxa", |c| {
        c["ranks"][1]["taxa"] = (0..200_000).map(|taxon| taxon.to_string()).collect();
    });
    config("wide-layers", |c| c["encoder"]["feed_forward"] = json!(1 << 16));
    config("other-dim", |c| c["encoder"]["dim"] = json!(10));
    config("no-ranks", |c| c["ranks"] = json!([]));
    config("rank-without-taxa", |c| c["ranks"][1]["taxa"] = json!([]));
    config("other-taxa", |c| c["ranks"][1]["taxa"] = json!(["one", "two"]));
    config("wrong-pooling", |c| c["pooling"] = json!("maximum"));
    config("impossible-k", |c| c["tokenization"]["k"] = json!(99));
    config("bad-dropout", |c| c["encoder"]["dropout"] = json!(1.5));
    change_bytes(model("broken-config").join(CONFIG_FILE), |bytes| bytes.truncate(40));
    std::fs::remove_file(model("no-config").join(CONFIG_FILE)).unwrap();
    std::fs::remove_file(model("no-weights").join(WEIGHTS_FILE)).unwrap();
    std::fs::remove_file(model("no-manifest").join(MANIFEST_FILE)).unwrap();
    std::fs::create_dir(directory.join("empty-directory")).unwrap();
}

fn write_explainers(directory: &Path) {
    let shape = |masks: &[&str]| explainer_shape(convolutional(), masks, Selection::Threshold);
    let model = |name: &str| {
        let path = directory.join(name);
        write_explainer(&path, &shape(&["all"]), 3);
        path
    };
    let config = |name: &str, change: fn(&mut Value)| change_config(&model(name), change);
    model("explainer");
    write_explainer(&directory.join("explainer-per-rank"), &shape(&RANKS), 3);
    write_explainer(&directory.join("explainer-other-rank"), &shape(&["species"]), 3);
    let mut other = shape(&["all"]);
    other.tokenization = Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap();
    write_explainer(&directory.join("explainer-other-tokenization"), &other, 3);
    change_tensors(&model("explainer-missing-tensor"), |t| {
        t.remove("convs.1.weight");
    });
    change_tensors(&model("explainer-nan"), |t| {
        t.insert("out.bias".to_owned(), with_first(&t["out.bias"], f32::NAN));
    });
    config("explainer-of-short-windows", |c| c["max_tokens"] = json!(12));
    config("explainer-even-smoothing", |c| c["smoothing"] = json!(4));
    config("explainer-no-masks", |c| c["masks"] = json!([]));
    config("explainer-share-zero", |c| c["selection"] = json!({"by": "share", "share": 0.0}));
    config("explainer-unknown-kind", |c| c["network"]["kind"] = json!("recurrent"));
    config("explainer-zero-dilation", |c| c["network"]["dilations"] = json!([1, 0]));
}

fn write_token_tables(directory: &Path) {
    let good = rows(40, &tokenization());
    let metadata = tokenization_metadata(&tokenization());
    let with = |key: &str, value: &str| {
        let mut metadata = metadata.clone();
        metadata.insert(key.to_owned(), value.to_owned());
        metadata
    };
    let path = |name: &str| directory.join(format!("{name}.parquet"));
    let changed = |name: &str, change: fn(&mut Vec<TokenRow>)| {
        let mut rows = good.clone();
        change(&mut rows);
        write_tokens(&path(name), &rows, &tokenization());
    };
    changed("tokens", |_| {});
    changed("tokens-zero-rows", Vec::clear);
    changed("tokens-out-of-vocabulary", |rows| rows[7].tokens[3] = 69);
    changed("tokens-padded", |rows| rows[7].tokens.push(0));
    changed("tokens-cls-inside", |rows| rows[7].tokens[3] = 2);
    changed("tokens-without-valid", |rows| {
        rows.retain(|row| row.split != Some(readlens_tables::vocabulary::Split::Valid));
    });
    changed("tokens-without-cls", |rows| {
        rows[7].tokens.remove(0);
    });
    changed("tokens-none-in-row", |rows| rows[7].tokens.clear());
    changed("tokens-only-cls", |rows| {
        for row in rows {
            row.tokens.truncate(1);
            row.end = row.start;
        }
    });
    changed("tokens-no-train", |rows| {
        rows.iter_mut().for_each(|row| row.split = Some(Split::Test));
    });
    changed("tokens-no-labels", |rows| {
        rows.iter_mut().for_each(|row| row.taxa.fill(None));
    });
    changed("tokens-genus-without-labels", |rows| {
        rows.iter_mut().for_each(|row| row.taxa[1] = None);
    });
    changed("tokens-too-long", |rows| {
        rows[7].tokens.extend([5; 20]);
        rows[7].end += 60;
    });
    changed("tokens-more-than-bases", |rows| rows[7].tokens.push(5));
    changed("tokens-end-before-start", |rows| rows[7].end = 0);
    changed("tokens-far-end", |rows| rows[7].end = u32::MAX - 1);
    changed("tokens-odd-strand", |rows| rows[7].strand = "?".to_owned());
    let tokenization_apart = Tokenization::new(Alphabet::Dna, 3, 4, true).unwrap();
    write_tokens(&path("tokens-apart"), &rows(40, &tokenization_apart), &tokenization_apart);

    let write = |name: &str, metadata: &BTreeMap<String, String>| {
        write_rows(&path(name), &RANKS, &good, metadata);
    };
    write("tokens-other-version", &with(KEY_VERSION, "99"));
    write("tokens-version-in-words", &with(KEY_VERSION, "one"));
    write("tokens-other-table", &with(KEY_TABLE, "genes"));
    write("tokens-no-tokenization", &BTreeMap::new());
    write(
        "tokens-impossible-k",
        &with(KEY_TOKENIZATION, r#"{"alphabet":"dna","k":99,"stride":1,"cls":true}"#),
    );
    let stride = r#"{"alphabet":"dna","k":3,"stride":2147483648,"cls":true}"#;
    write("tokens-endless-stride", &with(KEY_TOKENIZATION, stride));
    write("tokens-broken-tokenization", &with(KEY_TOKENIZATION, "{"));
    // A mask table under the name of a token table has other columns.
    let disguise = with(KEY_TABLE, "tokens");
    write_rows(&path("tokens-missing-column"), &[], &masks_of(&good), &disguise);
    let mut bare = good.clone();
    bare.iter_mut().for_each(|row| row.taxa.clear());
    write_rows(&path("tokens-no-ranks"), &[], &bare, &metadata);
    let mut other = good.clone();
    other.iter_mut().for_each(|row| {
        row.taxa.pop();
    });
    write_rows(&path("tokens-without-genus"), &["phylum"], &other, &metadata);
    let tokenization = Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap();
    write_tokens(&path("tokens-other-tokenization"), &rows(40, &tokenization), &tokenization);

    let damaged = |name: &str, change: fn(&mut Vec<u8>)| {
        std::fs::copy(path("tokens"), path(name)).unwrap();
        change_bytes(path(name), change);
    };
    damaged("tokens-truncated", |bytes| bytes.truncate(bytes.len() / 2));
    damaged("tokens-empty-file", Vec::clear);
    damaged("tokens-text", |bytes| *bytes = b"id\ttokens\n".to_vec());
    damaged("tokens-damaged-page", |bytes| {
        let middle = bytes.len() / 4;
        bytes[4..middle].fill(0xa5);
    });
}

fn masks_of(rows: &[TokenRow]) -> Vec<MaskRow> {
    let mask = |row: &TokenRow| {
        let tokens = row.tokens.len() - 1;
        MaskRow {
            id: row.id.clone(),
            window: row.window,
            method: Name::new("planted").unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            mask: vec![0.25; tokens],
            hard: vec![false; tokens],
            deviation: Vec::new(),
            area: 0.25,
        }
    };
    rows.iter().map(mask).collect()
}

fn write_mask_tables(directory: &Path) {
    let good = masks_of(&rows(40, &tokenization()));
    let path = |name: &str| directory.join(format!("{name}.parquet"));
    let changed = |name: &str, change: fn(&mut Vec<MaskRow>)| {
        let mut rows = good.clone();
        change(&mut rows);
        write_masks(&path(name), &rows);
    };
    changed("masks", |_| {});
    changed("masks-wrong-class", |rows| {
        for row in rows {
            (row.target_kind, row.asked) = (TargetKind::Other, vec![0, 0]);
        }
    });
    changed("masks-nan", |rows| rows[9].mask[2] = f32::NAN);
    changed("masks-above-one", |rows| rows[9].mask[2] = 1.01);
    changed("masks-short", |rows| {
        rows[9].mask.pop();
    });
    changed("masks-hard-short", |rows| rows[9].hard.clear());
    changed("masks-of-strangers", |rows| rows[9].id = "stranger".to_owned());
    changed("masks-out-of-order", |rows| rows.reverse());
    changed("masks-unknown-rank", |rows| {
        rows[9].rank = Ranks::One(Name::new("family").unwrap());
    });
    let other = Tokenization::new(Alphabet::Dna, 3, 1, true).unwrap();
    let other = tokenization_metadata(&other);
    write_rows(&path("masks-other-tokenization"), &[], &good, &other);
    let version = [(KEY_VERSION.to_owned(), "0".to_owned())].into();
    write_rows(&path("masks-other-version"), &[], &good, &version);
    std::fs::write(path("masks-text"), b"0.1,0.2\n").unwrap();
}

/// A ramp over the bases of each window.
fn bases_of(rows: &[TokenRow]) -> Vec<BaseRow> {
    let mask = |row: &TokenRow| BaseRow {
        id: row.id.clone(),
        window: row.window,
        start: row.start,
        end: row.end,
        strand: row.strand.clone(),
        method: Name::new("planted").unwrap(),
        method_kind: MethodKind::Attribution,
        replicate: 1,
        rank: Ranks::All,
        mask: (row.start..row.end).map(|base| base as f32 / 100.0).collect(),
    };
    rows.iter().map(mask).collect()
}

fn write_base_tables(directory: &Path) {
    let good = bases_of(&rows(40, &tokenization()));
    let path = |name: &str| directory.join(format!("{name}.parquet"));
    let changed = |name: &str, change: fn(&mut Vec<BaseRow>)| {
        let mut rows = good.clone();
        change(&mut rows);
        write_rows(&path(name), &[], &rows, &BTreeMap::new());
    };
    changed("bases", |_| {});
    changed("bases-nan", |rows| rows[9].mask[2] = f32::NAN);
    changed("bases-above-one", |rows| rows[9].mask[2] = 1.01);
    changed("bases-short", |rows| {
        rows[9].mask.pop();
    });
    changed("bases-elsewhere", |rows| {
        rows[9].start += 50;
        rows[9].end += 50;
    });
    changed("bases-of-strangers", |rows| rows[9].id = "stranger".to_owned());
    changed("bases-out-of-order", |rows| rows.reverse());
    changed("bases-twice", |rows| rows[9] = rows[8].clone());
    changed("bases-other-method", |rows| {
        rows.iter_mut().for_each(|row| row.method = Name::new("another").unwrap());
    });
    changed("bases-zero-rows", Vec::clear);
}

/// Tables that ask for far more than they hold.
fn write_bombs(directory: &Path) {
    // Numbers are zigzag varints, and a field is its distance to the last one with its type.
    let file = |schema: &[&[u8]]| {
        let head: &[u8] = &[0x15, 2, 0x19, 0xfc];
        let tail: &[u8] = &[0x16, 0, 0x19, 0x0c, 0];
        let footer = [head, &schema.concat(), tail].concat();
        let length = (footer.len() as u32).to_le_bytes();
        [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
    };
    // 10,000 groups in each other, and a column: 10,001 elements.
    let group: &[u8] = &[0x35, 0, 0x18, 1, b'a', 0x15, 2, 0];
    let column: &[u8] = &[0x15, 2, 0x25, 0, 0x18, 1, b'a', 0];
    let mut schema = vec![[0x91, 0x4e].as_slice()];
    schema.extend(std::iter::repeat_n(group, 10_000));
    schema.push(column);
    std::fs::write(directory.join("deep-schema.parquet"), file(&schema)).unwrap();
    // One group of 2³¹ − 1 columns that are not there.
    let root: &[u8] = &[0x35, 0, 0x18, 1, b'a', 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0];
    std::fs::write(directory.join("many-children.parquet"), file(&[&[1], root])).unwrap();
    let bomb = "../crates/readlens-tables/tests/hostile/list_of_300_million_tokens.parquet";
    let bomb = Path::new(env!("CARGO_MANIFEST_DIR")).join(bomb);
    std::fs::copy(bomb, directory.join("tokens-list-bomb.parquet")).unwrap();
}
