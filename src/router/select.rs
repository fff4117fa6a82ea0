//! Which messages a handler is called with.

/// Picks the messages that a handler is called with, looking at them where they are. Made by
/// [`HandlerBuilder::filter`](crate::HandlerBuilder::filter) and
/// [`HandlerBuilder::topic`](crate::HandlerBuilder::topic).
pub trait Select<T>: Send + 'static {
    /// What the handler is called with.
    type Item: ?Sized;

    /// Whether every message is picked as it is, so that nobody need look.
    const EVERYTHING: bool = false;

    /// The message, or the part of it that the handler wants; `None` to pass it over.
    fn select<'m>(&self, message: &'m T) -> Option<&'m Self::Item>;
}

/// Picks every message.
#[derive(Clone, Copy, Debug)]
pub struct All;

impl<T> Select<T> for All {
    type Item = T;
    const EVERYTHING: bool = true;

    #[inline(always)]
    fn select<'m>(&self, message: &'m T) -> Option<&'m T> {
        Some(message)
    }
}

/// Picks the messages that a closure says yes to.
#[derive(Clone, Copy, Debug)]
pub struct Filter<P>(pub(crate) P);

impl<T, P: Fn(&T) -> bool + Send + 'static> Select<T> for Filter<P> {
    type Item = T;

    #[inline(always)]
    fn select<'m>(&self, message: &'m T) -> Option<&'m T> {
        (self.0)(message).then_some(message)
    }
}

/// Picks the part of each message that a closure finds in it.
#[derive(Debug)]
pub struct Narrowed<P, U: ?Sized>(pub(crate) P, pub(crate) std::marker::PhantomData<fn(&U)>);

impl<T, U, P> Select<T> for Narrowed<P, U>
where
    U: ?Sized + 'static,
    P: Fn(&T) -> Option<&U> + Send + 'static,
{
    type Item = U;

    #[inline(always)]
    fn select<'m>(&self, message: &'m T) -> Option<&'m U> {
        (self.0)(message)
    }
}
