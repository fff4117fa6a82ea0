//! Spares recipients that fail.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::broker::{DeadLetterReason, Rejection};
use crate::envelope::{ActorAddress, MessageEnvelope, MessageHeader};
use crate::hook::circuit::{Circuit, CircuitState, Rules};
use crate::hook::keyed::Keyed;
use crate::hook::{Hook, Outcome};
use crate::sync::counter::Counter;

/// Rejects messages to recipients that fail, until they are well again: so that who is overloaded can
/// catch up, and who sends learns at once instead of by a time-out.
///
/// Each recipient has a circuit:
/// - **closed**: messages pass. So many failures (5) within a time (10 s from the first of them) open it; the
///   reply to a request in between starts the count again.
/// - **open**: messages are rejected, for a pause (5 s).
/// - **half-open**: so many messages (1) pass, as probes; the others are rejected. As many successes close
///   it; one failure of a probe opens it again.
///
/// A *failure* is a request that timed out, and a dead letter because its mailbox is full or closed,
/// because it is unknown or not running, or panicked. A *success* is a request that was answered. A
/// message without a correlation id asks for no reply, so for a probe of that kind no failure within its
/// lease (30 s) is a success. Any other probe of which nothing is heard for so long only gives up its
/// place, to another: a lost one never keeps a circuit half-open. So let the lease be longer than the
/// time-outs of requests.
///
/// Messages without a recipient pass.
///
/// # Memory and cost
/// Only recipients that have failed are kept in mind, 65,536 of them at most; what has neither been sent
/// to nor heard of for the longest of these times makes room for others. Where all are in use, failures
/// of further recipients are not counted ([`untracked`](Self::untracked) says how many). While none is
/// kept in mind, a message costs the look at one number; otherwise a lock (of up to 16, by recipient)
/// and a look at the clock if it is to one of them.
///
/// # Examples
/// ```
/// use stentor::{ActorAddress, CircuitBreaker, DeadLetterReason, InMemoryMessageBroker, MessageEnvelope};
///
/// let hooks = CircuitBreaker::new().failures(2);
/// let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
/// let recipient = ActorAddress::new();
/// let message = || MessageEnvelope::new("work").with_recipient(recipient);
/// for _ in 0..2 {
///     broker.publish_blocking(message()).unwrap();
///     broker.report_dead_letter(message(), DeadLetterReason::MailboxFull);
/// }
/// let error = broker.publish_blocking(message()).unwrap_err();
/// assert!(error.to_string().starts_with("rejected by circuit-breaker: its recipient fails"));
/// ```
pub struct CircuitBreaker {
    rules: Rules,
    max_recipients: usize,
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
    /// Of the recipients that have failed.
    circuits: Keyed<ActorAddress, Circuit>,
    opened: Counter,
    untracked: Counter,
}

impl CircuitBreaker {
    /// With the numbers given above.
    #[expect(clippy::new_without_default, reason = "the numbers are a start, not a rule")]
    pub fn new() -> Self {
        let rules = Rules {
            failures: 5,
            within: Duration::from_secs(10),
            pause: Duration::from_secs(5),
            probes: 1,
            lease: Duration::from_secs(30),
        };
        Self::of(rules, 65_536, Arc::new(Instant::now))
    }

    fn of(
        rules: Rules,
        max_recipients: usize,
        now: Arc<dyn Fn() -> Instant + Send + Sync>,
    ) -> Self {
        let circuits = Keyed::new(max_recipients);
        let (opened, untracked) = Default::default();
        Self { rules, max_recipients, now, circuits, opened, untracked }
    }

    /// So many failures open a circuit.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn failures(mut self, failures: u32) -> Self {
        assert!(failures > 0, "a circuit that 0 failures open: expected at least 1");
        self.rules.failures = failures;
        self
    }

    /// Within so long from the first of them.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.rules.within = within;
        self
    }

    /// How long a circuit is open before it is half-open.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.rules.pause = pause;
        self
    }

    /// So many probes pass while it is half-open; as many successes close it.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn probes(mut self, probes: usize) -> Self {
        assert!(probes > 0, "a circuit with 0 probes never closes: expected at least 1");
        self.rules.probes = probes;
        self
    }

    /// How long a probe of which nothing is heard keeps its place.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.rules.lease = lease;
        self
    }

    /// How many recipients are kept in mind. (Up to 15 more: they are kept in shards of the same size, at
    /// most 16.)
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn max_recipients(self, recipients: usize) -> Self {
        assert!(recipients > 0, "a circuit breaker for 0 recipients: expected at least 1");
        Self::of(self.rules, recipients, self.now)
    }

    /// What tells the time, for tests. It must not go back.
    #[must_use]
    pub fn clock(self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self::of(self.rules, self.max_recipients, Arc::new(now))
    }

    // ===== how it is doing =====

    /// The circuit of a recipient.
    pub fn state(&self, recipient: ActorAddress) -> CircuitState {
        self.with_known(recipient, |circuit, now| circuit.state(&self.rules, now))
            .unwrap_or(CircuitState::Closed)
    }

    /// How many recipients are kept in mind.
    pub fn recipients(&self) -> usize {
        self.circuits.len()
    }

    /// How often a circuit has opened.
    pub fn opened(&self) -> u64 {
        self.opened.get()
    }

    /// How many failures were not counted because there was no place for their recipients.
    pub fn untracked(&self) -> u64 {
        self.untracked.get()
    }

    /// The recipients whose circuits are not closed, as many as `limit` of them.
    #[cfg(feature = "inspect")]
    pub(crate) fn not_closed(&self, limit: usize) -> Vec<(ActorAddress, CircuitState)> {
        let (now, mut found) = ((self.now)(), Vec::new());
        self.circuits.look(|recipient, circuit| {
            let state = circuit.peek(now);
            if state != CircuitState::Closed {
                found.push((*recipient, state));
            }
            found.len() < limit
        });
        found
    }

    /// Works with the circuit of a recipient that has failed.
    fn with_known<R>(
        &self,
        recipient: ActorAddress,
        work: impl FnOnce(&mut Circuit, Instant) -> R,
    ) -> Option<R> {
        if self.circuits.len() == 0 {
            return None;
        }
        self.circuits.with_known(&recipient, |circuit| {
            let result = work(circuit, (self.now)());
            (result, !circuit.is_pristine())
        })
    }

    fn failed(&self, message: &MessageHeader) {
        let Some(recipient) = message.recipient else { return };
        let now = (self.now)();
        let opens = self.circuits.with(
            &recipient,
            |circuit| circuit.is_idle(&self.rules, now),
            || Circuit::new(now),
            |circuit| circuit.failed(&self.rules, now, message.message_id),
        );
        match opens {
            Some(true) => self.opened.add(1),
            Some(false) => {}
            None => self.untracked.add(1),
        }
    }
}

impl<M> Hook<M> for CircuitBreaker {
    const DELIVERIES: bool = false;

    #[inline]
    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        let metadata = &envelope.metadata;
        let Some(recipient) = metadata.recipient else { return Ok(()) };
        let (id, is_quiet) = (metadata.message_id, metadata.correlation_id.is_none());
        let admitted = self
            .with_known(recipient, |circuit, now| circuit.admit(&self.rules, now, id, is_quiet));
        admitted.unwrap_or(Ok(())).map_err(|wait| {
            Rejection::new("circuit-breaker", "its recipient fails").retry_after(wait)
        })
    }

    fn on_reject(&self, header: &MessageHeader, _: &Rejection) {
        let Some(recipient) = header.recipient else { return };
        self.with_known(recipient, |circuit, now| {
            circuit.withdrawn(&self.rules, now, header.message_id);
        });
    }

    fn on_outcome(&self, outcome: &Outcome<'_, M>) {
        match outcome {
            Outcome::Answered { request, .. } => {
                let Some(recipient) = request.recipient else { return };
                self.with_known(recipient, |circuit, now| {
                    circuit.succeeded(&self.rules, now, request.message_id);
                });
            }
            // Nothing can be said of the recipient.
            Outcome::Abandoned { request, .. } => {
                let Some(recipient) = request.recipient else { return };
                self.with_known(recipient, |circuit, now| {
                    circuit.withdrawn(&self.rules, now, request.message_id);
                });
            }
            Outcome::TimedOut { request, .. } => self.failed(request),
            Outcome::DeadLetter(letter) if is_failure(&letter.reason) => {
                self.failed(&letter.envelope.metadata.header());
            }
            Outcome::DeadLetter(_) | Outcome::Missed { .. } => {}
        }
    }
}

/// Whether a dead letter is the fault of its recipient.
fn is_failure(reason: &DeadLetterReason) -> bool {
    match reason {
        DeadLetterReason::UnknownRecipient
        | DeadLetterReason::StaleAddress
        | DeadLetterReason::MailboxFull
        | DeadLetterReason::MailboxClosed
        | DeadLetterReason::NotRunning
        | DeadLetterReason::Panicked => true,
        DeadLetterReason::NoRecipient
        | DeadLetterReason::Rejected(_)
        | DeadLetterReason::LateReply
        | DeadLetterReason::Expired
        | DeadLetterReason::Unsent => false,
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("rules", &self.rules).finish_non_exhaustive()
    }
}
