//! crossfire: a bounded queue for each subscriber, of the flavour made for the number of
//! publishers.

use crossfire::{AsyncRx, AsyncTx, MAsyncTx, MTx, Rx, Tx, detect_backoff_cfg, mpsc, spsc};

use super::{
    channel::{Blocking, Tasks, async_channel, channel},
    fan_out::{FanOut, FanOutSingle},
};
use crate::{
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("crossfire", "bounded queue per subscriber, spsc or mpsc, back-off detected")
            .threads::<FanOutSingle<Blocking<Spsc>>, FanOut<Blocking<Mpsc>>>()
            .polled::<FanOutSingle<Blocking<Spsc>>, FanOut<Blocking<Mpsc>>>()
            .tasks::<FanOutSingle<Tasks<Spsc>>, FanOut<Tasks<Mpsc>>>()
            .default(),
    ]
}

/// Single sender.
struct Spsc;
/// Several senders.
struct Mpsc;

/// The storage.
type Single = spsc::Array<Message>;
/// The storage.
type Multi = mpsc::Array<Message>;

channel!(Spsc, Tx<Single>, Rx<Single>, spsc::bounded_blocking(capacity()), Result::ok);
channel!(Mpsc, MTx<Multi>, Rx<Multi>, mpsc::bounded_blocking(capacity()), Result::ok);
async_channel!(Spsc, AsyncTx<Single>, AsyncRx<Single>, spsc::bounded_async(capacity()), send, recv);
async_channel!(Mpsc, MAsyncTx<Multi>, AsyncRx<Multi>, mpsc::bounded_async(capacity()), send, recv);

/// The places of a channel, once the library has found out how to wait: its documentation asks for that on
/// virtual machines.
fn capacity() -> usize {
    detect_backoff_cfg();
    CAPACITY
}
