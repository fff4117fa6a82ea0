//! Names that no other process gives, without asking the system or a random number for each.
//!
//! A name is the prefix of its process, drawn at random once, and a number of its own within it. Threads
//! take the numbers from one counter in blocks, so that they do not fight for it.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::OnceLock;
// Not through `sync`: nothing is ordered by these counters, and the models would have to step over them.
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that a thread takes from the counter at once. With 2^64 of them, none is ever used twice.
const BLOCK: u64 = 1024;

/// What all kinds of names are made of: 128 bits, of which the first 64 are the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unique {
    /// Never 0, so that an `Option` of a name is as small as the name.
    pub(crate) prefix: NonZeroU64,
    pub(crate) number: u64,
}

impl Unique {
    /// A name that nobody has.
    #[inline]
    pub(crate) fn fresh() -> Self {
        Self { prefix: process_prefix(), number: next_number() }
    }

    pub(crate) fn to_u128(self) -> u128 {
        u128::from(self.prefix.get()) << 64 | u128::from(self.number)
    }

    pub(crate) fn from_u128(bits: u128) -> Option<Self> {
        let prefix = NonZeroU64::new((bits >> 64) as u64)?;
        Some(Self { prefix, number: bits as u64 })
    }
}

impl Hash for Unique {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix.get() ^ self.number.rotate_left(32));
    }
}

/// The next number of this thread's block.
#[inline]
fn next_number() -> u64 {
    thread_local!(static BLOCK_LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) });
    BLOCK_LEFT.with(|block| {
        let (next, end) = block.get();
        let (next, end) = if next < end { (next, end) } else { take_block() };
        block.set((next + 1, end));
        next
    })
}

#[cold]
fn take_block() -> (u64, u64) {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let first = TAKEN.fetch_add(BLOCK, Ordering::Relaxed);
    (first, first + BLOCK)
}

/// The prefix of this process.
#[inline]
pub(crate) fn process_prefix() -> NonZeroU64 {
    static PREFIX: OnceLock<NonZeroU64> = OnceLock::new();
    *PREFIX.get_or_init(fresh_prefix)
}

/// A prefix that nothing else has: 64 bits from the system's source of randomness, which is what
/// `RandomState` is seeded with.
pub(crate) fn fresh_prefix() -> NonZeroU64 {
    loop {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        if let Some(prefix) = NonZeroU64::new(hasher.finish()) {
            return prefix;
        }
    }
}

/// Defines a kind of names.
macro_rules! kind_of_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 16 bytes, and so is an `Option` of it. Two of them are equal only if one was copied from the
        /// other: the first half is drawn at random by each process when it makes its first name (two
        /// out of a million processes share it with a probability of 10^-7), the second is counted.
        /// A process that goes on in both halves after a `fork` makes the same names twice.
        ///
        /// Its text is 32 hexadecimal digits.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) $crate::envelope::id::Unique);

        impl $name {
            /// A fresh one: some nanoseconds, no system call, nothing shared with other threads except
            /// once in 1,024 times.
            #[inline]
            #[expect(clippy::new_without_default, reason = "no two are alike: none is the default")]
            pub fn new() -> Self {
                Self($crate::envelope::id::Unique::fresh())
            }

            /// Its bits, for the wire.
            pub fn to_u128(self) -> u128 {
                self.0.to_u128()
            }

            /// The one that [`to_u128`](Self::to_u128) was called on; `None` for bits that no name has
            /// (the upper 64 are 0).
            pub fn from_u128(bits: u128) -> Option<Self> {
                $crate::envelope::id::Unique::from_u128(bits).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:032x}", self.to_u128())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::envelope::id::InvalidId;

            /// Reads what `Display` writes.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::envelope::id::parse(text).map(Self)
            }
        }
    };
}
pub(crate) use kind_of_name;

kind_of_name!(
    /// Names a message. Copies of an envelope share it.
    MessageId
);

kind_of_name!(
    /// Ties a reply to its request. Made by whoever asks ([`CorrelationId::new`]), or by the broker.
    CorrelationId
);

pub(crate) fn parse(text: &str) -> Result<Unique, InvalidId> {
    let refused = || InvalidId::new(text);
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refused());
    }
    let bits = u128::from_str_radix(text, 16).map_err(|_| refused())?;
    Unique::from_u128(bits).ok_or_else(refused)
}

/// A text that names nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId {
    text: String,
}

impl InvalidId {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no id: expected 32 hexadecimal digits, not all of the first 16 zero",
            self.text
        )
    }
}

impl Error for InvalidId {}
