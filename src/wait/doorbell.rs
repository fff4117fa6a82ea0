//! Sleep and wake, for threads and tasks alike: the one file with that handshake.
//!
//! | who would sleep | who has news |
//! |---|---|
//! | look: nothing | store the news |
//! | register: `sleepers = n` | fence |
//! | fence | load `sleepers`; if any, wake them all |
//! | look again: nothing | |
//! | sleep | |
//!
//! Either the sleeper's second look finds the news, or the other side finds the sleeper. The fence on
//! the right is paid for every message, so while only threads sleep here it is
//! [`light`](asymmetric::light), and a thread pays a [`heavy`](asymmetric::heavy) one before it parks,
//! which costs little beside parking. Tasks register far more often, so from the first task on both
//! sides use full fences (`fenced`); becoming `fenced` itself takes one heavy fence, under the lock, so
//! that nobody sleeps on the strength of a fence that the other side does not have yet.
//!
//! Everybody is woken, so a sleeper that gives up takes nobody else's wake-up with it.

use std::collections::VecDeque;
use std::task::Waker;

use smallvec::SmallVec;

use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, Thread, asymmetric, fence};

/// Whom to wake.
pub(crate) enum Sleeper {
    Thread(Thread),
    Task(Waker),
}

impl Sleeper {
    fn wake(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// Names a sleeper at its doorbell.
pub(crate) type Key = u64;

pub(crate) struct Doorbell {
    /// Those who ring use a full fence.
    fenced: AtomicBool,
    /// How many are registered.
    sleepers: AtomicUsize,
    list: Mutex<VecDeque<(Key, Sleeper)>>,
}

/// Wakers run outside the lock, in groups of so many, so that none of them allocates.
const GROUP: usize = 16;

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            fenced: AtomicBool::new(!asymmetric::available()),
            sleepers: AtomicUsize::new(0),
            list: Mutex::new(VecDeque::new()),
        }
    }

    /// There is news, stored before this call: wakes everybody who sleeps here.
    #[inline(always)]
    pub(crate) fn ring(&self) {
        if self.has_sleepers() {
            self.wake_all();
        }
    }

    /// Whether somebody sleeps here who may not have seen what was stored before this call.
    #[inline(always)]
    pub(crate) fn has_sleepers(&self) -> bool {
        // Before the look at `fenced` as well: whoever reads it as unset must have stored its news before
        // the heavy fence that `register` runs after setting it, and not still be about to.
        asymmetric::light();
        if self.fenced.load(Ordering::Relaxed) {
            fence(Ordering::SeqCst);
        }
        self.sleepers.load(Ordering::Relaxed) != 0
    }

    /// Registers a sleeper, in the place of an earlier one of the same key. Look again afterwards.
    pub(crate) fn register(&self, key: Key, sleeper: Sleeper) {
        let mut list = self.list.lock();
        if matches!(sleeper, Sleeper::Task(_)) && !self.fenced.load(Ordering::Relaxed) {
            self.fenced.store(true, Ordering::Relaxed);
            asymmetric::heavy();
        }
        let fenced = self.fenced.load(Ordering::Relaxed);
        let replaced = match list.iter_mut().find(|(other, _)| *other == key) {
            Some((_, known)) => Some(std::mem::replace(known, sleeper)),
            None => {
                list.push_back((key, sleeper));
                None
            }
        };
        self.sleepers.store(list.len(), Ordering::Relaxed);
        drop(list);
        // Dropping a waker is user code.
        drop(replaced);
        if fenced {
            fence(Ordering::SeqCst);
        } else {
            asymmetric::heavy();
        }
    }

    /// Takes a sleeper off the list, if it is still there.
    pub(crate) fn cancel(&self, key: Key) {
        let mut list = self.list.lock();
        let found = list.iter().position(|(other, _)| *other == key);
        let sleeper = found.and_then(|index| list.remove(index));
        self.sleepers.store(list.len(), Ordering::Relaxed);
        drop(list);
        drop(sleeper);
    }

    /// Whether the sleeper of this key is registered.
    pub(crate) fn is_registered(&self, key: Key) -> bool {
        self.list.lock().iter().any(|(other, _)| *other == key)
    }

    /// How many sleep here.
    pub(crate) fn sleepers(&self) -> usize {
        self.sleepers.load(Ordering::Relaxed)
    }

    #[cold]
    fn wake_all(&self) {
        // Those who register again while we wake others are not ours to wake: they have looked since.
        let mut left = usize::MAX;
        while left > 0 {
            let mut list = self.list.lock();
            left = left.min(list.len());
            let group = left.min(GROUP);
            let woken: SmallVec<[(Key, Sleeper); GROUP]> = list.drain(..group).collect();
            self.sleepers.store(list.len(), Ordering::Relaxed);
            drop(list);
            left -= woken.len();
            woken.into_iter().for_each(|(_, sleeper)| sleeper.wake());
        }
    }
}
