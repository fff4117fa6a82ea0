//! What can be chosen of a broker, and what is chosen unless said: in one place.

use std::error::Error;
use std::fmt;

use crate::bus::BuildError;
use crate::envelope::Timestamp;
use crate::wait::strategy::WaitStrategy;

/// What can be chosen of an in-memory broker.
///
/// ```
/// use stentor::{BrokerConfig, InMemoryMessageBroker};
///
/// let config = BrokerConfig { capacity: 4096, ..BrokerConfig::default() };
/// let broker = InMemoryMessageBroker::<String>::builder().config(config).build();
/// assert_eq!(broker.metrics().capacity, 4096);
/// ```
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// How many messages a subscriber may be behind before it holds up publishers (or is dealt with by
    /// its [`Overflow`](crate::Overflow)); rounded up to a power of two. 1,024 unless said.
    pub capacity: usize,
    /// How many of the last messages stay readable for those who join with
    /// [`Start::Oldest`](crate::Start); at most the capacity. 0 unless said.
    pub retain: usize,
    /// How threads wait. [`WaitStrategy::Adaptive`] unless said.
    pub wait: WaitStrategy,
    /// How many requests may wait for their replies at a time; at most 2^20. 1,024 unless said. Memory for
    /// them is taken with the first request.
    pub pending_requests: usize,
    /// How many dead letters a listener may be behind before it loses the oldest; rounded up to a power of
    /// two. 256 unless said.
    pub dead_letters: usize,
    /// How many dead letters are logged in a second at most. 10 unless said. Whatever is logged, all are
    /// counted.
    pub dead_letter_logs: u32,
    /// How messages get their timestamps. [`Clock::Coarse`] unless said.
    pub clock: Clock,
    /// What wakes requests whose time is out. [`Timer::Thread`] unless said.
    pub timer: Timer,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            capacity: 1024,
            retain: 0,
            wait: WaitStrategy::default(),
            pending_requests: 1024,
            dead_letters: 256,
            dead_letter_logs: 10,
            clock: Clock::default(),
            timer: Timer::default(),
        }
    }
}

/// How messages that have no timestamp get one when they are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// By [`Timestamp::coarse`]: some 10 ns, and up to 4 ms behind. Those with a ttl by `Precise`.
    #[default]
    Coarse,
    /// By [`Timestamp::now`]: some 60 ns.
    Precise,
    /// They get none. Those with a ttl do by `Precise`.
    Off,
}

impl Clock {
    #[inline(always)]
    pub(crate) fn now(self, expires: bool) -> Option<Timestamp> {
        match self {
            _ if expires => Some(Timestamp::now()),
            Self::Coarse => Some(Timestamp::coarse()),
            Self::Precise => Some(Timestamp::now()),
            Self::Off => None,
        }
    }
}

/// What wakes a task when the time for its request is out. (A thread that waits wakes by itself.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timer {
    /// A thread of the broker, started with the first request of a task. It sleeps until the next request's
    /// time is out, and wakes at most once in a millisecond.
    #[default]
    Thread,
    /// The timers of the tokio runtime that the request is polled on. On any other runtime, or where
    /// its timers are not enabled, such a request panics.
    #[cfg(feature = "tokio")]
    Tokio,
}

impl BrokerConfig {
    /// The most requests that may be pending.
    pub(crate) const MOST_REQUESTS: usize = 1 << 20;

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let Self { pending_requests, dead_letters, .. } = *self;
        if !(1..=Self::MOST_REQUESTS).contains(&pending_requests) {
            return Err(ConfigError::PendingRequests(pending_requests));
        }
        if dead_letters == 0 {
            return Err(ConfigError::DeadLetters(dead_letters));
        }
        Ok(())
    }
}

/// A broker could not be built as it was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Its ring could not be built.
    Bus(BuildError),
    /// The number of requests that may be pending.
    PendingRequests(usize),
    /// The number of dead letters that are kept.
    DeadLetters(usize),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(error) => error.fmt(f),
            Self::PendingRequests(given) => {
                let most = BrokerConfig::MOST_REQUESTS;
                write!(f, "pending_requests of {given}: expected 1 to {most}")
            }
            Self::DeadLetters(given) => {
                write!(f, "dead_letters of {given}: expected at least 1")
            }
        }
    }
}

impl Error for ConfigError {}

impl From<BuildError> for ConfigError {
    fn from(error: BuildError) -> Self {
        Self::Bus(error)
    }
}
