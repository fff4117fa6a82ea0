//! What decides which member of a group a message goes to.

use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

/// What decides which member of a group a message goes to. Made by
/// [`GroupBuilder::key`](crate::GroupBuilder::key) and
/// [`GroupBuilder::key_ref`](crate::GroupBuilder::key_ref).
pub trait Key<T>: Send + Sync + 'static {
    /// The hash of the message's key. Every member calls it with every message, and must get the same.
    fn hash(&self, message: &T, sequence: u64) -> u64;
}

/// Messages have no keys: they are spread evenly.
#[derive(Clone, Copy, Debug)]
pub struct Spread;

impl<T> Key<T> for Spread {
    #[inline(always)]
    fn hash(&self, _: &T, sequence: u64) -> u64 {
        // Multiples of the golden ratio: neighbours are far from each other.
        sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A closure makes the key.
#[derive(Debug)]
pub struct ByValue<P, Q>(pub(crate) P, pub(crate) PhantomData<fn() -> Q>);

impl<T, Q, P> Key<T> for ByValue<P, Q>
where
    Q: Hash + 'static,
    P: Fn(&T) -> Q + Send + Sync + 'static,
{
    #[inline(always)]
    fn hash(&self, message: &T, _: u64) -> u64 {
        foldhash::fast::FixedState::default().hash_one((self.0)(message))
    }
}

/// A closure finds the key in the message.
#[derive(Debug)]
pub struct ByRef<P, Q: ?Sized>(pub(crate) P, pub(crate) PhantomData<fn(&Q)>);

impl<T, Q, P> Key<T> for ByRef<P, Q>
where
    Q: Hash + ?Sized + 'static,
    P: Fn(&T) -> &Q + Send + Sync + 'static,
{
    #[inline(always)]
    fn hash(&self, message: &T, _: u64) -> u64 {
        foldhash::fast::FixedState::default().hash_one((self.0)(message))
    }
}
