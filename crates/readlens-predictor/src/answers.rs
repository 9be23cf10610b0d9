//! Batches of probabilities, checked number by number.

use arrow::ipc::{MessageHeader, RecordBatch, root_as_message};
use readlens_fault::{Fault, InputFault, Place};

use crate::frames::{Frame, broken};
use crate::heads::{Head, Heads};

/// How far the probabilities of a row may be from adding up to 1: what a softmax in half precision
/// leaves.
const TOLERANCE: f64 = 1e-3;

/// Probabilities per row and rank, `[row][rank][taxon]`.
pub(crate) type Probabilities = Vec<Vec<Vec<f32>>>;

/// Most bytes that the body of an answer to `rows` rows has, padding left out.
pub(crate) fn most_bytes(heads: &Heads, rows: usize) -> u64 {
    // Four bytes a number, and bits that say which numbers are missing.
    5 * (rows as u64) * (heads.numbers() as u64) + (rows as u64) * (heads.ranks.len() as u64)
}

/// Reads the answer to `asked` rows, the `number`-th from 1; none for a batch without rows, with
/// which some libraries send the schema.
///
/// # Errors
/// It has another number of rows, or holds what is no probability.
pub(crate) fn read(
    frame: &Frame,
    heads: &Heads,
    asked: usize,
    number: u64,
) -> Result<Option<Probabilities>, Box<InputFault>> {
    let message = root_as_message(&frame.metadata).map_err(|e| broken(e.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        _ => None,
    };
    let batch = batch.ok_or_else(|| broken("a message that is no batch"))?;
    if batch.compression().is_some() {
        return Err(broken("a compressed batch"));
    }
    let rows = batch.length();
    if rows == 0 {
        return Ok(None);
    }
    if usize::try_from(rows).ok() != Some(asked) {
        return Err(answer(number)
            .expected(format!("{asked} rows, as many as were sent"))
            .found(format!("{rows} rows"))
            .remedy("answer each batch with one batch, a row for each of its rows in their order")
            .into());
    }
    let mut probabilities: Probabilities =
        (0..asked).map(|_| Vec::with_capacity(heads.ranks.len())).collect();
    for (column, head) in heads.ranks.iter().enumerate() {
        let values = column_of(frame, &batch, column, asked, head.taxa.len())?;
        let rows = values.chunks_exact(4 * head.taxa.len()).zip(&mut probabilities);
        for (row, (bytes, found)) in rows.enumerate() {
            found.push(probabilities_of(bytes, head, number, row)?);
        }
    }
    Ok(Some(probabilities))
}

fn answer(number: u64) -> InputFault {
    Fault::input("").at(Place::Part(format!("answer {number}")))
}

/// The bytes of a column's numbers. A fixed-size list has two nodes, its own and that of its
/// numbers, and three buffers: two that say what is missing, and the numbers.
fn column_of<'a>(
    frame: &'a Frame,
    batch: &RecordBatch<'_>,
    column: usize,
    rows: usize,
    taxa: usize,
) -> Result<&'a [u8], Box<InputFault>> {
    let nodes = batch.nodes().filter(|nodes| nodes.len() > 2 * column + 1);
    let buffers = batch.buffers().filter(|buffers| buffers.len() > 3 * column + 2);
    let (Some(nodes), Some(buffers)) = (nodes, buffers) else {
        return Err(broken("a batch with fewer columns than its schema"));
    };
    let (list, numbers) = (nodes.get(2 * column), nodes.get(2 * column + 1));
    if list.null_count() != 0 || numbers.null_count() != 0 {
        return Err(broken("missing values (nulls)"));
    }
    let is_whole = list.length() == rows as i64 && numbers.length() == (rows * taxa) as i64;
    let buffer = buffers.get(3 * column + 2);
    let bytes = usize::try_from(buffer.offset())
        .ok()
        .and_then(|start| Some(start..start.checked_add(4 * rows * taxa)?))
        .filter(|_| is_whole && buffer.length() >= (4 * rows * taxa) as i64)
        .and_then(|range| frame.body.get(range));
    bytes.ok_or_else(|| broken("a column that ends before its last row"))
}

/// The probabilities of one row and rank.
fn probabilities_of(
    bytes: &[u8],
    head: &Head,
    number: u64,
    row: usize,
) -> Result<Vec<f32>, Box<InputFault>> {
    let values: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let fault = || {
        Fault::input("")
            .at(Place::Part(format!("answer {number}, row {row}, {}", head.rank)))
            .remedy("write probabilities, such as a softmax makes of logits")
    };
    let is_probability = |value: f32| value.is_finite() && value >= 0.0;
    if let Some((taxon, value)) = head.taxa.iter().zip(&values).find(|(_, v)| !is_probability(**v))
    {
        return Err(fault()
            .expected("probabilities of at least 0")
            .found(format!("{value} for {taxon}"))
            .into());
    }
    let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
    if (sum - 1.0).abs() > TOLERANCE {
        return Err(fault()
            .expected(format!("probabilities that add up to 1, within {TOLERANCE}"))
            .found(format!("a sum of {sum:.6}"))
            .into());
    }
    Ok(values)
}
