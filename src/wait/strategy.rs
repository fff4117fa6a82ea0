//! What a thread does between two looks at an empty (or full) ring.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Instant, spin_loop, yield_now};

/// How threads wait. Tasks (the async methods) do not use it: they wait for their waker.
///
/// | strategy | a message arrives after | costs while idle |
/// |---|---|---|
/// | `Spin` | one cache-line transfer | a core per waiting thread |
/// | `Yield` | the same, or a turn of the scheduler where cores are short | a core |
/// | `Adaptive` | the same while messages come often, a wake-up (some 50 us) when they are rare | nothing |
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Looks again at once, for ever. Only with a core for each waiting thread.
    Spin,
    /// Lets other threads run, for ever.
    Yield,
    /// Lets other threads run for a while, then parks. The while adapts to the gaps
    /// between messages: it grows where waiting a little longer would have saved a wake-up, and shrinks
    /// where it would not.
    #[default]
    Adaptive,
    /// One of your own.
    Custom(Arc<dyn Wait>),
}

/// A wait strategy of one's own.
///
/// ```
/// use std::time::Duration;
/// use stentor::{Bus, Step, Wait, WaitStrategy};
///
/// /// Looks a hundred times, then sleeps for a millisecond at most.
/// struct Patient;
///
/// impl Wait for Patient {
///     fn idle(&self, looks: u32) -> Step {
///         if looks < 100 { Step::Look } else { Step::ParkFor(Duration::from_millis(1)) }
///     }
/// }
///
/// let bus = Bus::<u64>::builder().capacity(64).wait(WaitStrategy::custom(Patient)).build();
/// # drop(bus);
/// ```
pub trait Wait: Send + Sync + 'static {
    /// Called after the `looks`-th look (1, 2, ..) of one wait that found nothing. May itself spin,
    /// yield or sleep; says what to do next.
    fn idle(&self, looks: u32) -> Step;
}

/// What to do after a look that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look again.
    Look,
    /// Sleep until there is something to look at.
    Park,
    /// Sleep until there is something to look at, or for this long.
    ParkFor(Duration),
}

impl WaitStrategy {
    /// A strategy of one's own.
    pub fn custom(wait: impl Wait) -> Self {
        Self::Custom(Arc::new(wait))
    }
}

impl fmt::Debug for WaitStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spin => "Spin",
            Self::Yield => "Yield",
            Self::Adaptive => "Adaptive",
            Self::Custom(_) => "Custom(..)",
        })
    }
}

/// What a waiting thread remembers from one wait to the next: how long yielding has paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Yield for so many nanoseconds before parking.
    nanos: u32,
}

impl Patience {
    /// Beyond this a wake-up costs less than the core that yielding burns.
    const MOST: u32 = 50_000;
    /// Always tried: about two turns of the scheduler.
    const LEAST: u32 = 1_000;

    pub(crate) const fn new() -> Self {
        Self { nanos: Self::MOST }
    }

    /// A wait that came to parking is over and took this long in all.
    fn learn(&mut self, waited: Duration) {
        let waited = u32::try_from(waited.as_nanos()).unwrap_or(u32::MAX);
        self.nanos = if waited < Self::MOST / 2 { waited * 2 } else { self.nanos / 2 }
            .clamp(Self::LEAST, Self::MOST);
    }
}

/// One wait.
pub(crate) struct Waiting<'a> {
    patience: &'a mut Patience,
    /// Looks so far that found nothing.
    looks: u32,
    /// When yielding began.
    since: Option<Instant>,
    /// It came to parking.
    parked: bool,
}

/// Pauses between two looks that do not yield: one that looks again at once makes the other side fight
/// for the cache line.
const PAUSES: u32 = 16;

/// So many yields come before the first look at the clock, which costs as much as a short wait.
const FREE: u32 = if cfg!(stentor_loom) { 0 } else { 1 };

impl<'a> Waiting<'a> {
    pub(crate) fn new(patience: &'a mut Patience) -> Self {
        Self { patience, looks: 0, since: None, parked: false }
    }

    /// A look found nothing: idles as the strategy says, and says what to do next.
    pub(crate) fn idle(&mut self, strategy: &WaitStrategy) -> Step {
        self.looks = self.looks.saturating_add(1);
        match strategy {
            WaitStrategy::Custom(wait) => wait.idle(self.looks),
            WaitStrategy::Spin => {
                pause();
                Step::Look
            }
            WaitStrategy::Yield => {
                yield_now();
                Step::Look
            }
            WaitStrategy::Adaptive => self.yield_or_park(),
        }
    }

    fn yield_or_park(&mut self) -> Step {
        if self.looks <= FREE {
            yield_now();
            return Step::Look;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < Duration::from_nanos(self.patience.nanos.into()) {
            yield_now();
            Step::Look
        } else {
            self.parked = true;
            Step::Park
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let (true, Some(since)) = (self.parked, self.since) {
            self.patience.learn(since.elapsed());
        }
    }
}

fn pause() {
    for _ in 0..PAUSES {
        spin_loop();
    }
}
