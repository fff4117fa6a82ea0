//! tokio's broadcast channel: lossy, a subscriber that falls behind skips.

use tokio::sync::broadcast::{
    Receiver, Sender,
    error::{RecvError, TryRecvError},
};

use crate::{
    contract::{Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("tokio-broadcast", "one ring, lossy")
            .threads::<Broadcast, Broadcast>()
            .polled::<Broadcast, Broadcast>()
            .tasks::<Broadcast, Broadcast>()
            .slow::<Broadcast>()
            .nobody::<Broadcast>()
            .churn::<Broadcast>()
            .lossy()
            .default(),
    ]
}

/// The channel.
struct Broadcast;

impl Open for Broadcast {
    type Publisher = Sender<Message>;
    type Subscriber = Receiver<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let sender = Sender::new(CAPACITY);
        let subscribers = (0..topology.subscribers).map(|_| sender.subscribe()).collect();
        (vec![sender; topology.publishers], subscribers)
    }
}

impl Churn for Broadcast {
    type Handle = Sender<Message>;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let (publishers, subscribers) = Self::open(topology);
        let handle = publishers[0].clone();
        (publishers, subscribers, handle)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.subscribe());
    }
}

impl Publish for Sender<Message> {
    #[inline]
    fn publish(&mut self, message: Message) {
        // An error means that nobody is listening.
        let _ = self.send(message);
    }
}

impl PublishAsync for Sender<Message> {
    #[inline]
    async fn publish(&mut self, message: Message) {
        // An error means that nobody is listening.
        let _ = self.send(message);
    }
}

impl Receive for Receiver<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        goes_on(self.blocking_recv(), sink)
    }
}

impl ReceiveAsync for Receiver<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        goes_on(self.recv().await, sink)
    }
}

impl Poll for Receiver<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ {
            match self.try_recv() {
                Ok(message) => sink.take(&message),
                Err(TryRecvError::Lagged(_)) => continue,
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
        Err(RecvError::Lagged(_)) => {}
        Err(RecvError::Closed) => return false,
    }
    true
}
