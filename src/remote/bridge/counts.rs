//! What a bridge counts; with the feature `metrics`, through that facade as well.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::remote::bridge::stats::{BridgeDrops, BridgeStats};
use crate::sync::counter::Counter;

/// A number that only grows.
pub(crate) struct Count {
    own: Counter,
    #[cfg(feature = "metrics")]
    told: metrics::Counter,
}

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.own.add(count);
        #[cfg(feature = "metrics")]
        self.told.increment(count);
    }

    fn get(&self) -> u64 {
        self.own.get()
    }
}

/// A number of the present.
pub(crate) struct Gauge {
    own: AtomicUsize,
    #[cfg(feature = "metrics")]
    told: metrics::Gauge,
}

impl Gauge {
    pub(crate) fn set(&self, now: usize) {
        // Relaxed: it is only ever looked at.
        if self.own.swap(now, Ordering::Relaxed) != now {
            #[cfg(feature = "metrics")]
            self.told.set(now as f64);
        }
    }

    fn get(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }
}

/// Makes counts with the label of one bridge.
struct Maker<'a>(&'a str);

impl Maker<'_> {
    #[cfg(feature = "metrics")]
    fn count(&self, name: &'static str, reason: Option<&'static str>) -> Count {
        let bridge = self.0.to_owned();
        let told = match reason {
            Some(reason) => metrics::counter!(name, "bridge" => bridge, "reason" => reason),
            None => metrics::counter!(name, "bridge" => bridge),
        };
        Count { own: Counter::default(), told }
    }

    #[cfg(not(feature = "metrics"))]
    fn count(&self, _name: &'static str, _reason: Option<&'static str>) -> Count {
        Count { own: Counter::default() }
    }

    fn dropped(&self, reason: &'static str) -> Count {
        self.count("stentor_bridge_dropped_total", Some(reason))
    }

    fn gauge(&self, _name: &'static str) -> Gauge {
        Gauge {
            own: AtomicUsize::new(0),
            #[cfg(feature = "metrics")]
            told: metrics::gauge!(_name, "bridge" => self.0.to_owned()),
        }
    }
}

pub(crate) struct Counts {
    pub(crate) exported: Count,
    pub(crate) imported: Count,
    pub(crate) answered: Count,
    pub(crate) retries: Count,
    pub(crate) dropped: Dropped,
    pub(crate) in_flight: Gauge,
    pub(crate) asking: Gauge,
}

/// By reason, as in [`BridgeDrops`].
pub(crate) struct Dropped {
    pub(crate) lagged: Count,
    pub(crate) expired: Count,
    pub(crate) rejected: Count,
    pub(crate) refused: Count,
    pub(crate) unconfirmed: Count,
    pub(crate) closed: Count,
    pub(crate) echoes: Count,
    pub(crate) duplicates: Count,
    pub(crate) unwanted: Count,
    pub(crate) not_imported: Count,
}

impl Counts {
    /// Those of the bridge of this name.
    pub(crate) fn new(name: &str) -> Self {
        let make = Maker(name);
        Self {
            exported: make.count("stentor_bridge_exported_total", None),
            imported: make.count("stentor_bridge_imported_total", None),
            answered: make.count("stentor_bridge_answered_total", None),
            retries: make.count("stentor_bridge_retries_total", None),
            dropped: Dropped {
                lagged: make.dropped("lagged"),
                expired: make.dropped("expired"),
                rejected: make.dropped("rejected"),
                refused: make.dropped("refused"),
                unconfirmed: make.dropped("unconfirmed"),
                closed: make.dropped("closed"),
                echoes: make.dropped("echo"),
                duplicates: make.dropped("duplicate"),
                unwanted: make.dropped("unwanted"),
                not_imported: make.dropped("not_imported"),
            },
            in_flight: make.gauge("stentor_bridge_in_flight"),
            asking: make.gauge("stentor_bridge_asking"),
        }
    }

    /// All of them now.
    pub(crate) fn read(&self) -> BridgeStats {
        BridgeStats {
            exported: self.exported.get(),
            imported: self.imported.get(),
            answered: self.answered.get(),
            retries: self.retries.get(),
            dropped: self.dropped.read(),
            in_flight: self.in_flight.get(),
            asking: self.asking.get(),
            ..BridgeStats::default()
        }
    }
}

impl Dropped {
    fn read(&self) -> BridgeDrops {
        BridgeDrops {
            lagged: self.lagged.get(),
            expired: self.expired.get(),
            rejected: self.rejected.get(),
            refused: self.refused.get(),
            unconfirmed: self.unconfirmed.get(),
            closed: self.closed.get(),
            echoes: self.echoes.get(),
            duplicates: self.duplicates.get(),
            unwanted: self.unwanted.get(),
            not_imported: self.not_imported.get(),
        }
    }
}
