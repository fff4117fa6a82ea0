//! The contenders. Each file says how its library makes publishers and subscribers; the drivers in
//! [`crate::drive`] do the rest, the same for everybody.

mod actix;
mod actors;
mod async_broadcast;
mod bridge;
mod broadcast;
mod broker;
mod bus;
mod channel;
mod crossbeam;
mod crossfire;
mod disruptor;
mod fan_out;
mod flume;
mod kameo;
mod kanal;
mod photon;
mod ractor;
mod reference;
mod remote;
mod rtrb;
mod stentor;
mod thingbuf;
mod tokio_broadcast;
mod tokio_mpsc;
mod tokio_task;
mod waiting;

pub use crate::entry::REFERENCE;

use crate::entry::Entry;

/// All contenders, in the order in which they are listed.
pub fn all() -> Vec<Entry> {
    [
        stentor::entries(),
        broker::entries(),
        bridge::entries(),
        actors::entries(),
        remote::entries(),
        reference::entries(),
        tokio_broadcast::entries(),
        tokio_mpsc::entries(),
        async_broadcast::entries(),
        crossbeam::entries(),
        flume::entries(),
        kanal::entries(),
        crossfire::entries(),
        bus::entries(),
        thingbuf::entries(),
        disruptor::entries(),
        photon::entries(),
        rtrb::entries(),
        kameo::entries(),
        ractor::entries(),
        actix::entries(),
        tokio_task::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The contender called `name`.
pub fn find(name: &str) -> Option<Entry> {
    all().into_iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{REFERENCE, all, find};
    use crate::rows::{Kind, ROWS, Row};

    #[test]
    fn names_are_unique() {
        let contenders: HashSet<_> = all().iter().map(|entry| entry.name).collect();
        assert_eq!(contenders.len(), all().len());
        let rows: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(rows.len(), ROWS.len());
    }

    #[test]
    fn stentor_runs_every_row() {
        let stentor = find("stentor").expect("it exists");
        assert!(ROWS.iter().all(|row| stentor.run(row).is_some()));
    }

    #[test]
    fn the_reference_runs_every_row_that_is_about_a_bus() {
        let reference = find(REFERENCE).expect("it exists");
        // Only a router can be given handlers, and only a broker has envelopes and requests; actors and servers are
        // another thing.
        let is_about_a_bus = |row: &&Row| {
            let routed = matches!(row.kind, Kind::RouterAdds | Kind::IdleRouter);
            let enveloped = matches!(row.kind, Kind::Broker | Kind::BrokerAlone);
            let asked = matches!(row.kind, Kind::Request | Kind::RequestThreads);
            let is_elsewhere = row.kind.is_about_actors() || row.kind.backend().is_some();
            !(routed || enveloped || asked || is_elsewhere)
        };
        assert!(ROWS.iter().filter(is_about_a_bus).all(|row| reference.run(row).is_some()));
    }
}
