//! Futures of handlers, in memory that a thread lends them while they run: an actor that is idle has none, and one
//! that handles its messages allocates none.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Blocks of the smallest class; each of the others has twice as many bytes.
const LEAST: usize = 64;
/// Classes: up to 8 KB.
const CLASSES: usize = 8;
/// What blocks are aligned to.
const ALIGN: usize = 16;
/// A thread keeps at most so many blocks of a class.
const KEPT: usize = 32;

/// A block for one future after the other, of the same size or a smaller one.
#[derive(Default)]
pub(crate) struct Block {
    /// Where it is, and for which layout, while there is one.
    lent: Option<(NonNull<u8>, Layout)>,
}

// SAFETY: it owns the block as a `Box` does, and blocks belong to no thread.
unsafe impl Send for Block {}
// SAFETY: shared, it gives nothing.
unsafe impl Sync for Block {}

impl Block {
    /// Puts a future into the block, where it stays until what is given is dropped.
    #[inline(always)]
    pub(crate) fn hold<F>(&mut self, make: impl FnOnce() -> F) -> Held<'_, F> {
        let layout = Layout::new::<F>();
        let block = match self.lent {
            Some((block, lent)) if lent == layout => block,
            _ => self.exchange(layout),
        };
        let block = block.cast::<F>();
        // SAFETY: a block for this layout, borrowed for as long as the future is there.
        unsafe { block.write(make()) };
        Held { future: block, _block: PhantomData }
    }

    #[inline(never)]
    fn exchange(&mut self, layout: Layout) -> NonNull<u8> {
        self.give_back();
        let block = take(layout);
        self.lent = Some((block, layout));
        block
    }

    /// Gives the block back, if there is one.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if let Some((block, layout)) = self.lent.take() {
            give(block, layout);
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A future in its block.
pub(crate) struct Held<'a, F> {
    /// It is the owner's alone, and does not move.
    future: NonNull<F>,
    _block: PhantomData<&'a mut Block>,
}

// SAFETY: it owns the future as a `Box` does.
unsafe impl<F: Send> Send for Held<'_, F> {}

impl<F: Future> Future for Held<'_, F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: written by `hold`, and dropped where it is by `drop`: it never moves.
        unsafe { Pin::new_unchecked(self.future.as_mut()) }.poll(cx)
    }
}

impl<F> Drop for Held<'_, F> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: written by `hold`, dropped once.
        unsafe { self.future.drop_in_place() };
    }
}

/// The blocks that nobody has.
struct Pool([Vec<NonNull<u8>>; CLASSES]);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool([const { Vec::new() }; CLASSES])) };
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (class, blocks) in self.0.iter_mut().enumerate() {
            for block in blocks.drain(..) {
                // SAFETY: allocated by `take` with the layout of its class.
                unsafe { dealloc(block.as_ptr(), layout_of(class)) };
            }
        }
    }
}

/// The class of a layout; `None` for what no class has.
#[inline(always)]
const fn class_of(layout: Layout) -> Option<usize> {
    if layout.align() > ALIGN || layout.size() > LEAST << (CLASSES - 1) {
        return None;
    }
    Some(layout.size().div_ceil(LEAST).next_power_of_two().trailing_zeros() as usize)
}

fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align(LEAST << class, ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!("some kilobytes"),
    }
}

/// A block for this layout: one that was given back on this thread, or a fresh one.
fn take(layout: Layout) -> NonNull<u8> {
    let Some(class) = class_of(layout) else { return allocate(layout) };
    // Where the thread is ending, it has no pool any more.
    let pooled = POOL.try_with(|pool| pool.borrow_mut().0[class].pop());
    pooled.ok().flatten().unwrap_or_else(|| allocate(layout_of(class)))
}

#[cold]
fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout of size 0 comes here: those have a class, whose blocks have bytes.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives back the block of a layout.
fn give(block: NonNull<u8>, layout: Layout) {
    let Some(class) = class_of(layout) else { return release(block, layout) };
    let is_kept = POOL.try_with(|pool| {
        let blocks = &mut pool.borrow_mut().0[class];
        let has_room = blocks.len() < KEPT;
        if has_room {
            blocks.push(block);
        }
        has_room
    });
    if is_kept != Ok(true) {
        release(block, layout_of(class));
    }
}

#[cold]
fn release(block: NonNull<u8>, layout: Layout) {
    // SAFETY: allocated by `allocate` with this layout, and nobody has it any more.
    unsafe { dealloc(block.as_ptr(), layout) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_fits_its_class() {
        for size in 0..LEAST << (CLASSES - 1) {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let class = class_of(layout).unwrap();
            assert!(class < CLASSES && layout_of(class).size() >= size);
            assert!(class == 0 || layout_of(class - 1).size() < size);
        }
        let too_large = Layout::from_size_align((LEAST << (CLASSES - 1)) + 1, 8).unwrap();
        let too_aligned = Layout::from_size_align(8, 2 * ALIGN).unwrap();
        assert_eq!([class_of(too_large), class_of(too_aligned)], [None, None]);
    }

    #[test]
    fn a_block_is_used_again() {
        let mut block = Block::default();
        let place = block.hold(|| [1_u64; 20]).future.cast::<u8>();
        assert_eq!(block.hold(|| [2_u64; 20]).future.cast::<u8>(), place);
        block.give_back();
        assert_eq!(Block::default().hold(|| [3_u64; 25]).future.cast::<u8>(), place);
    }
}
