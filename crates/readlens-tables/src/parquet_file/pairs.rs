//! The key-value pairs of a table, wherever the last tool that wrote it has put them.

use std::collections::BTreeMap;

use arrow::datatypes::Schema;
use arrow::ipc::root_as_message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};
use parquet::file::metadata::KeyValue;

use super::footer::Footer;

/// What pandas keeps of a table beside its columns: the attributes of a data frame, as JSON.
const KEY_PANDAS: &str = "PANDAS_ATTRS";
/// What the keys of a readlens stage begin with.
const OURS: &str = "readlens.";

/// The pairs as the file must hold them so that other tools carry them on.
///
/// Beside the file's own, they are in its Arrow schema, which pyarrow and R's arrow keep, and there
/// as attributes, which pandas keeps.
pub(crate) fn carried(schema: &Schema, pairs: &BTreeMap<String, String>) -> Vec<KeyValue> {
    let attributes = serde_json::to_string(pairs).unwrap_or_default();
    let mut of_schema: std::collections::HashMap<String, String> =
        pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    of_schema.insert(KEY_PANDAS.to_owned(), attributes);
    let schema = encode_arrow_schema(&schema.clone().with_metadata(of_schema));
    let own = pairs.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    own.chain([KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), schema)]).collect()
}

impl Footer {
    /// The pairs by key, without those that only carry them. Where two places have one, the file's
    /// own counts, then the Arrow schema's.
    pub(crate) fn pairs(&self) -> BTreeMap<String, String> {
        let own = |key: &str| self.pairs.iter().find(|(own, _)| own == key).map(|(_, value)| value);
        let of_schema = own(ARROW_SCHEMA_META_KEY).and_then(|text| of_arrow_schema(text));
        let of_schema = of_schema.unwrap_or_default();
        let mut pairs = BTreeMap::new();
        for attributes in [own(KEY_PANDAS), of_schema.get(KEY_PANDAS)].into_iter().flatten() {
            let attributes: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(attributes).unwrap_or_default();
            let texts = attributes.into_iter().filter_map(|(key, value)| match value {
                serde_json::Value::String(text) => Some((key, text)),
                _ => None,
            });
            pairs.extend(texts.filter(|(key, _)| key.starts_with(OURS)));
        }
        pairs.extend(of_schema.into_iter().filter(|(key, _)| key.starts_with(OURS)));
        let is_carrier = |key: &str| [ARROW_SCHEMA_META_KEY, KEY_PANDAS].contains(&key);
        pairs.extend(self.pairs.iter().filter(|(key, _)| !is_carrier(key)).cloned());
        pairs
    }
}

/// The pairs of an Arrow schema, as a Parquet file holds it; none where it cannot be read.
fn of_arrow_schema(text: &str) -> Option<BTreeMap<String, String>> {
    let bytes = STANDARD.decode(text).ok()?;
    // Newer writers put four bytes of ones before the length.
    let message = match bytes.strip_prefix(&[0xff; 4]) {
        Some(rest) => rest.get(4..)?,
        None => &bytes,
    };
    let schema = root_as_message(message).ok()?.header_as_schema()?;
    let pairs = schema.custom_metadata()?.iter();
    Some(
        pairs.filter_map(|pair| Some((pair.key()?.to_owned(), pair.value()?.to_owned()))).collect(),
    )
}
