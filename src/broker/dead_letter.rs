//! Messages that nobody will handle, and why.

use std::borrow::Cow;
use std::fmt;
// Not through `sync`: the limit of the log orders nothing, and models have no time.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bus::{BuildError, Bus, Publisher, Subscriber};
use crate::envelope::{MessageEnvelope, Timestamp};
use crate::ring::cursor::Overflow;
use crate::sync::counter::Counter;

/// Why a hook does not let a message be published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The hook: `"rate-limit"`, say.
    pub by: &'static str,
    /// What it has against the message.
    pub reason: Cow<'static, str>,
    /// After how long another try may be worth it, if the hook knows.
    pub retry_after: Option<Duration>,
}

impl Rejection {
    /// What [`by`](Self::by) is where no hook but the broker itself refuses.
    pub const BROKER: &'static str = "broker";

    pub(crate) const CLOSED: Self = Self::by_broker("it is closed");
    pub(crate) const FULL: Self = Self::by_broker("it is full");
    pub(crate) const GIVEN_UP: Self = Self::by_broker("the publisher gave up waiting for room");

    #[cfg(feature = "remote")]
    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) const UNSENT: Self = Self::by_broker("it was not sent, or it is not known whether");

    const fn by_broker(reason: &'static str) -> Self {
        Self { by: Self::BROKER, reason: Cow::Borrowed(reason), retry_after: None }
    }

    /// A rejection by the hook of this name. A reason that is a literal is not copied.
    pub fn new(by: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { by, reason: reason.into(), retry_after: None }
    }

    /// Says after how long another try may be worth it.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected by {}: {}", self.by, self.reason)?;
        match self.retry_after {
            Some(wait) => write!(f, " (try again after {wait:?})"),
            None => Ok(()),
        }
    }
}

/// A message that nobody will handle, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter<M> {
    /// The message.
    pub envelope: MessageEnvelope<M>,
    /// Why.
    pub reason: DeadLetterReason,
    /// When that was found out.
    pub at: Timestamp,
}

/// Why nobody will handle a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// It has no recipient, where one is needed.
    NoRecipient,
    /// There is no recipient of its address.
    UnknownRecipient,
    /// The recipient's mailbox was full.
    MailboxFull,
    /// The recipient's mailbox was closed.
    MailboxClosed,
    /// What would handle it was not running.
    NotRunning,
    /// A hook did not let it be published; its publisher got it back, too.
    Rejected(Rejection),
    /// It was the reply to a request that was over: answered already, timed out, or given up.
    LateReply,
    /// What handled it panicked.
    Panicked,
    /// It was of no use any more when it came to be delivered or published.
    Expired,
    /// The recipient of its address is gone, whoever may have its place now.
    StaleAddress,
    /// It was kept in an outage, and is not known to have reached the server.
    Unsent,
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRecipient => "no recipient",
            Self::UnknownRecipient => "unknown recipient",
            Self::MailboxFull => "mailbox full",
            Self::MailboxClosed => "mailbox closed",
            Self::NotRunning => "not running",
            Self::Rejected(rejection) => return rejection.fmt(f),
            Self::LateReply => "late reply",
            Self::Panicked => "handler panicked",
            Self::Expired => "expired",
            Self::StaleAddress => "stale address",
            Self::Unsent => "unsent",
        })
    }
}

impl DeadLetterReason {
    /// The names of all kinds, in their places.
    pub(crate) const KINDS: [&str; 11] = [
        "no_recipient",
        "unknown_recipient",
        "mailbox_full",
        "mailbox_closed",
        "not_running",
        "rejected",
        "late_reply",
        "panicked",
        "expired",
        "stale_address",
        "unsent",
    ];

    /// The place of its kind among the counters.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::NoRecipient => 0,
            Self::UnknownRecipient => 1,
            Self::MailboxFull => 2,
            Self::MailboxClosed => 3,
            Self::NotRunning => 4,
            Self::Rejected(_) => 5,
            Self::LateReply => 6,
            Self::Panicked => 7,
            Self::Expired => 8,
            Self::StaleAddress => 9,
            Self::Unsent => 10,
        }
    }
}

/// How many dead letters there have been, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named after its reason")]
pub struct DeadLetterCounts {
    pub no_recipient: u64,
    pub unknown_recipient: u64,
    pub mailbox_full: u64,
    pub mailbox_closed: u64,
    pub not_running: u64,
    pub rejected: u64,
    pub late_reply: u64,
    pub panicked: u64,
    pub expired: u64,
    pub stale_address: u64,
    pub unsent: u64,
}

impl DeadLetterCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_reason().map(|(_, count)| count).sum()
    }

    /// Each reason, as the metrics call it, and how many.
    pub fn by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let counts = [
            self.no_recipient,
            self.unknown_recipient,
            self.mailbox_full,
            self.mailbox_closed,
            self.not_running,
            self.rejected,
            self.late_reply,
            self.panicked,
            self.expired,
            self.stale_address,
            self.unsent,
        ];
        DeadLetterReason::KINDS.into_iter().zip(counts)
    }
}

/// Where dead letters go: counted, logged at a bounded rate, and published on a bus of their own that
/// nobody can block.
pub(crate) struct DeadLetters<M> {
    bus: Bus<DeadLetter<M>>,
    publisher: Publisher<DeadLetter<M>>,
    counts: [Counter; DeadLetterReason::KINDS.len()],
    log: LogLimit,
}

impl<M: Clone> DeadLetters<M> {
    pub(crate) fn new(capacity: usize, logs_per_second: u32) -> Result<Self, BuildError> {
        let bus = Bus::builder().capacity(capacity).try_build()?;
        let publisher = bus.publisher();
        let counts = Default::default();
        Ok(Self { bus, publisher, counts, log: LogLimit::new(logs_per_second) })
    }

    pub(crate) fn add(&self, letter: &DeadLetter<M>) {
        self.counts[letter.reason.kind()].add(1);
        if let Some(suppressed) = self.log.admit() {
            log(letter, suppressed);
        }
        // All subscriptions are lossy, so there is room unless somebody reads a batch in place: those who
        // would have to be waited for lose the letter. It is counted in any case.
        drop(self.publisher.try_publish(letter.clone()));
    }

    /// Adds a message that nobody will handle, as of now.
    #[cfg(feature = "actors")]
    pub(crate) fn bury(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        self.add(&DeadLetter { envelope, reason, at: Timestamp::now() });
    }

    pub(crate) fn subscribe(&self) -> Subscriber<DeadLetter<M>> {
        self.bus.subscriber().overflow(Overflow::DropOldest).subscribe()
    }

    pub(crate) fn counts(&self) -> DeadLetterCounts {
        let [
            no_recipient,
            unknown_recipient,
            mailbox_full,
            mailbox_closed,
            not_running,
            rejected,
            late_reply,
            panicked,
            expired,
            stale_address,
            unsent,
        ] = self.counts.each_ref().map(Counter::get);
        DeadLetterCounts {
            no_recipient,
            unknown_recipient,
            mailbox_full,
            mailbox_closed,
            not_running,
            rejected,
            late_reply,
            panicked,
            expired,
            stale_address,
            unsent,
        }
    }
}

#[cold]
fn log<M>(letter: &DeadLetter<M>, suppressed: u64) {
    let DeadLetter { envelope, reason, .. } = letter;
    let id = envelope.metadata.message_id;
    let recipient = envelope.metadata.recipient.map(tracing::field::display);
    let topic = envelope.metadata.topic.as_ref().map(tracing::field::display);
    tracing::warn!(
        target: "stentor::dead_letters", %id, recipient, topic, suppressed, "dead letter: {reason}"
    );
}

/// Lets so many pass in each second, and counts the others.
struct LogLimit {
    per_second: u32,
    started: Instant,
    /// The second (upper half) and how many have asked in it.
    asked: AtomicU64,
    suppressed: Counter,
}

impl LogLimit {
    fn new(per_second: u32) -> Self {
        let suppressed = Counter::default();
        Self { per_second, started: Instant::now(), asked: AtomicU64::new(0), suppressed }
    }

    /// If this one may pass: how many have been held back since the last that might.
    fn admit(&self) -> Option<u64> {
        let second = self.started.elapsed().as_secs() << 32;
        // Relaxed: it orders nothing.
        let update =
            |asked: u64| Some(second.max(asked & !u64::from(u32::MAX)) | next(asked, second));
        let asked = self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        let asked = asked.map_or(0, |before| next(before, second));
        if asked <= u64::from(self.per_second) {
            return Some(self.suppressed.take());
        }
        self.suppressed.add(1);
        None
    }
}

/// How many have asked in `second`, with one more than `asked` says.
fn next(asked: u64, second: u64) -> u64 {
    let count = asked & u64::from(u32::MAX);
    if asked - count < second { 1 } else { (count + 1).min(u64::from(u32::MAX)) }
}
