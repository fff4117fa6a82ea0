//! How long to wait before something that has failed is tried again.

use std::time::Duration;

/// How long to wait before the next try: `first`, then twice as long each time, at most `most`. (Where many could
/// come back at once, as clients of a server do, a random part of that, from half of it on.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try. 10 ms by default.
    pub first: Duration,
    /// The longest. 5 s by default.
    pub most: Duration,
}

impl Backoff {
    pub(crate) const DEFAULT: Self =
        Self { first: Duration::from_millis(10), most: Duration::from_secs(5) };

    /// No wait at all.
    pub const NONE: Self = Self { first: Duration::ZERO, most: Duration::ZERO };

    /// The wait after so many failures and one more.
    pub(crate) fn after(self, failures: u32) -> Duration {
        let doubled = 2_u32.checked_pow(failures).and_then(|factor| self.first.checked_mul(factor));
        doubled.map_or(self.most, |wait| wait.min(self.most))
    }

    /// The wait after so many failures in all: a random part of it, from half of it on.
    #[cfg(feature = "remote")]
    pub(crate) fn jittered(self, failed: usize) -> Duration {
        let failures = u32::try_from(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        // The upper half of what randomness gives, as a number below 1.
        let random = (crate::envelope::fresh_prefix().get() >> 32) as f64 / f64::from(u32::MAX);
        self.after(failures).mul_f64(0.5 + random / 2.0)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(1) };
        for (failures, wait) in
            [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1000), (999, 1000), (u32::MAX, 1000)]
        {
            let wait = Duration::from_millis(wait);
            assert_eq!(backoff.after(failures), wait);
            #[cfg(feature = "remote")]
            for _ in 0..100 {
                let part = backoff.jittered(failures as usize + 1);
                assert!(wait / 2 <= part && part <= wait, "{part:?} after {failures}");
            }
        }
        assert_eq!(Backoff::NONE.after(7), Duration::ZERO);
    }
}
