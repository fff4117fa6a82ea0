//! Whether an actor that has panicked gets another chance, and when.

use std::time::Duration;

use tokio::time::Instant;

use crate::actor::options::Supervision;

/// What is to be done about a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stop,
    RestartAfter(Duration),
    Escalate,
}

/// An actor's supervision, and what has been used up of it.
pub(crate) struct Supervisor {
    rule: Supervision,
    /// Restarts in a row.
    restarts: u32,
    last: Option<Instant>,
}

impl Supervisor {
    pub(crate) fn new(rule: Supervision) -> Self {
        Self { rule, restarts: 0, last: None }
    }

    pub(crate) fn judge(&mut self) -> Verdict {
        let (backoff, budget) = match self.rule {
            Supervision::Stop => return Verdict::Stop,
            Supervision::Escalate => return Verdict::Escalate,
            Supervision::Restart { backoff, budget } => (backoff, budget),
        };
        let now = Instant::now();
        if self.last.is_none_or(|last| now.duration_since(last) >= budget.within) {
            self.restarts = 0;
        }
        if self.restarts >= budget.restarts {
            return Verdict::Stop;
        }
        let wait = backoff.after(self.restarts);
        self.restarts += 1;
        self.last = Some(now + wait);
        Verdict::RestartAfter(wait)
    }
}
