//! What has been seen before: for rates, and for how long ago a message was published.

use std::collections::{HashMap, VecDeque};

use stentor::inspect::{BusSnapshot, Snapshot};

/// Snapshots that are remembered of each bus: ten minutes, at one a second.
const MEMORY: usize = 600;
/// Snapshots that a trend is over.
const TREND: usize = 10;

/// What has been seen before.
#[derive(Default)]
pub struct History {
    last: Option<Snapshot>,
    buses: HashMap<String, Track>,
}

/// A bus over time.
#[derive(Default)]
struct Track {
    /// The time, and what had been published then.
    published: VecDeque<(u64, u64)>,
    /// The time and the lag of each subscriber, by its id.
    lags: HashMap<u64, VecDeque<(u64, u64)>>,
}

/// How long ago something was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// So many seconds.
    pub seconds: f64,
    /// At least: it was before anything that is remembered.
    pub is_longer: bool,
}

impl History {
    /// Remembers a snapshot. Gives the one before, which rates are over.
    pub fn push(&mut self, snapshot: &Snapshot) -> Option<Snapshot> {
        let before = self.last.replace(snapshot.clone());
        let is_same =
            |last: &Snapshot| last.process == snapshot.process && last.at_ns < snapshot.at_ns;
        let before = before.filter(is_same);
        if before.is_none() {
            self.buses.clear();
        }
        self.buses.retain(|name, _| snapshot.buses.iter().any(|bus| bus.name == *name));
        for bus in &snapshot.buses {
            self.buses.entry(bus.name.clone()).or_default().push(snapshot.at_ns, bus);
        }
        before
    }

    /// How long ago message `cursor` of a bus was published.
    pub fn age(&self, bus: &str, cursor: u64) -> Option<Age> {
        self.buses.get(bus)?.age(cursor)
    }

    /// By how many messages per second a subscriber falls behind.
    pub fn trend(&self, bus: &str, subscriber: u64) -> Option<f64> {
        let lags = self.buses.get(bus)?.lags.get(&subscriber)?;
        let ((from, first), (to, last)) = (lags.front()?, lags.back()?);
        let seconds = (to - from) as f64 / 1e9;
        (seconds > 0.0).then(|| (*last as f64 - *first as f64) / seconds)
    }
}

impl Track {
    fn push(&mut self, at: u64, bus: &BusSnapshot) {
        // Another bus of the same name.
        if self.published.back().is_some_and(|(_, published)| *published > bus.published) {
            *self = Self::default();
        }
        remember(&mut self.published, (at, bus.published), MEMORY);
        self.lags.retain(|id, _| bus.subscribers.iter().any(|each| each.id == *id));
        for each in &bus.subscribers {
            remember(self.lags.entry(each.id).or_default(), (at, each.lag), TREND);
        }
    }

    /// Between the snapshots that message `cursor` was published between, as if that went on evenly.
    fn age(&self, cursor: u64) -> Option<Age> {
        let (now, published) = *self.published.back()?;
        if cursor >= published {
            return Some(Age { seconds: 0.0, is_longer: false });
        }
        let after = self.published.iter().position(|(_, published)| *published > cursor)?;
        let (end, above) = self.published[after];
        let Some((start, below)) = after.checked_sub(1).map(|before| self.published[before]) else {
            let seconds = (now - end) as f64 / 1e9;
            return (now > end).then_some(Age { seconds, is_longer: true });
        };
        let share = (cursor - below) as f64 / (above - below) as f64;
        let at = start as f64 + share * (end - start) as f64;
        Some(Age { seconds: (now as f64 - at) / 1e9, is_longer: false })
    }
}

fn remember(series: &mut VecDeque<(u64, u64)>, entry: (u64, u64), limit: usize) {
    if series.len() == limit {
        series.pop_front();
    }
    series.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot of a bus, and of the one subscriber with this cursor, at a second.
    fn snapshot(second: u64, published: u64, cursor: u64) -> Snapshot {
        let text = format!(
            r#"{{"version": 1, "sequence": {second}, "at_ns": {at}, "unix_ns": 0,
                "process": {{"name": "test", "pid": 1}}, "routers": [], "brokers": [],
                "remotes": [], "circuit_breakers": [], "systems": [],
                "buses": [{{"name": "orders", "published": {published}, "unheard": 0,
                    "capacity": 64, "retain": 0, "publishers": 1, "waiting_publishers": 0,
                    "closed": false, "subscribers": [{{"id": 7, "name": "audit",
                        "cursor": {cursor}, "lag": {lag}, "missed": 0, "overflow": "block",
                        "evicted": false, "parked": false}}]}}]}}"#,
            at = second * 1_000_000_000,
            lag = published - cursor,
        );
        serde_json::from_str(&text).expect("a snapshot")
    }

    #[test]
    fn the_age_of_a_message_is_found_between_snapshots() {
        let mut history = History::default();
        assert!(history.push(&snapshot(1, 100, 100)).is_none());
        assert_eq!(history.age("orders", 100), Some(Age { seconds: 0.0, is_longer: false }));
        assert_eq!(history.age("orders", 40), None, "nothing is known of before");
        history.push(&snapshot(2, 200, 100));
        history.push(&snapshot(4, 400, 150));
        let age = |cursor| history.age("orders", cursor).map(|age| (age.seconds, age.is_longer));
        assert_eq!(age(150), Some((2.5, false)));
        assert_eq!(age(200), Some((2.0, false)));
        assert_eq!(age(300), Some((1.0, false)));
        assert_eq!(age(50), Some((3.0, true)));
        assert_eq!(age(400), Some((0.0, false)));
    }

    #[test]
    fn a_trend_is_how_the_lag_grows() {
        let mut history = History::default();
        history.push(&snapshot(1, 100, 100));
        assert_eq!(history.trend("orders", 7), None);
        history.push(&snapshot(3, 200, 150));
        assert_eq!(history.trend("orders", 7), Some(25.0));
        history.push(&snapshot(4, 200, 200));
        assert_eq!(history.trend("orders", 7), Some(0.0));
    }

    #[test]
    fn another_process_has_no_past() {
        let mut history = History::default();
        history.push(&snapshot(5, 100, 0));
        assert!(history.push(&snapshot(6, 200, 0)).is_some());
        let mut other = snapshot(7, 300, 0);
        other.process.pid = 2;
        assert!(history.push(&other).is_none());
        assert!(history.push(&snapshot(6, 300, 0)).is_none());
        assert_eq!(history.age("orders", 0), None);
    }
}
