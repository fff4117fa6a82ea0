//! The memory of the ring: a power of two of slots, each for one message.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::ring::sequence::Sequence;
use crate::sync::{UnsafeCell, prefetch_for_write};

type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// Slots begin on a line (on a pair of them, as the prefetcher fetches two), so that a message of
/// 64 bytes is one line and not halves of two.
const ALIGNMENT: usize = 128;

/// The slots. Which of them hold a message is the sequencer's knowledge: every method that reads or
/// writes one asks its caller for the right to.
pub(crate) struct Slots<T> {
    /// The first slot; `mask + 1` follow each other from here.
    first: NonNull<Slot<T>>,
    /// Slots minus one; their number is a power of two.
    mask: u64,
}

// SAFETY: a slot is written by one thread at a time and read by many, as its callers promise
// (`replace`, `get`). Values move in from any thread and out to any other: `Send`. They are read in
// place by several at once: `Sync`.
unsafe impl<T: Send> Send for Slots<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Slots<T> {}

impl<T> Slots<T> {
    /// `None` where the machine cannot give the memory. `capacity` is a power of two.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        debug_assert!(capacity.is_power_of_two());
        let layout = Self::layout(capacity)?;
        let first = if layout.size() == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: the layout's size is not 0.
            NonNull::new(unsafe { alloc(layout) }.cast::<Slot<T>>())?
        };
        #[cfg(stentor_loom)]
        for index in 0..capacity {
            // SAFETY: `index` is within the allocation just made. (A model's cell has a state.)
            unsafe { first.add(index).write(UnsafeCell::new(MaybeUninit::uninit())) };
        }
        Some(Self { first, mask: capacity as u64 - 1 })
    }

    /// How many slots there are.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// Has the line of a slot brought here, to be written soon: readers have it. Touches nothing.
    #[inline(always)]
    pub(crate) fn prefetch(&self, sequence: Sequence) {
        prefetch_for_write(std::ptr::from_ref(self.slot(sequence)));
    }

    /// Moves the message at `from` into its slot. If the message of one lap ago, which was there, needs to be
    /// dropped, that is at `from` now, and the caller's: then true.
    ///
    /// # Safety
    /// The caller alone may touch the slot of `sequence` (it has claimed it and everybody is past its
    /// previous message), and it holds that previous message if `sequence >= capacity`. The message at
    /// `from` is the caller's, who takes it for moved.
    #[inline(always)]
    pub(crate) unsafe fn exchange(&self, sequence: Sequence, from: *mut T) -> bool {
        let exchanges = std::mem::needs_drop::<T>() && sequence > self.mask;
        self.slot(sequence).with_mut(|slot| {
            // SAFETY: the caller has the slot and what is at `from` to itself; the old message is there after
            // lap one.
            unsafe {
                if exchanges {
                    std::ptr::swap_nonoverlapping(slot.cast(), from, 1);
                } else {
                    slot.copy_from_nonoverlapping(from.cast(), 1);
                }
            }
        });
        exchanges
    }

    /// Calls `f` on the message of one lap ago, or on `first()` in the first lap, in its slot.
    ///
    /// # Safety
    /// As [`Self::replace`].
    pub(crate) unsafe fn rewrite(
        &self,
        sequence: Sequence,
        first: Option<T>,
        f: impl FnOnce(&mut T),
    ) {
        self.slot(sequence).with_mut(|slot| {
            // SAFETY: the caller has the slot to itself, and it is written here or was a lap ago.
            unsafe {
                if let Some(first) = first {
                    slot.write(MaybeUninit::new(first));
                }
                f((*slot).assume_init_mut());
            }
        });
    }

    /// The slots, for one who reads several messages.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_, T> {
        View { first: self.first, mask: self.mask, slots: PhantomData }
    }

    /// Drops the messages from `from` up to `to`, of which there are at most one lap.
    ///
    /// # Safety
    /// They are published and nobody else will touch their slots.
    pub(crate) unsafe fn clear(&mut self, from: Sequence, to: Sequence) {
        /// Goes on with the rest when a message's `Drop` panics.
        struct Rest<'a, T>(&'a Slots<T>, Sequence, Sequence);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                let Self(slots, next, to) = self;
                while next < to {
                    let slot = slots.slot(*next);
                    *next += 1;
                    // SAFETY: published, once each, and nobody else is there (`clear`'s contract).
                    slot.with_mut(|slot| unsafe { (*slot).assume_init_drop() });
                }
            }
        }
        if !std::mem::needs_drop::<T>() {
            return;
        }
        let mut rest = Rest(self, from, to);
        while rest.1 < to {
            let slot = rest.0.slot(rest.1);
            rest.1 += 1;
            // SAFETY: as above.
            slot.with_mut(|slot| unsafe { (*slot).assume_init_drop() });
        }
    }

    #[inline(always)]
    fn slot(&self, sequence: Sequence) -> &Slot<T> {
        self.view().slot(sequence)
    }

    fn layout(capacity: usize) -> Option<Layout> {
        Layout::array::<Slot<T>>(capacity).ok()?.align_to(ALIGNMENT).ok()
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        let capacity = self.mask as usize + 1;
        #[cfg(stentor_loom)]
        for index in 0..capacity {
            // SAFETY: written by `new`, dropped once; the messages themselves are `clear`'s affair.
            unsafe { self.first.add(index).drop_in_place() };
        }
        let Some(layout) = Self::layout(capacity) else { handle_alloc_error(Layout::new::<T>()) };
        if layout.size() != 0 {
            // SAFETY: allocated by `new` with this layout.
            unsafe { dealloc(self.first.as_ptr().cast(), layout) };
        }
    }
}

/// The slots as a reader has them: where they are, by value. So a loop that calls the user's code with each message
/// keeps it in registers; through a reference it would be fetched again each time, for that code may write anywhere.
pub(crate) struct View<'a, T> {
    first: NonNull<Slot<T>>,
    mask: u64,
    slots: PhantomData<&'a Slots<T>>,
}

// SAFETY: it is a reference to the slots, which are `Sync` if messages are `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for View<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for View<'_, T> {}

impl<'a, T> View<'a, T> {
    /// The message in its slot.
    ///
    /// # Safety
    /// `sequence` is published, seen by an acquire of its publication, and its slot cannot be claimed
    /// again while `'m` lasts.
    #[inline(always)]
    pub(crate) unsafe fn get<'m>(&self, sequence: Sequence) -> &'m T {
        // SAFETY: published, so written; not claimed again, so not written now.
        self.slot(sequence).with(|slot| unsafe { (*slot).assume_init_ref() })
    }

    /// The index of a message's slot.
    #[inline(always)]
    fn index(&self, sequence: Sequence) -> usize {
        (sequence & self.mask) as usize
    }

    #[inline(always)]
    fn slot(&self, sequence: Sequence) -> &'a Slot<T> {
        // SAFETY: the index is below the number of slots, all of which are allocated as long as they are
        // borrowed and, being cells of `MaybeUninit`, are valid from the start.
        unsafe { self.first.add(self.index(sequence)).as_ref() }
    }
}
