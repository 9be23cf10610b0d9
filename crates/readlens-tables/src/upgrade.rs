//! What older forms of tables say, in the columns of today.
//!
//! Until version 1 of `masks` and `bases` and version 2 of `perturbations` and `metrics`, a
//! method's name also said whether it was an Explainer and which seed it had
//! (`explainer_distilled_seed2`), an operator's name which removal it was under
//! (`hard_inverse_unknown`), and the word `none` stood where no mask was used.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, ListArray, RecordBatch, StringArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use crate::column::Origin;
use crate::vocabulary::{
    AttributionMethod, MethodKind, NONE, Name, Operator, Removal, Role, Vocabulary,
};

type Result<T> = std::result::Result<T, ArrowError>;

/// Adds `method_kind` and `replicate` to a table that names a method in every row.
pub(crate) fn methods(origin: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    columns.split_methods(origin)?;
    columns.batch()
}

/// The same where version 2 has not, with the taxa that a mask was asked for, and the deviation of
/// several Explainers: none.
pub(crate) fn masks(origin: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    if !(columns.has("method_kind") && columns.has("replicate")) {
        columns.split_methods(origin)?;
    }
    let asked = Arc::new(UInt32Array::from(Vec::<u32>::new()));
    columns.add("asked", empty_lists(columns.rows, asked)?);
    let deviation = Arc::new(Float32Array::from(Vec::<f32>::new()));
    columns.add("deviation", empty_lists(columns.rows, deviation)?);
    columns.batch()
}

/// As many empty lists, whose `items` are none.
fn empty_lists(rows: usize, items: ArrayRef) -> Result<ArrayRef> {
    let item = Arc::new(Field::new("item", items.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
    Ok(Arc::new(ListArray::try_new(item, offsets, items, None)?))
}

/// The same, where no mask is null and no longer a word.
pub(crate) fn perturbations(origin: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    columns.split_methods(origin)?;
    columns.without_none("mask_rank")?;
    columns.batch()
}

/// The same, with the removal and the variant in columns of their own.
pub(crate) fn metrics(origin: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    columns.split_methods(origin)?;
    columns.without_none("mask_rank")?;
    // A foreign table's operators are its own, and one that has removals says them there.
    let is_glued = origin == Origin::Readlens && !columns.has("removal");
    if let Some(operators) = columns.texts("operator")?.filter(|_| is_glued) {
        let parts: Vec<Option<OldOperator>> =
            operators.iter().map(|name| name.map(OldOperator::of)).collect();
        let parts = || parts.iter().map(Option::as_ref);
        columns.put("operator", strings(parts().map(|part| part.map(|old| old.operator.as_str()))));
        columns.add("removal", strings(parts().map(|part| part.map(|old| old.removal.name()))));
        columns.add(
            "variant",
            strings(parts().map(|part| part.and_then(|old| old.variant.as_deref()))),
        );
    }
    columns.add("removal", strings(std::iter::repeat_n(Some(Removal::Own.name()), columns.rows)));
    columns.add("variant", strings(std::iter::repeat_n(None, columns.rows)));
    columns.batch()
}

/// Adds the reading frame to tokens that were never put into one.
pub(crate) fn frames(_: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    columns.add("phase", Arc::new(UInt32Array::new_null(columns.rows)));
    columns.add("frame_gap", Arc::new(Float32Array::new_null(columns.rows)));
    columns.batch()
}

/// Adds the bins of probabilities to figures of windows of any.
pub(crate) fn probabilities(_: Origin, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Columns::of(batch);
    for bound in ["p_low", "p_high"] {
        columns.add(bound, Arc::new(Float64Array::new_null(columns.rows)));
    }
    columns.batch()
}

/// The columns of a batch in the making.
struct Columns {
    columns: Vec<(Field, ArrayRef)>,
    rows: usize,
}

impl Columns {
    fn of(batch: &RecordBatch) -> Self {
        let schema = batch.schema();
        let fields = schema.fields().iter().map(|field| field.as_ref().clone());
        let columns = fields.zip(batch.columns().iter().cloned()).collect();
        Self { columns, rows: batch.num_rows() }
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(field, _)| field.name() == name)
    }

    /// The texts of a column; none where there is no such column.
    fn texts(&self, name: &str) -> Result<Option<StringArray>> {
        let Some((_, array)) = self.columns.iter().find(|(field, _)| field.name() == name) else {
            return Ok(None);
        };
        let texts = cast(array, &DataType::Utf8)?;
        Ok(texts.as_any().downcast_ref::<StringArray>().cloned())
    }

    /// Puts an array in the place of a column.
    fn put(&mut self, name: &str, array: ArrayRef) {
        let field = Field::new(name, array.data_type().clone(), true);
        match self.columns.iter_mut().find(|(field, _)| field.name() == name) {
            Some(column) => *column = (field, array),
            None => self.columns.push((field, array)),
        }
    }

    /// Adds a column unless the table has it.
    fn add(&mut self, name: &str, array: ArrayRef) {
        if !self.has(name) {
            self.put(name, array);
        }
    }

    /// Takes the names of methods apart, each of which says its kind and its seed.
    fn split_methods(&mut self, origin: Origin) -> Result<()> {
        let Some(names) = self.texts("method")? else { return Ok(()) };
        let old: Vec<Option<OldMethod>> = names
            .iter()
            .map(|name| name.filter(|name| *name != NONE).map(|name| OldMethod::of(name, origin)))
            .collect();
        let old = || old.iter().map(Option::as_ref);
        self.put("method", strings(old().map(|method| method.map(|m| m.name.as_str()))));
        self.add("method_kind", strings(old().map(|method| method.map(|m| m.kind.name()))));
        let replicates: UInt32Array = old().map(|method| method.map(|m| m.replicate)).collect();
        self.add("replicate", Arc::new(replicates));
        Ok(())
    }

    fn without_none(&mut self, name: &str) -> Result<()> {
        if let Some(texts) = self.texts(name)? {
            self.put(name, strings(texts.iter().map(|text| text.filter(|text| *text != NONE))));
        }
        Ok(())
    }

    fn batch(self) -> Result<RecordBatch> {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = self.columns.into_iter().unzip();
        // A batch without columns would not know its number of rows.
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
    }
}

fn strings<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

/// A method as its old name says it.
#[derive(Debug, PartialEq, Eq)]
struct OldMethod {
    name: String,
    kind: MethodKind,
    replicate: u32,
}

impl OldMethod {
    /// Names of our own tables say what they are; of a foreign table only the well-known ones do.
    fn of(name: &str, origin: Origin) -> Self {
        if let Some(known) = AttributionMethod::named(name) {
            return Self { name: name.to_owned(), kind: known.kind(), replicate: 1 };
        }
        let explainer = |name: &str, replicate| Self {
            name: name.to_owned(),
            kind: MethodKind::Explainer,
            replicate,
        };
        if origin == Origin::Readlens {
            let (stem, replicate) = numbered(name).unwrap_or((name, 1));
            let preset = stem.strip_prefix("explainer_");
            match preset.filter(|preset| Name::new(preset).is_ok()) {
                Some(preset) => return explainer(preset, replicate),
                None if stem == Name::EXPLAINER => return explainer(stem, replicate),
                None if name.starts_with(Name::EXPLAINER) => return explainer(name, 1),
                None => {}
            }
        }
        if name == Name::EXPLAINER {
            return explainer(name, 1);
        }
        Self { name: name.to_owned(), kind: MethodKind::Attribution, replicate: 1 }
    }
}

/// The name and the seed of a further seed, as in `explainer_seed2`; the first had no number.
fn numbered(name: &str) -> Option<(&str, u32)> {
    let (stem, seed) = name.rsplit_once("_seed")?;
    Some((stem, seed.parse().ok().filter(|seed| *seed > 1)?))
}

/// An operator of the old metrics table.
#[derive(Debug, PartialEq, Eq)]
struct OldOperator {
    operator: String,
    removal: Removal,
    variant: Option<String>,
}

impl OldOperator {
    fn of(name: &str) -> Self {
        let of = |operator: &str, removal| Self {
            operator: operator.to_owned(),
            removal,
            variant: None,
        };
        match Operator::named(name) {
            // An operator that hides everything says how in its name.
            Some(operator) if operator.role() == Role::Empty => {
                of(name, by_suffix(name).map_or(Removal::Own, |(_, removal)| removal))
            }
            Some(_) => of(name, Removal::Own),
            None => {
                if let Some((operator, removal)) = by_suffix(name)
                    && Operator::named(operator).is_some()
                {
                    return of(operator, removal);
                }
                let variants = [Operator::Randomized, Operator::Permuted];
                let variant = variants.into_iter().find_map(|operator| {
                    Some((operator, name.strip_prefix(operator.name())?.strip_prefix('-')?))
                });
                match variant {
                    Some((operator, variant)) => Self {
                        variant: Some(variant.to_owned()),
                        ..of(operator.name(), Removal::Own)
                    },
                    None => of(name, Removal::Own),
                }
            }
        }
    }
}

/// The operator and the removal of a name such as `hard_inverse_unknown`.
fn by_suffix(name: &str) -> Option<(&str, Removal)> {
    let others = Removal::ALL.iter().filter(|removal| **removal != Removal::Own);
    others
        .copied()
        .find_map(|removal| Some((name.strip_suffix(removal.name())?.strip_suffix('_')?, removal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_of_methods_say_kind_and_replicate() {
        let of = |name: &str, origin| {
            let OldMethod { name, kind, replicate } = OldMethod::of(name, origin);
            (name, kind, replicate)
        };
        let own = |name: &str| of(name, Origin::Readlens);
        let explainer = |name: &str, replicate| (name.to_owned(), MethodKind::Explainer, replicate);
        assert_eq!(own("explainer"), explainer("explainer", 1));
        assert_eq!(own("explainer_distilled"), explainer("distilled", 1));
        assert_eq!(own("explainer_gradient_fed_seed3"), explainer("gradient_fed", 3));
        assert_eq!(own("explainer_seedling"), explainer("seedling", 1));
        assert_eq!(own("explainer_seed2"), explainer("explainer", 2));
        // The first seed had no number, and what would be a reserved word keeps its whole name.
        assert_eq!(own("explainer_x_seed1"), explainer("x_seed1", 1));
        assert_eq!(own("explainer_all"), explainer("explainer_all", 1));
        assert_eq!(own("lime").1, MethodKind::Attribution);
        assert_eq!(own("random_blocks").1, MethodKind::Control);
        // A rival that only looks like one of ours is none.
        let rival = ("explainer_x".to_owned(), MethodKind::Attribution, 1);
        assert_eq!(of("explainer_x", Origin::Foreign), rival);
    }

    #[test]
    fn old_operators_say_their_removal_and_their_variant() {
        let of = |name: &str| {
            let OldOperator { operator, removal, variant } = OldOperator::of(name);
            (operator, removal, variant)
        };
        let own = |name: &str| (name.to_owned(), Removal::Own, None);
        assert_eq!(of("hard_inverse"), own("hard_inverse"));
        assert_eq!(of("all_zero"), own("all_zero"));
        assert_eq!(of("all_unknown"), ("all_unknown".to_owned(), Removal::Unknown, None));
        assert_eq!(of("aopc_mean"), ("aopc".to_owned(), Removal::Mean, None));
        let inverse = ("random_block_inverse".to_owned(), Removal::Shuffled, None);
        assert_eq!(of("random_block_inverse_shuffled"), inverse);
        assert_eq!(of("my_mean"), own("my_mean"));
        let randomized = ("randomized".to_owned(), Removal::Own, Some("all".to_owned()));
        assert_eq!(of("randomized-all"), randomized);
        assert_eq!(of("permuted"), own("permuted"));
    }
}
