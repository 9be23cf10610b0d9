//! A model on disk: its version, then its options, bins and counts.
//!
//! The version comes first and is checked before anything else is read, so a model of another
//! version is refused as such, whatever it holds. Lists are cut off at the sizes that a model can
//! have, so a hostile file takes no more memory than a model.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bins::Bins;
use crate::fit::FrameOptions;
use crate::hexamers::HEXAMERS;
use crate::model::{FrameModel, MAX_BINS};
use crate::scores::Counts;

/// Version of a serialised model.
pub const VERSION: u32 = 1;

const NAME: &str = "reading frame";
const FIELDS: [&str; 4] = ["version", "options", "edges", "counts"];

/// Largest count: whole numbers up to here are exact.
const MAX_COUNT: u64 = 1 << f64::MANTISSA_DIGITS;

impl Serialize for FrameModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Counts are whole numbers below 2^53 and are written as such.
        let whole = |counts: &Counts| -> Vec<[u64; 3]> {
            counts.iter().map(|row| row.map(|count| count as u64)).collect()
        };
        let mut fields = serializer.serialize_struct(NAME, FIELDS.len())?;
        fields.serialize_field(FIELDS[0], &VERSION)?;
        fields.serialize_field(FIELDS[1], &self.options)?;
        fields.serialize_field(FIELDS[2], self.bins.edges())?;
        fields.serialize_field(FIELDS[3], &self.counts.iter().map(whole).collect::<Vec<_>>())?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for FrameModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = FrameModel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reading-frame model of version {VERSION}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FrameModel, A::Error> {
        let version: u64 = field(&mut map, FIELDS[0])?;
        if version != u64::from(VERSION) {
            return Err(A::Error::custom(format!(
                "the reading-frame model has version {version}, but this program reads version \
                 {VERSION}; learn it again"
            )));
        }
        let options: FrameOptions = field(&mut map, FIELDS[1])?;
        options.validate().map_err(A::Error::custom)?;
        let edges: AtMost<f64, { MAX_BINS - 1 }> = field(&mut map, FIELDS[2])?;
        let bins = Bins::with_edges(edges.0).ok_or_else(|| {
            A::Error::custom("the edges of the bins must be shares in ascending order")
        })?;
        let counts: AtMost<AtMost<[u64; 3], HEXAMERS>, MAX_BINS> = field(&mut map, FIELDS[3])?;
        if counts.0.len() != bins.count() || counts.0.iter().any(|rows| rows.0.len() != HEXAMERS) {
            return Err(A::Error::custom(format!(
                "{} bins must have {HEXAMERS} rows of counts each",
                bins.count()
            )));
        }
        let is_small = |rows: &AtMost<[u64; 3], HEXAMERS>| {
            rows.0.as_flattened().iter().all(|&count| count <= MAX_COUNT)
        };
        if !counts.0.iter().all(is_small) {
            return Err(A::Error::custom(format!("a count must be at most {MAX_COUNT}")));
        }
        if let Some(key) = map.next_key::<String>()? {
            return Err(A::Error::unknown_field(&key, &FIELDS));
        }
        let number = |row: [u64; 3]| row.map(|count| count as f64);
        let counts = counts.0.into_iter().map(|rows| rows.0.into_iter().map(number).collect());
        Ok(FrameModel::of(options, bins, counts.collect()))
    }
}

/// The value of the next key, which must have this name.
fn field<'de, A: MapAccess<'de>, T: DeserializeOwned>(
    map: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    match map.next_key::<String>()? {
        Some(key) if key == name => map.next_value(),
        Some(key) => Err(A::Error::custom(format!(
            "a reading-frame model has \"{name}\" here, not \"{key}\""
        ))),
        None => Err(A::Error::missing_field(name)),
    }
}

/// A list of at most `MAX` values.
struct AtMost<T, const MAX: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    if values.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    values.push(value);
                }
                Ok(values)
            }
        }

        deserializer.deserialize_seq(List::<T, MAX>(PhantomData)).map(Self)
    }
}
