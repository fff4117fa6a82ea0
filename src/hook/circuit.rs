//! The circuit of one recipient: closed, open, half-open. A state machine without a clock and without a lock.
//!
//! It is our own because the crates that are kept up let everybody pass once the pause is over: a recipient
//! that has just come back gets all that waited at once. Here a bounded number of *probes* passes, and each
//! has a lease, so that one of which nothing is ever heard keeps no place.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::envelope::MessageId;

/// How a circuit behaves.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// So many failures open it,
    pub(super) failures: u32,
    /// within this time from the first of them.
    pub(super) within: Duration,
    /// How long it is open before it is half-open.
    pub(super) pause: Duration,
    /// So many probes pass while it is half-open, and so many successes close it.
    pub(super) probes: usize,
    /// How long a probe of which nothing is heard keeps its place.
    pub(super) lease: Duration,
}

/// Whether messages to a recipient pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// All do.
    Closed,
    /// None does.
    Open,
    /// A few do, to find out whether it is well again.
    HalfOpen,
}

pub(super) struct Circuit {
    phase: Phase,
    /// When something was last sent to the recipient, or heard of it.
    touched: Instant,
}

enum Phase {
    Closed { failures: u32, since: Instant },
    Open { until: Instant },
    HalfOpen { probes: SmallVec<[Probe; 4]>, successes: usize },
}

/// A message that has passed while the circuit was half-open, and of which nothing has been heard.
struct Probe {
    id: MessageId,
    until: Instant,
    /// It asks for no reply: no news is good news.
    is_quiet: bool,
}

impl Circuit {
    pub(super) fn new(now: Instant) -> Self {
        Self { phase: Phase::Closed { failures: 0, since: now }, touched: now }
    }

    /// Lets a message pass, or says after how long another try is worth it.
    pub(super) fn admit(
        &mut self,
        rules: &Rules,
        now: Instant,
        id: MessageId,
        is_quiet: bool,
    ) -> Result<(), Duration> {
        self.advance(rules, now);
        match &mut self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { until } => Err(*until - now),
            Phase::HalfOpen { probes, successes } => {
                if probes.len() + *successes < rules.probes {
                    probes.push(Probe { id, until: later(now, rules.lease), is_quiet });
                    return Ok(());
                }
                let next = probes.iter().map(|probe| probe.until).min();
                Err(next.map_or(Duration::ZERO, |until| until - now))
            }
        }
    }

    /// A message has passed but was not published.
    pub(super) fn withdrawn(&mut self, rules: &Rules, now: Instant, id: MessageId) {
        self.advance(rules, now);
        self.take_probe(id);
    }

    /// A message did what it should.
    pub(super) fn succeeded(&mut self, rules: &Rules, now: Instant, id: MessageId) {
        self.advance(rules, now);
        let is_probe = self.take_probe(id);
        match &mut self.phase {
            Phase::Closed { failures, .. } => *failures = 0,
            Phase::HalfOpen { successes, .. } if is_probe => {
                *successes += 1;
                self.close_if_well(rules, now);
            }
            // Sent before it opened: tells nothing of how the recipient is now.
            Phase::Open { .. } | Phase::HalfOpen { .. } => {}
        }
    }

    /// A message failed. Whether the circuit has opened for that.
    pub(super) fn failed(&mut self, rules: &Rules, now: Instant, id: MessageId) -> bool {
        self.advance(rules, now);
        let is_probe = self.take_probe(id);
        let opens = match &mut self.phase {
            Phase::Closed { failures, since } => {
                if *failures == 0 {
                    *since = now;
                }
                *failures += 1;
                *failures >= rules.failures
            }
            Phase::HalfOpen { .. } => is_probe,
            Phase::Open { .. } => false,
        };
        if opens {
            self.phase = Phase::Open { until: later(now, rules.pause) };
        }
        opens
    }

    pub(super) fn state(&mut self, rules: &Rules, now: Instant) -> CircuitState {
        self.advance(rules, now);
        match self.phase {
            Phase::Closed { .. } => CircuitState::Closed,
            Phase::Open { .. } => CircuitState::Open,
            Phase::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// The same for who only looks: it does not count as touched, and nothing that time does is done.
    #[cfg(feature = "inspect")]
    pub(super) fn peek(&self, now: Instant) -> CircuitState {
        match self.phase {
            Phase::Closed { .. } => CircuitState::Closed,
            Phase::Open { until } if now < until => CircuitState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Whether it is as good as new.
    pub(super) fn is_pristine(&self) -> bool {
        matches!(self.phase, Phase::Closed { failures: 0, .. })
    }

    /// Whether it may be forgotten to make room: for as long as any of its times nothing was sent or heard.
    pub(super) fn is_idle(&self, rules: &Rules, now: Instant) -> bool {
        let longest = rules.within.max(rules.pause).max(rules.lease);
        now.saturating_duration_since(self.touched) >= longest
    }

    // ===== what time does =====

    /// Does what the time that has passed does.
    fn advance(&mut self, rules: &Rules, now: Instant) {
        self.touched = now;
        match &mut self.phase {
            Phase::Closed { failures, since } => {
                if now.saturating_duration_since(*since) >= rules.within {
                    *failures = 0;
                }
            }
            Phase::Open { until } if now >= *until => {
                self.phase = Phase::HalfOpen { probes: SmallVec::new(), successes: 0 };
            }
            Phase::Open { .. } => {}
            Phase::HalfOpen { probes, successes } => {
                probes.retain(|probe| {
                    let is_over = now >= probe.until;
                    *successes += usize::from(is_over && probe.is_quiet);
                    !is_over
                });
                self.close_if_well(rules, now);
            }
        }
    }

    fn close_if_well(&mut self, rules: &Rules, now: Instant) {
        if matches!(self.phase, Phase::HalfOpen { successes, .. } if successes >= rules.probes) {
            self.phase = Phase::Closed { failures: 0, since: now };
        }
    }

    /// Whether this message is a probe; it then gives back its place.
    fn take_probe(&mut self, id: MessageId) -> bool {
        let Phase::HalfOpen { probes, .. } = &mut self.phase else { return false };
        let place = probes.iter().rposition(|probe| probe.id == id);
        place.map(|place| probes.remove(place)).is_some()
    }
}

/// The moment so much later, and a century later at most: an `Instant` has its end.
fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(Duration::from_secs(100 * 365 * 24 * 3600))
}
