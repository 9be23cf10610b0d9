//! Matrix products, `C (+)= A B`, of packed factors.
//!
//! Both factors are brought into the order in which the innermost loop reads them, once, and are
//! used many times. There are two such orders:
//!
//! - *Panels* of f32 ([`Level::Portable`], [`Level::Avx2`], [`Level::Avx512`]): the right factor in
//!   panels of a few vectors, the left one as it is. The inner loop keeps a block of C in registers
//!   and adds one outer product per step (Goto & van de Geijn 2008).
//! - *Tiles* of bf16 ([`Level::Avx512Bf16`], [`Level::Amx`]): 16 × 32 for the left factor, 32 × 16
//!   for the right one, pairs of neighbours along the summed index side by side, which the
//!   processor multiplies and adds in f32.
//!
//! In [`Precision::F32`] a tile level writes each number as `h + l`, two bf16 that hold 16 of its
//! 24 bits, and adds three products, `A B ≈ Aₕ Bₕ + Aₕ Bₗ + Aₗ Bₕ`: a relative error of about 2⁻¹⁷
//! a term, which averages out over the sum (Henry, Tang & Heinecke 2019). Only [`Level::Amx`] does
//! so, where three tile products are much faster than one f32 product.

#[cfg(target_arch = "x86_64")]
mod packing;
mod panels;
#[cfg(target_arch = "x86_64")]
mod tiles;

use crate::{Buffer, Engine, Level, Precision};

/// How a factor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Rows of the factor are contiguous.
    Rows,
    /// Columns of the factor are contiguous: memory holds its transpose.
    Columns,
}

/// A factor where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    /// Distance between contiguous runs.
    stride: usize,
    order: Order,
    rows: usize,
    columns: usize,
}

impl<'a> Matrix<'a> {
    /// A `rows × columns` factor whose rows (or columns, by `order`) start `stride` values apart.
    ///
    /// # Panics
    /// `values` is too short.
    pub fn new(
        values: &'a [f32],
        stride: usize,
        order: Order,
        rows: usize,
        columns: usize,
    ) -> Self {
        let (runs, length) = match order {
            Order::Rows => (rows, columns),
            Order::Columns => (columns, rows),
        };
        assert!(length <= stride, "runs of {length} overlap at stride {stride}");
        let needed = span(runs, length, stride);
        assert!(
            needed.is_some_and(|needed| needed <= values.len()),
            "{rows} x {columns} do not fit {} values",
            values.len()
        );
        Self { values, stride, order, rows, columns }
    }

    /// Rows of a row-major matrix without gaps.
    ///
    /// # Panics
    /// `values` is too short.
    pub fn rows(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(values, columns, Order::Rows, rows, columns)
    }

    /// The transpose; the same memory.
    #[must_use]
    pub fn transposed(self) -> Self {
        let order = match self.order {
            Order::Rows => Order::Columns,
            Order::Columns => Order::Rows,
        };
        Self { order, rows: self.columns, columns: self.rows, ..self }
    }
}

/// Values from the first of `runs` runs to the end of the last; none where that is no number.
fn span(runs: usize, length: usize, stride: usize) -> Option<usize> {
    match runs.checked_sub(1) {
        Some(before) if length > 0 => before.checked_mul(stride)?.checked_add(length),
        _ => Some(0),
    }
}

/// How an engine stores factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// f32 in panels of this many columns.
    Panels(usize),
    /// bf16 tiles: one for each number, or two that add up to it.
    Tiles { parts: usize },
}

impl Engine {
    fn layout(self) -> Layout {
        let panels = Layout::Panels(panels::width(self.level()));
        match (self.level(), self.precision()) {
            (Level::Amx, Precision::F32) => Layout::Tiles { parts: 2 },
            (Level::Amx | Level::Avx512Bf16, Precision::Bf16) => Layout::Tiles { parts: 1 },
            _ => panels,
        }
    }
}

/// A left factor, packed.
#[derive(Debug)]
pub struct Left<'a> {
    rows: usize,
    depth: usize,
    form: LeftForm<'a>,
}

#[derive(Debug)]
enum LeftForm<'a> {
    /// Read where it lies.
    Panels { values: &'a [f32], row: usize, column: usize },
    #[cfg(target_arch = "x86_64")]
    Tiles(&'a [u16]),
}

/// A right factor, packed.
#[derive(Debug)]
pub struct Right<'a> {
    depth: usize,
    columns: usize,
    form: RightForm<'a>,
}

#[derive(Debug)]
enum RightForm<'a> {
    Panels(&'a [f32]),
    #[cfg(target_arch = "x86_64")]
    Tiles(&'a [u16]),
}

/// A right factor that owns its memory: weights, packed once for many products.
#[derive(Debug, Default)]
pub struct PackedRight {
    buffer: Buffer,
    depth: usize,
    columns: usize,
}

impl PackedRight {
    /// Packs `matrix` for `engine`, in the memory of what it held before.
    pub fn pack(&mut self, engine: Engine, matrix: Matrix) {
        (self.depth, self.columns) = (matrix.rows, matrix.columns);
        right(engine, matrix, &mut self.buffer);
    }

    /// The factor.
    ///
    /// `engine` must be the one it was packed for.
    pub fn right(&self, engine: Engine) -> Right<'_> {
        let form = match engine.layout() {
            Layout::Panels(_) => RightForm::Panels(&self.buffer),
            #[cfg(target_arch = "x86_64")]
            Layout::Tiles { .. } => RightForm::Tiles(self.buffer.as_halves()),
            #[cfg(not(target_arch = "x86_64"))]
            Layout::Tiles { .. } => unreachable!("no tile level without x86-64"),
        };
        Right { depth: self.depth, columns: self.columns, form }
    }
}

/// Packs a left factor into `buffer`.
pub fn left<'a>(engine: Engine, matrix: Matrix<'a>, buffer: &'a mut Buffer) -> Left<'a> {
    let (rows, depth) = (matrix.rows, matrix.columns);
    let form = match engine.layout() {
        Layout::Panels(_) if engine.precision() == Precision::Bf16 => {
            let values = buffer.floats(rows * depth);
            panels::rounded_rows(matrix, values);
            LeftForm::Panels { values, row: depth, column: 1 }
        }
        Layout::Panels(_) => {
            let (row, column) = match matrix.order {
                Order::Rows => (matrix.stride, 1),
                Order::Columns => (1, matrix.stride),
            };
            LeftForm::Panels { values: matrix.values, row, column }
        }
        #[cfg(target_arch = "x86_64")]
        Layout::Tiles { parts } => {
            let halves = buffer.halves(tiles::size(rows, depth, parts));
            packing::pack_left(matrix, parts, halves);
            LeftForm::Tiles(halves)
        }
        #[cfg(not(target_arch = "x86_64"))]
        Layout::Tiles { .. } => unreachable!("no tile level without x86-64"),
    };
    Left { rows, depth, form }
}

/// Packs a right factor into `buffer`.
pub fn right<'a>(engine: Engine, matrix: Matrix, buffer: &'a mut Buffer) -> Right<'a> {
    let (depth, columns) = (matrix.rows, matrix.columns);
    let form = match engine.layout() {
        Layout::Panels(width) => {
            let values = buffer.floats(columns.next_multiple_of(width) * depth);
            panels::pack_right(matrix, width, engine.precision(), values);
            RightForm::Panels(values)
        }
        #[cfg(target_arch = "x86_64")]
        Layout::Tiles { parts } => {
            let halves = buffer.halves(tiles::size(columns, depth, parts));
            packing::pack_right(matrix, parts, halves);
            RightForm::Tiles(halves)
        }
        #[cfg(not(target_arch = "x86_64"))]
        Layout::Tiles { .. } => unreachable!("no tile level without x86-64"),
    };
    Right { depth, columns, form }
}

/// What happens to the values that are already in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// They are replaced.
    Set,
    /// The product is added to them.
    Add,
}

/// `out = A B` or `out += A B`; rows of `out` start `stride` values apart.
///
/// # Panics
/// The factors' sizes differ or `out` is too short.
pub fn product(
    engine: Engine,
    a: &Left,
    b: &Right,
    update: Update,
    out: &mut [f32],
    stride: usize,
) {
    assert_eq!(a.depth, b.depth, "the factors have different depths");
    assert!(b.columns <= stride, "rows of {} overlap at stride {stride}", b.columns);
    let needed = span(a.rows, b.columns, stride);
    assert!(needed.is_some_and(|needed| needed <= out.len()), "the product does not fit");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    if a.depth == 0 {
        if update == Update::Set {
            out.chunks_mut(stride).take(a.rows).for_each(|row| row[..b.columns].fill(0.0));
        }
        return;
    }
    match (&a.form, &b.form) {
        (LeftForm::Panels { values, row, column }, RightForm::Panels(panels)) => {
            let shape = panels::Shape { rows: a.rows, columns: b.columns, depth: a.depth };
            let left = panels::Strided { values, row: *row, column: *column };
            panels::product(engine.level(), shape, left, panels, update, out, stride);
        }
        #[cfg(target_arch = "x86_64")]
        (LeftForm::Tiles(left), RightForm::Tiles(right)) => {
            let parts = if engine.precision() == Precision::F32 { 2 } else { 1 };
            let shape = tiles::Shape { rows: a.rows, columns: b.columns, depth: a.depth, parts };
            tiles::product(engine.level(), shape, left, right, update, out, stride);
        }
        #[cfg(target_arch = "x86_64")]
        _ => unreachable!("the factors were packed for different engines"),
    }
}

/// Whether the system lets this process use matrix tiles.
#[cfg(target_arch = "x86_64")]
pub(crate) fn tiles_are_available() -> bool {
    tiles::are_available()
}
