use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

use readlens_kmer::{CLS, PAD, UNK};

/// A window as networks read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowTokens<'a> {
    /// Token ids, with CLS where the tokenization has one.
    pub ids: &'a [u32],
    /// Bases before its first whole codon, 0 to 2, where its reading frame is known.
    pub phase: Option<u8>,
}

impl<'a> WindowTokens<'a> {
    /// A window of which no reading frame is known.
    pub fn unframed(ids: &'a [u32]) -> Self {
        Self { ids, phase: None }
    }
}

/// Token rows of one batch, padded to the longest.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// Token ids, u32 `(batch, tokens)`.
    pub ids: Tensor,
    /// 1 where a token may be masked (a k-mer or UNK), 0 on CLS and padding; `(batch, tokens)`.
    pub maskable: Tensor,
    /// 1 where there is a token at all, 0 on padding; `(batch, tokens)`.
    pub present: Tensor,
    /// Whether every row opens with CLS.
    pub has_cls: bool,
    pub(crate) ragged: Arc<Ragged>,
}

/// The rows of a batch one after the other, as kernels read them.
#[derive(Debug)]
pub(crate) struct Ragged {
    /// Token ids without padding.
    pub(crate) ids: Vec<u32>,
    /// Tokens of each row.
    pub(crate) lengths: Vec<usize>,
    /// Phase of each row, where its reading frame is known.
    pub(crate) phases: Vec<Option<u8>>,
    /// Tokens of a padded row.
    pub(crate) width: usize,
}

impl Ragged {
    fn new(rows: &[WindowTokens], width: usize) -> Self {
        // Rows may come padded.
        let real = |row: &WindowTokens| {
            row.ids.iter().rposition(|&id| id != PAD).map_or(0, |last| last + 1)
        };
        let lengths: Vec<usize> = rows.iter().map(real).collect();
        let ids = rows.iter().zip(&lengths).flat_map(|(row, &length)| &row.ids[..length]);
        let phases = rows.iter().map(|row| row.phase).collect();
        Self { ids: ids.copied().collect(), lengths, phases, width }
    }

    /// The rows, without padding.
    pub(crate) fn rows(&self) -> impl Iterator<Item = WindowTokens<'_>> {
        let mut rest = self.ids.as_slice();
        self.lengths.iter().zip(&self.phases).map(move |(&length, &phase)| {
            let (ids, others) = rest.split_at(length);
            rest = others;
            WindowTokens { ids, phase }
        })
    }

    /// The values of real tokens among those of padded rows.
    pub(crate) fn gather(&self, padded: &[f32]) -> Vec<f32> {
        self.gather_wide(padded, 1)
    }

    /// [`Ragged::gather`] of `width` values per token.
    pub(crate) fn gather_wide(&self, padded: &[f32], width: usize) -> Vec<f32> {
        let rows = padded.chunks_exact(self.width * width).zip(&self.lengths);
        rows.flat_map(|(row, &length)| &row[..length * width]).copied().collect()
    }

    /// Padded rows with zeros past each row's end; the inverse of [`Ragged::gather`].
    pub(crate) fn scatter(&self, values: &[f32], device: &Device) -> Result<Tensor> {
        Tensor::from_vec(self.scatter_wide(values, 1), (self.lengths.len(), self.width), device)
    }

    /// Padded rows of `width` values per token; the inverse of [`Ragged::gather_wide`].
    pub(crate) fn scatter_wide(&self, values: &[f32], width: usize) -> Vec<f32> {
        let mut padded = vec![0f32; self.lengths.len() * self.width * width];
        let mut rest = values;
        for (row, &length) in padded.chunks_exact_mut(self.width * width).zip(&self.lengths) {
            let (values, others) = rest.split_at(length * width);
            row[..length * width].copy_from_slice(values);
            rest = others;
        }
        padded
    }
}

impl TokenBatch {
    /// Pads `rows` with PAD; `dtype` is that of the networks the batch is for.
    ///
    /// A batch has CLS if its first row does; a stage gives rows of one tokenization only.
    ///
    /// # Errors
    /// candle cannot allocate, a row of a batch with CLS does not open with it, or padding comes
    /// before a token.
    pub fn new(rows: &[WindowTokens], dtype: DType, device: &Device) -> Result<Self> {
        let batch = rows.len();
        let tokens = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0).max(1);
        let mut ids = vec![PAD; batch * tokens];
        for (row, out) in rows.iter().zip(ids.chunks_mut(tokens)) {
            out[..row.ids.len()].copy_from_slice(row.ids);
        }
        let flags = |keep: fn(u32) -> bool| {
            let flags: Vec<f32> = ids.iter().map(|&id| f32::from(u8::from(keep(id)))).collect();
            Tensor::from_vec(flags, (batch, tokens), device)?.to_dtype(dtype)
        };
        let maskable = flags(|id| id > CLS || id == UNK)?;
        let present = flags(|id| id != PAD)?;
        let has_cls = rows.first().is_some_and(|row| row.ids.first() == Some(&CLS));
        let ragged = Ragged::new(rows, tokens);
        if has_cls && rows.iter().any(|row| row.ids.first() != Some(&CLS)) {
            candle_core::bail!("a row without CLS in a batch of rows with it");
        }
        if ragged.ids.contains(&PAD) {
            candle_core::bail!("padding before a token");
        }
        Ok(Self {
            maskable,
            present,
            has_cls,
            ragged: Arc::new(ragged),
            ids: Tensor::from_vec(ids, (batch, tokens), device)?,
        })
    }

    /// [`TokenBatch::new`] of windows of which no reading frame is known.
    ///
    /// # Errors
    /// As [`TokenBatch::new`].
    pub fn unframed(rows: &[&[u32]], dtype: DType, device: &Device) -> Result<Self> {
        let rows: Vec<WindowTokens> = rows.iter().map(|ids| WindowTokens::unframed(ids)).collect();
        Self::new(&rows, dtype, device)
    }

    /// `mask`, or all ones where there is none, as operations on the CPU read it: contiguous f32.
    pub(crate) fn mask_on_cpu(&self, mask: Option<&Tensor>) -> Result<Tensor> {
        let mask = mask.unwrap_or(&self.present);
        if mask.dims() != self.ids.dims() {
            let (found, expected) = (mask.dims(), self.ids.dims());
            candle_core::bail!("a mask of shape {found:?} for tokens of shape {expected:?}");
        }
        mask.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.contiguous()
    }

    /// 1 at the position behind the last token of each row, where an end goes; `(batch, tokens +
    /// 1)`.
    pub(crate) fn ends(&self) -> Result<Tensor> {
        let (rows, width) = (self.ragged.lengths.len(), self.ragged.width + 1);
        let mut ends = vec![0f32; rows * width];
        for (row, &length) in ends.chunks_exact_mut(width).zip(&self.ragged.lengths) {
            row[length] = 1.0;
        }
        let ends = Tensor::from_vec(ends, (rows, width), self.ids.device())?;
        ends.to_dtype(self.present.dtype())
    }

    /// Rows and padded tokens.
    ///
    /// # Errors
    /// Never for a batch made by [`TokenBatch::new`].
    pub fn dims(&self) -> Result<(usize, usize)> {
        self.ids.dims2()
    }

    /// Values for the real tokens of each row (CLS excluded) in place, 0 elsewhere;
    /// `(batch, tokens)`.
    ///
    /// # Errors
    /// A row of `values` is longer than its tokens.
    pub fn place(&self, values: &[&[f32]]) -> Result<Tensor> {
        let (rows, tokens) = self.dims()?;
        let first = usize::from(self.has_cls);
        let mut placed = vec![0f32; rows * tokens];
        for (row, values) in placed.chunks_mut(tokens).zip(values) {
            if first + values.len() > tokens {
                candle_core::bail!("{} values for {} tokens", values.len(), tokens - first);
            }
            row[first..first + values.len()].copy_from_slice(values);
        }
        let placed = Tensor::from_vec(placed, (rows, tokens), self.ids.device())?;
        placed.to_dtype(self.present.dtype())
    }

    /// The whole of every row: 1 on CLS and real tokens, 0 on padding, as [`crate::masking`]
    /// expects of a mask.
    pub fn all_ones(&self) -> &Tensor {
        &self.present
    }
}
