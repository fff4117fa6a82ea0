//! async-broadcast: one queue with a position for each subscriber; lossless by default, lossy in
//! overflow mode.

use async_broadcast::{Receiver, RecvError, Sender, TryRecvError, broadcast};

use crate::{
    contract::{Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("async-broadcast", "one queue, lossless")
            .threads::<Lossless, Lossless>()
            .polled::<Lossless, Lossless>()
            .tasks::<Lossless, Lossless>()
            .churn::<Lossless>()
            .default(),
        Entry::new("async-broadcast-lossy", "one queue, overflow mode").slow::<Lossy>().lossy(),
    ]
}

/// The channel as it is.
struct Lossless;

/// The channel in overflow mode.
struct Lossy;

impl Open for Lossless {
    type Publisher = Sender<Message>;
    type Subscriber = Receiver<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        open(topology, false)
    }
}

impl Open for Lossy {
    type Publisher = Sender<Message>;
    type Subscriber = Receiver<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        open(topology, true)
    }
}

/// Opens the channel, in overflow mode or not.
fn open(topology: &Topology, overflow: bool) -> (Vec<Sender<Message>>, Vec<Receiver<Message>>) {
    let (mut sender, receiver) = broadcast(CAPACITY);
    sender.set_overflow(overflow);
    (vec![sender; topology.publishers], vec![receiver; topology.subscribers])
}

impl Churn for Lossless {
    type Handle = Sender<Message>;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let (publishers, subscribers) = Self::open(topology);
        let handle = publishers[0].clone();
        (publishers, subscribers, handle)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.new_receiver());
    }
}

impl Publish for Sender<Message> {
    #[inline]
    fn publish(&mut self, message: Message) {
        self.broadcast_blocking(message).expect("receivers outlive senders");
    }
}

impl PublishAsync for Sender<Message> {
    #[inline]
    async fn publish(&mut self, message: Message) {
        self.broadcast_direct(message).await.expect("receivers outlive senders");
    }
}

impl Receive for Receiver<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        goes_on(self.recv_blocking(), sink)
    }
}

impl ReceiveAsync for Receiver<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        // `recv_direct` keeps its listener on the stack; `recv` boxes it.
        goes_on(self.recv_direct().await, sink)
    }
}

impl Poll for Receiver<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ {
            match self.try_recv() {
                Ok(message) => sink.take(&message),
                Err(TryRecvError::Overflowed(_)) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
            count += 1;
        }
        count
    }
}

/// Takes a message in; false when there will be no more. A gap is not the end.
#[inline]
fn goes_on(received: Result<Message, RecvError>, sink: &mut impl Sink) -> bool {
    match received {
        Ok(message) => sink.take(&message),
        Err(RecvError::Overflowed(_)) => {}
        Err(RecvError::Closed) => return false,
    }
    true
}
