//! So many messages per time, and no more.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::broker::Rejection;
use crate::envelope::{ActorAddress, MessageEnvelope, Topic};
use crate::hook::Hook;
use crate::hook::keyed::Keyed;

/// Rejects messages that come too fast: of each sender, of each topic, and of the broker as a whole.
///
/// A limit is a number of messages at once and the time in which so many become free again, one after the
/// other (the generic cell rate algorithm, by [`governor`]). The rejection says after how long the next would
/// pass. Messages without a sender, or without a topic, do not count towards those limits.
///
/// The sender's limit is asked first, then the topic's, then the broker's: who sends too much uses up
/// nothing of what others share. A message that a later limit (or a later hook) rejects has counted
/// towards the earlier ones.
///
/// # Memory
/// Up to 65,536 senders and as many topics are kept in mind ([`max_keys`](Self::max_keys)). One that is
/// idle, which is to have all its messages free again, makes room for others. When none is, all further
/// ones share one limit until there is room: a million forged senders get as much as one.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use stentor::{ActorAddress, InMemoryMessageBroker, MessageEnvelope, RateLimit};
///
/// let hooks = RateLimit::new().per_sender(2, Duration::from_secs(3600));
/// let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
/// let sender = ActorAddress::new();
/// for _ in 0..2 {
///     broker.publish_blocking(MessageEnvelope::new(()).with_sender(sender)).unwrap();
/// }
/// let error = broker.publish_blocking(MessageEnvelope::new(()).with_sender(sender)).unwrap_err();
/// assert!(error.to_string().starts_with("rejected by rate-limit: its sender sends too much"));
/// ```
pub struct RateLimit {
    settings: Settings,
    sender: Option<Limits<ActorAddress>>,
    topic: Option<Limits<Topic>>,
    broker: Option<Limiter>,
}

#[derive(Clone)]
struct Settings {
    sender: Option<Quota>,
    topic: Option<Quota>,
    broker: Option<Quota>,
    /// Senders, and topics, that are kept in mind.
    max_keys: usize,
    time: Time,
}

const NAME: &str = "rate-limit";

impl RateLimit {
    /// No limit yet.
    #[expect(clippy::new_without_default, reason = "what limits nothing is no useful default")]
    pub fn new() -> Self {
        let time = Time(Arc::new(Instant::now));
        Self::of(Settings { sender: None, topic: None, broker: None, max_keys: 65_536, time })
    }

    fn of(settings: Settings) -> Self {
        let Settings { sender, topic, broker, max_keys, time } = &settings;
        Self {
            sender: sender.map(|quota| Limits::new(quota, *max_keys, time)),
            topic: topic.map(|quota| Limits::new(quota, *max_keys, time)),
            broker: broker.map(|quota| limiter(quota, time)),
            settings,
        }
    }

    /// Of each sender: `messages` at once, and as many again over the time `per`.
    ///
    /// # Panics
    /// If `messages` is 0, or `per` is less than a nanosecond for each.
    #[must_use]
    #[track_caller]
    pub fn per_sender(self, messages: u32, per: Duration) -> Self {
        Self::of(Settings { sender: Some(quota(messages, per)), ..self.settings })
    }

    /// Of each topic: `messages` at once, and as many again over the time `per`.
    ///
    /// # Panics
    /// If `messages` is 0, or `per` is less than a nanosecond for each.
    #[must_use]
    #[track_caller]
    pub fn per_topic(self, messages: u32, per: Duration) -> Self {
        Self::of(Settings { topic: Some(quota(messages, per)), ..self.settings })
    }

    /// Of the broker: `messages` at once, and as many again over the time `per`.
    ///
    /// # Panics
    /// If `messages` is 0, or `per` is less than a nanosecond for each.
    #[must_use]
    #[track_caller]
    pub fn per_broker(self, messages: u32, per: Duration) -> Self {
        Self::of(Settings { broker: Some(quota(messages, per)), ..self.settings })
    }

    /// How many senders, and how many topics, are kept in mind. (Up to 15 more: they are kept in shards of
    /// the same size, at most 16.)
    ///
    /// # Panics
    /// If `keys` is 0.
    #[must_use]
    #[track_caller]
    pub fn max_keys(self, keys: usize) -> Self {
        assert!(keys > 0, "a rate limit for 0 keys: expected at least 1");
        Self::of(Settings { max_keys: keys, ..self.settings })
    }

    /// What tells the time, for tests. It must not go back.
    #[must_use]
    pub fn clock(self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self::of(Settings { time: Time(Arc::new(now)), ..self.settings })
    }

    /// How many senders and topics are kept in mind now.
    pub fn keys(&self) -> (usize, usize) {
        let senders = self.sender.as_ref().map_or(0, |limits| limits.known.len());
        (senders, self.topic.as_ref().map_or(0, |limits| limits.known.len()))
    }
}

#[track_caller]
fn quota(messages: u32, per: Duration) -> Quota {
    let quota =
        NonZeroU32::new(messages).filter(|_| per.as_nanos() >= u128::from(messages)).and_then(
            |messages| Quota::with_period(per / messages.get())?.allow_burst(messages).into(),
        );
    quota.unwrap_or_else(|| {
        panic!("{messages} messages per {per:?}: expected at least 1, and a nanosecond for each")
    })
}

impl<M> Hook<M> for RateLimit {
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;

    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        let metadata = &envelope.metadata;
        if let (Some(limits), Some(sender)) = (&self.sender, &metadata.sender) {
            limits.check(sender).map_err(|wait| rejection("its sender sends too much", wait))?;
        }
        if let (Some(limits), Some(topic)) = (&self.topic, &metadata.topic) {
            limits.check(topic).map_err(|wait| rejection("too much on its topic", wait))?;
        }
        if let Some(limiter) = &self.broker {
            check(limiter).map_err(|wait| rejection("too much in all", wait))?;
        }
        Ok(())
    }
}

fn rejection(reason: &'static str, wait: Duration) -> Rejection {
    Rejection::new(NAME, reason).retry_after(wait)
}

// ===== the limits of one kind of keys =====

/// The same limit for each key.
struct Limits<K> {
    quota: Quota,
    time: Time,
    known: Keyed<K, Limited>,
    /// The one of all keys that there is no place for.
    others: Limiter,
}

struct Limited {
    limiter: Limiter,
    /// When it last let a message pass.
    passed: Instant,
}

impl<K: Hash + Eq + Clone> Limits<K> {
    fn new(quota: Quota, max_keys: usize, time: &Time) -> Self {
        let others = limiter(quota, time);
        Self { quota, time: time.clone(), known: Keyed::new(max_keys), others }
    }

    /// Lets a message of this key pass, or says how long it would have to wait.
    fn check(&self, key: &K) -> Result<(), Duration> {
        let now = self.time.now();
        let all_free_after = self.quota.burst_size_replenished_in();
        let is_idle = |it: &Limited| now.saturating_duration_since(it.passed) >= all_free_after;
        let make = || Limited { limiter: limiter(self.quota, &self.time), passed: now };
        let checked = self.known.with(key, is_idle, make, |it| {
            check(&it.limiter)?;
            it.passed = now;
            Ok(())
        });
        checked.unwrap_or_else(|| check(&self.others))
    }
}

// ===== one limit =====

type Limiter = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Instant>>;

fn limiter(quota: Quota, time: &Time) -> Limiter {
    RateLimiter::direct_with_clock(quota, time.clone())
}

fn check(limiter: &Limiter) -> Result<(), Duration> {
    limiter.check().map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
}

/// What tells the time.
#[derive(Clone)]
struct Time(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock for Time {
    type Instant = Instant;

    fn now(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { sender, topic, broker, max_keys, .. } = &self.settings;
        f.debug_struct("RateLimit")
            .field("sender", sender)
            .field("topic", topic)
            .field("broker", broker)
            .field("max_keys", max_keys)
            .finish_non_exhaustive()
    }
}
