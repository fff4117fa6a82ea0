//! The contenders. Each file says how its library makes publishers and subscribers; the drivers in
//! [`crate::drive`] do the rest, the same for everybody.

mod async_broadcast;
mod bus;
mod crossbeam;
mod crossfire;
mod disruptor;
mod fan_out;
mod flume;
mod kanal;
mod photon;
mod reference;
mod rtrb;
mod stentor;
mod thingbuf;
mod tokio_broadcast;
mod tokio_mpsc;
mod waiting;

use crate::entry::Entry;

/// The name of the contender that all others are compared with.
pub const REFERENCE: &str = "reference";

/// All contenders, in the order in which they are listed.
pub fn all() -> Vec<Entry> {
    [
        stentor::entries(),
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
    use crate::rows::{Kind, ROWS};

    #[test]
    fn names_are_unique() {
        let contenders: HashSet<_> = all().iter().map(|entry| entry.name).collect();
        assert_eq!(contenders.len(), all().len());
        let rows: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(rows.len(), ROWS.len());
    }

    #[test]
    fn the_reference_and_stentor_run_every_row() {
        for name in [REFERENCE, "stentor"] {
            let entry = find(name).expect("it exists");
            // Only a router can be given handlers.
            let rows = ROWS.iter().filter(|row| name != REFERENCE || row.kind != Kind::RouterAdds);
            assert!(rows.into_iter().all(|row| entry.run(row).is_some()), "{name}");
        }
    }
}
