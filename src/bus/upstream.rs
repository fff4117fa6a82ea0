//! What a subscription can come after.

use crate::bus::subscriber::Subscriber;

/// What a subscription can come after: a [`Subscriber`], a handler of any router on the same bus, and whatever else
/// reads there under a name of its own.
pub trait Upstream<T>: follow::Follow<T> {}

impl<T> Upstream<T> for Subscriber<T> {}

/// Seals [`Upstream`], and hides what it is made of.
pub(crate) mod follow {
    use std::sync::Arc as StdArc;

    use crate::bus::core::Core;
    use crate::bus::error::SubscribeError;
    use crate::bus::subscriber::Subscriber;
    use crate::ring::cursor::Cursor;
    use crate::sync::Arc;

    /// The bus of the one who follows.
    pub struct On<'a, T>(pub(crate) &'a Arc<Core<T>>);

    /// The cursor to stay behind.
    pub struct Place(pub(crate) Result<StdArc<Cursor>, SubscribeError>);

    /// Has a cursor that another can stay behind.
    pub trait Follow<T> {
        #[doc(hidden)]
        fn place(&self, on: On<'_, T>) -> Place;
    }

    impl<T> Follow<T> for Subscriber<T> {
        fn place(&self, on: On<'_, T>) -> Place {
            Place(self.follow(on.0))
        }
    }
}
