//! Cells that are found by number and never move: segments, each twice as large as the one before.

use std::sync::OnceLock;

/// Cells in the first segment. (Few in the models.)
const FIRST: usize = if cfg!(stentor_loom) { 2 } else { 64 };

/// Segments for some 16 million cells.
const SEGMENTS: usize = 18;

pub(crate) struct Slab<T> {
    segments: [OnceLock<Box<[T]>>; SEGMENTS],
}

/// The segment of a cell, and its place there.
fn place(index: usize) -> (usize, usize) {
    let count = index / FIRST + 1;
    let segment = count.ilog2() as usize;
    (segment, index - FIRST * ((1 << segment) - 1))
}

impl<T: Default> Slab<T> {
    pub(crate) fn new() -> Self {
        let slab = Self { segments: [const { OnceLock::new() }; SEGMENTS] };
        // The model checker does not know `OnceLock`: what the models need is there from the beginning.
        slab.grow(0);
        slab
    }

    /// How many cells there can be.
    pub(crate) const LIMIT: usize = FIRST * ((1 << SEGMENTS) - 1);

    /// The cell of this number, if it has been made. No lock, and one step whatever the number.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (segment, offset) = place(index);
        self.segments.get(segment)?.get()?.get(offset)
    }

    /// Makes the segment of this cell, if it is not there yet; `None` beyond the limit.
    pub(crate) fn grow(&self, index: usize) -> Option<&T> {
        let (segment, offset) = place(index);
        let make = || (0..FIRST << segment).map(|_| T::default()).collect();
        self.segments.get(segment)?.get_or_init(make).get(offset)
    }
}
