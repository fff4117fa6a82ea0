//! What can go wrong. Messages come back to the caller; `Debug` never asks for `T: Debug`.

use std::error::Error;
use std::fmt;

/// Gives an error that carries a message its `Debug` (without the message), `Error` and `into_inner`.
macro_rules! returns_message {
    ($name:ident { $($variant:ident),+ }) => {
        impl<T> $name<T> {
            /// The message that was not published.
            pub fn into_inner(self) -> T {
                match self { $(Self::$variant(message))|+ => message }
            }
        }
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => concat!(stringify!($variant), "(..)")),+
                })
            }
        }
        impl<T> Error for $name<T> {}
    };
}

const FULL: &str = "the ring is full";
const CLOSED: &str = "the bus is closed";

/// The message was not published, because publishing would have had to wait, or never will succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPublishError<T> {
    /// A subscriber is a whole ring behind.
    Full(T),
    /// The bus is closed.
    Closed(T),
}
returns_message!(TryPublishError { Full, Closed });

impl<T> fmt::Display for TryPublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => FULL,
            Self::Closed(_) => CLOSED,
        })
    }
}

/// The bus is closed; here is the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublishError<T>(pub T);

impl<T> PublishError<T> {
    /// The message that was not published.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublishError(..)")
    }
}

impl<T> fmt::Display for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl<T> Error for PublishError<T> {}

/// The message was not published in time, or never will be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PublishTimeoutError<T> {
    /// The ring was full all the time.
    Timeout(T),
    /// The bus is closed.
    Closed(T),
}
returns_message!(PublishTimeoutError { Timeout, Closed });

impl<T> fmt::Display for PublishTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "the ring was full until the time was out",
            Self::Closed(_) => CLOSED,
        })
    }
}

/// The bus was closed in the middle of a batch.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishBatchError<T> {
    /// How many messages of the batch had been published; every subscriber still gets them.
    pub published: usize,
    /// The others, in order.
    pub rest: Vec<T>,
}

impl<T> PublishBatchError<T> {
    /// The messages that were not published, in order.
    pub fn into_inner(self) -> Vec<T> {
        self.rest
    }
}

impl<T> fmt::Debug for PublishBatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PublishBatchError");
        shown.field("published", &self.published).field("rest", &self.rest.len()).finish()
    }
}

impl<T> fmt::Display for PublishBatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (published, rest) = (self.published, self.rest.len());
        write!(f, "{CLOSED}: {published} messages of the batch were published, {rest} were not")
    }
}

impl<T> Error for PublishBatchError<T> {}

/// The bus is closed (where there is no message to give back).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl Error for Closed {}

/// Nothing was written in place, because that would have had to wait, or never will succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPublishWithError {
    /// A subscriber is a whole ring behind.
    Full,
    /// The bus is closed.
    Closed,
}

impl fmt::Display for TryPublishWithError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => FULL,
            Self::Closed => CLOSED,
        })
    }
}

impl Error for TryPublishWithError {}

/// Defines an error of receiving: the cases that all share, and what this way of waiting adds.
macro_rules! receive_error {
    ($(#[$doc:meta])* $name:ident $({ $(#[$extra_doc:meta])* $extra:ident => $text:literal })?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$extra_doc])* $extra,)?
            /// A `DropOldest` subscription has lost this many messages. Told once for each loss; the
            /// next call goes on behind the gap.
            Lagged(u64),
            /// An `Evict` subscription was in the way and is over; it had not read this many messages.
            Evicted(u64),
            /// The bus is closed and everything has been read.
            Closed,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$extra => f.write_str($text),)?
                    Self::Lagged(count) => write!(f, "lagged behind and lost {count} messages"),
                    Self::Evicted(count) => {
                        write!(f, "evicted with {count} messages unread, for holding up publishers")
                    }
                    Self::Closed => f.write_str("the bus is closed and everything has been read"),
                }
            }
        }

        impl Error for $name {}
    };
}

receive_error!(
    /// Nothing was received, and why, without waiting.
    TryRecvError { /// Nothing has been published that was not read.
        Empty => "no message is waiting" }
);
receive_error!(
    /// Nothing was received, and why.
    RecvError
);
receive_error!(
    /// Nothing was received, and why, within the time given.
    RecvTimeoutError { /// Nothing was published in time.
        Timeout => "no message arrived in time" }
);

impl TryRecvError {
    /// What a look has found, for one who waits: `None` as long as there is nothing.
    #[inline(always)]
    pub(crate) fn settle(looked: Result<(), Self>) -> Option<Result<(), RecvError>> {
        match looked {
            Ok(()) => Some(Ok(())),
            Err(Self::Empty) => None,
            Err(Self::Lagged(count)) => Some(Err(RecvError::Lagged(count))),
            Err(Self::Evicted(count)) => Some(Err(RecvError::Evicted(count))),
            Err(Self::Closed) => Some(Err(RecvError::Closed)),
        }
    }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Lagged(count) => Self::Lagged(count),
            RecvError::Evicted(count) => Self::Evicted(count),
            RecvError::Closed => Self::Closed,
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Lagged(count) => Self::Lagged(count),
            RecvError::Evicted(count) => Self::Evicted(count),
            RecvError::Closed => Self::Closed,
        }
    }
}

/// A bus could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The capacity was 0.
    ZeroCapacity,
    /// More messages were to be retained than the ring holds.
    RetainTooLarge {
        /// The number given to `retain`.
        retain: usize,
        /// The number given to `capacity`.
        capacity: usize,
    },
    /// The memory for so many messages is not to be had.
    OutOfMemory {
        /// The number given to `capacity`.
        capacity: usize,
        /// The size of a message in bytes.
        message_size: usize,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroCapacity => f.write_str("a bus of capacity 0: expected at least 1"),
            Self::RetainTooLarge { retain, capacity } => write!(
                f,
                "retain of {retain} is larger than the capacity of {capacity}: expected at most that"
            ),
            Self::OutOfMemory { capacity, message_size } => write!(
                f,
                "no memory for a capacity of {capacity} messages of {message_size} bytes each"
            ),
        }
    }
}

impl Error for BuildError {}

/// A subscription could not be made. Each case names the subscriber given to `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// A subscriber of another bus.
    AfterOtherBus {
        /// Its name.
        name: String,
    },
    /// A subscriber that has been evicted, so that there is nothing to come after.
    AfterEvicted {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterOtherBus { name } => {
                write!(f, "cannot come after {name:?}: it subscribes to another bus")
            }
            Self::AfterEvicted { name } => {
                write!(f, "cannot come after {name:?}: it has been evicted")
            }
        }
    }
}

impl Error for SubscribeError {}
