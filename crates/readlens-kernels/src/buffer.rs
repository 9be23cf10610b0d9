//! Memory for rows of f32 that is kept between uses.

use std::ops::{Deref, DerefMut};

/// Growing memory aligned to the cache line: rows whose width is a multiple of 16 never straddle
/// two lines, which would double the cost of every vector and tile access.
#[derive(Debug, Default)]
pub struct Buffer(Vec<Line>);

#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Buffer {
    /// The first `count` values, whatever they were; memory that is new holds zeros. Memory that is
    /// too small is given back before larger memory is asked for.
    pub fn floats(&mut self, count: usize) -> &mut [f32] {
        self.reserve(count.div_ceil(16));
        &mut self[..count]
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn halves(&mut self, count: usize) -> &mut [u16] {
        self.reserve(count.div_ceil(32));
        &mut bytemuck::cast_slice_mut(&mut self.0)[..count]
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn as_halves(&self) -> &[u16] {
        bytemuck::cast_slice(&self.0)
    }

    fn reserve(&mut self, lines: usize) {
        if self.0.len() < lines {
            self.0 = Vec::new();
            self.0 = vec![Line([0.0; 16]); lines];
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

/// Distance between rows of `width` values: room for whole pairs of vectors, and an odd number of
/// cache lines, so that the rows of a tall block do not share the few sets of the cache that a
/// power of two would give them.
pub(crate) fn spaced(width: usize) -> usize {
    width.next_multiple_of(32) + 16
}
