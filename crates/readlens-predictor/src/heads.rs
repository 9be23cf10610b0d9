//! What a program says of itself: the schema of its answers.

use std::collections::{BTreeMap, BTreeSet};

use arrow::ipc::{
    Endianness, Field, KeyValue, MessageHeader, MetadataVersion, Precision, Schema, Type,
    root_as_message,
};
use readlens_fault::{Fault, InputFault, Place};
use serde::Serialize;

use crate::frames::{Frame, broken};

/// The version of the protocol, in the metadata of both schemas.
pub(crate) const KEY_PROTOCOL: &str = "readlens.protocol";
/// The only version.
pub(crate) const PROTOCOL: &str = "1";
/// How the program hides tokens: `factors` or `letters`.
const KEY_MASKING: &str = "readlens.masking";
/// What its author calls the model, and its version.
const KEY_MODEL: &str = "readlens.model";
/// The taxa of a column: a JSON list of names, in the order of the probabilities.
const KEY_TAXA: &str = "readlens.taxa";

/// Most ranks of a program.
const MOST_RANKS: usize = 64;
/// Most taxa of all ranks.
const MOST_TAXA: usize = 1 << 20;
/// Most bytes of a name.
const MOST_NAME: usize = 4096;

/// A rank, and the taxa that a program gives probabilities of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Name of the rank, that of the column.
    pub rank: String,
    /// Taxa in the order of the probabilities.
    pub taxa: Vec<String>,
}

/// How a program hides tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Masking {
    /// It multiplies the factors in itself, whatever they are.
    Factors,
    /// It reads letters in which those of hidden tokens are the unknown one, so that a token is
    /// either seen or hidden.
    Letters,
}

/// The schema of a program's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Heads {
    pub(crate) masking: Masking,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    pub(crate) ranks: Vec<Head>,
}

impl Heads {
    /// Reads the first message of a program.
    ///
    /// # Errors
    /// It is no schema, or not one of answers.
    pub(crate) fn of(frame: &Frame) -> Result<Self, Box<InputFault>> {
        let message = root_as_message(&frame.metadata).map_err(|e| broken(e.to_string()))?;
        let schema = (message.header_type() == MessageHeader::Schema)
            .then(|| message.header_as_schema())
            .flatten()
            .ok_or_else(|| broken("a batch before the schema"))?;
        if message.version() != MetadataVersion::V5 || schema.endianness() != Endianness::Little {
            return Err(broken("another version, or the other order of bytes"));
        }
        Self::of_schema(&schema)
    }

    fn of_schema(schema: &Schema<'_>) -> Result<Self, Box<InputFault>> {
        let metadata = pairs(schema.custom_metadata().into_iter().flatten());
        let protocol = metadata.get(KEY_PROTOCOL).map(String::as_str);
        if protocol.is_some_and(|protocol| protocol != PROTOCOL) {
            return Err(fault()
                .expected(format!("{KEY_PROTOCOL} = {PROTOCOL} in the schema's metadata"))
                .found(format!("{protocol:?}"))
                .remedy("write the program for the protocol of docs/any-program.md")
                .into());
        }
        let masking = match metadata.get(KEY_MASKING).map(String::as_str) {
            Some("factors") => Masking::Factors,
            Some("letters") => Masking::Letters,
            found => {
                return Err(fault()
                    .expected(format!("{KEY_MASKING} = factors or letters in its metadata"))
                    .found(found.map_or("nothing".to_owned(), |found| format!("{found:?}")))
                    .remedy(
                        "say factors if the program multiplies the factors in itself, and letters \
                         if it is to read N in the place of hidden tokens",
                    )
                    .into());
            }
        };
        let model = metadata.get(KEY_MODEL).cloned();
        if let Some(name) = &model
            && !is_name(name)
        {
            return Err(fault()
                .expected(format!("in {KEY_MODEL} a name of 1 to {MOST_NAME} bytes"))
                .found(format!("{name:?}"))
                .remedy("shorten it, or leave it out")
                .into());
        }
        let fields = schema.fields().into_iter().flatten();
        let ranks = fields.map(|field| head_of(&field)).collect::<Result<Vec<Head>, _>>()?;
        if ranks.is_empty() || ranks.len() > MOST_RANKS {
            return Err(fault()
                .expected(format!("1 to {MOST_RANKS} columns, one a rank"))
                .found(ranks.len())
                .remedy("write a column of probabilities for each rank")
                .into());
        }
        let names: BTreeSet<&str> = ranks.iter().map(|head| head.rank.as_str()).collect();
        if names.len() < ranks.len() {
            return Err(fault()
                .expected("columns of different names")
                .found("a rank twice")
                .remedy("name each column after its rank")
                .into());
        }
        let heads = Self { masking, model, ranks };
        if heads.numbers() > MOST_TAXA {
            return Err(fault()
                .expected(format!("at most {MOST_TAXA} taxa"))
                .found(heads.numbers())
                .remedy("answer for fewer ranks")
                .into());
        }
        Ok(heads)
    }

    /// Probabilities of a row.
    pub(crate) fn numbers(&self) -> usize {
        self.ranks.iter().map(|head| head.taxa.len()).sum()
    }
}

fn fault() -> InputFault {
    Fault::input("").at(Place::Part("the schema of its answers".to_owned()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MOST_NAME && !name.contains(char::is_control)
}

fn pairs<'a>(metadata: impl Iterator<Item = KeyValue<'a>>) -> BTreeMap<String, String> {
    let pair = |pair: KeyValue<'a>| Some((pair.key()?.to_owned(), pair.value()?.to_owned()));
    metadata.filter_map(pair).collect()
}

/// The rank and the taxa of a column.
fn head_of(field: &Field<'_>) -> Result<Head, Box<InputFault>> {
    let rank = field.name().unwrap_or_default().to_owned();
    let fault = || Fault::input("").at(Place::Column(rank.clone()));
    if !is_name(&rank) {
        return Err(fault()
            .expected(format!("the name of a rank, 1 to {MOST_NAME} bytes"))
            .found(format!("{rank:?}"))
            .remedy("name each column after its rank")
            .into());
    }
    let children = field.children();
    let child = children.filter(|children| children.len() == 1).map(|children| children.get(0));
    let is_f32 = child.and_then(|child| child.type_as_floating_point());
    let is_f32 = is_f32.is_some_and(|float| float.precision() == Precision::SINGLE);
    let list = field.type_as_fixed_size_list().filter(|_| is_f32);
    let Some(list) = list.filter(|_| field.dictionary().is_none()) else {
        return Err(fault()
            .expected("the type fixed_size_list<float32>[number of taxa]")
            .found(found_type(field.type_type()))
            .remedy("in Python declare it as pa.list_(pa.float32(), len(taxa))")
            .into());
    };
    let size = list.listSize();
    let metadata = pairs(field.custom_metadata().into_iter().flatten());
    let text = metadata.get(KEY_TAXA).ok_or_else(|| {
        fault()
            .expected(format!("its taxa in the field's metadata, as a JSON list in {KEY_TAXA}"))
            .found("nothing there")
            .remedy("in Python pass metadata={\"readlens.taxa\": json.dumps(taxa)} to pa.field")
    })?;
    let taxa: Vec<String> = serde_json::from_str(text).map_err(|e| {
        fault()
            .expected(format!("a JSON list of names in {KEY_TAXA}"))
            .found(e)
            .remedy("write it as json.dumps(taxa) does")
    })?;
    if usize::try_from(size).ok() != Some(taxa.len()) || taxa.is_empty() {
        return Err(fault()
            .expected(format!("lists of as many numbers as there are taxa, {}", taxa.len()))
            .found(format!("lists of {size}"))
            .remedy("declare the list with the length of the taxa, 1 or more")
            .into());
    }
    if let Some(taxon) = taxa.iter().find(|taxon| !is_name(taxon)) {
        return Err(fault()
            .expected(format!("taxa whose names have 1 to {MOST_NAME} bytes, and no line breaks"))
            .found(format!("{taxon:?}"))
            .remedy("rename the taxon")
            .into());
    }
    let mut seen = BTreeSet::new();
    if let Some(taxon) = taxa.iter().find(|taxon| !seen.insert(taxon.as_str())) {
        return Err(fault()
            .expected("taxa of different names")
            .found(format!("{taxon:?} twice"))
            .remedy("rename one of the two, or add their probabilities")
            .into());
    }
    Ok(Head { rank, taxa })
}

fn found_type(found: Type) -> String {
    match found.variant_name() {
        Some("FixedSizeList") => "lists of other numbers than float32".to_owned(),
        Some(name) => name.to_owned(),
        None => "an unknown type".to_owned(),
    }
}
