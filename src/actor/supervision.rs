//! Whether an actor that has panicked gets another chance, and when.

use std::time::Duration;

use tokio::time::Instant;

use crate::actor::options::{Budget, Supervision};
use crate::backoff::Backoff;

/// What is to be done about a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stop,
    RestartAfter(Duration),
    Escalate,
}

/// An actor's supervision, and what has been used up of it.
pub(crate) enum Supervisor {
    Stop,
    Escalate,
    /// Apart: few actors are restarted, and the others would be larger.
    Restart(Box<Restarts>),
}

/// Restarts in a row.
pub(crate) struct Restarts {
    backoff: Backoff,
    budget: Budget,
    count: u32,
    last: Option<Instant>,
}

impl Supervisor {
    pub(crate) fn new(rule: Supervision) -> Self {
        match rule {
            Supervision::Stop => Self::Stop,
            Supervision::Escalate => Self::Escalate,
            Supervision::Restart { backoff, budget } => {
                Self::Restart(Box::new(Restarts { backoff, budget, count: 0, last: None }))
            }
        }
    }

    pub(crate) fn judge(&mut self) -> Verdict {
        match self {
            Self::Stop => Verdict::Stop,
            Self::Escalate => Verdict::Escalate,
            Self::Restart(restarts) => restarts.judge(),
        }
    }
}

impl Restarts {
    fn judge(&mut self) -> Verdict {
        let now = Instant::now();
        if self.last.is_none_or(|last| now.duration_since(last) >= self.budget.within) {
            self.count = 0;
        }
        if self.count >= self.budget.restarts {
            return Verdict::Stop;
        }
        let wait = self.backoff.after(self.count);
        self.count += 1;
        self.last = Some(now + wait);
        Verdict::RestartAfter(wait)
    }
}
