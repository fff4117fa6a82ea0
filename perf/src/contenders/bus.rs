//! bus: a lock-free broadcast ring with one producer.

use bus::{Bus, BusReader};

use super::channel::take_each;
use crate::{
    contract::{Open, Poll, Publish, Receive, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("bus", "one ring, one publisher")
            .threads::<OneBus, OneBus>()
            .polled::<OneBus, OneBus>()
            .nobody::<OneBus>()
            .one_publisher(),
    ]
}

/// The ring.
struct OneBus;

impl Open for OneBus {
    type Publisher = Bus<Message>;
    type Subscriber = BusReader<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let mut bus = Bus::new(CAPACITY);
        let readers = (0..topology.subscribers).map(|_| bus.add_rx()).collect();
        (vec![bus], readers)
    }
}

impl Publish for Bus<Message> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        self.broadcast(message);
    }
}

impl Receive for BusReader<Message> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().map(|message| sink.take(&message)).is_ok()
    }
}

impl Poll for BusReader<Message> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || self.try_recv().ok())
    }
}
