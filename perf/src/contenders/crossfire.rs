//! crossfire: a bounded queue for each subscriber, of the flavour made for the number of
//! publishers.

use crossfire::{AsyncRx, AsyncTx, MAsyncTx, MTx, Rx, Tx, detect_backoff_cfg, mpsc, spsc};

use super::fan_out::{Enqueue, EnqueueAsync, FanOut, FanOutSingle, Queue};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("crossfire", "bounded queue per subscriber, spsc or mpsc, back-off detected")
            .threads::<FanOutSingle<Spsc>, FanOut<Mpsc>>()
            .polled::<FanOutSingle<Spsc>, FanOut<Mpsc>>()
            .tasks::<FanOutSingle<SpscAsync>, FanOut<MpscAsync>>()
            .default(),
    ]
}

/// Single sender, between threads.
struct Spsc;
/// Several senders, between threads.
struct Mpsc;
/// Single sender, between tasks.
struct SpscAsync;
/// Several senders, between tasks.
struct MpscAsync;

/// The queues' storage.
type Single = spsc::Array<Message>;
/// The queues' storage.
type Multi = mpsc::Array<Message>;

impl Queue for Spsc {
    type Sender = Tx<Single>;
    type Receiver = Rx<Single>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        // Its documentation asks for this on virtual machines.
        detect_backoff_cfg();
        spsc::bounded_blocking(CAPACITY)
    }
}

impl Queue for Mpsc {
    type Sender = MTx<Multi>;
    type Receiver = Rx<Multi>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        detect_backoff_cfg();
        mpsc::bounded_blocking(CAPACITY)
    }
}

impl Queue for SpscAsync {
    type Sender = AsyncTx<Single>;
    type Receiver = AsyncRx<Single>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        detect_backoff_cfg();
        spsc::bounded_async(CAPACITY)
    }
}

impl Queue for MpscAsync {
    type Sender = MAsyncTx<Multi>;
    type Receiver = AsyncRx<Multi>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        detect_backoff_cfg();
        mpsc::bounded_async(CAPACITY)
    }
}

impl Enqueue for Tx<Single> {
    #[inline]
    fn enqueue(&mut self, message: Message) {
        self.send(message).expect("receivers outlive senders");
    }
}

impl Enqueue for MTx<Multi> {
    #[inline]
    fn enqueue(&mut self, message: Message) {
        self.send(message).expect("receivers outlive senders");
    }
}

impl EnqueueAsync for AsyncTx<Single> {
    #[inline]
    async fn enqueue(&mut self, message: Message) {
        self.send(message).await.expect("receivers outlive senders");
    }
}

impl EnqueueAsync for MAsyncTx<Multi> {
    #[inline]
    async fn enqueue(&mut self, message: Message) {
        self.send(message).await.expect("receivers outlive senders");
    }
}

impl<F: crossfire::flavor::Flavor<Item = Message>> Receive for Rx<F> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().map(|message| sink.take(&message)).is_ok()
    }
}

impl<F: crossfire::flavor::Flavor<Item = Message>> ReceiveAsync for AsyncRx<F> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().await.map(|message| sink.take(&message)).is_ok()
    }
}

impl<F: crossfire::flavor::Flavor<Item = Message>> Poll for Rx<F> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ
            && let Ok(message) = self.try_recv()
        {
            sink.take(&message);
            count += 1;
        }
        count
    }
}
