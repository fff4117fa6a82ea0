//! crossbeam-channel: a bounded queue for each subscriber.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{
    channel::{Blocking, channel},
    fan_out::FanOut,
};
use crate::{
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("crossbeam-channel", "bounded queue per subscriber")
            .threads::<FanOut<Blocking<Crossbeam>>, FanOut<Blocking<Crossbeam>>>()
            .polled::<FanOut<Blocking<Crossbeam>>, FanOut<Blocking<Crossbeam>>>()
            .default(),
    ]
}

/// The channel.
struct Crossbeam;

channel!(Crossbeam, Sender<Message>, Receiver<Message>, bounded(CAPACITY), Result::ok);
