//! tokio's mpsc channel: a bounded queue for each subscriber, taken out in batches.

use tokio::sync::{
    mpsc::{Receiver, Sender, channel},
    oneshot,
};

use super::{
    channel::take_each,
    fan_out::{Enqueue, EnqueueAsync, FanOut, Queue},
};
use crate::{
    contract::{Answer, Ask, Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("tokio-mpsc", "bounded queue per subscriber, recv_many")
            .threads::<FanOut<Mpsc>, FanOut<Mpsc>>()
            .polled::<FanOut<Mpsc>, FanOut<Mpsc>>()
            .tasks::<FanOut<Mpsc>, FanOut<Mpsc>>(),
        Entry::new("tokio-oneshot", "bounded queue to who answers, a oneshot channel per request")
            .requests::<Requests>(),
    ]
}

/// The queue.
struct Mpsc;

/// A receiver and the messages it has taken out.
struct Batched {
    /// The receiver.
    receiver: Receiver<Message>,
    /// Messages taken out; empty between calls.
    batch: Vec<Message>,
}

impl Queue for Mpsc {
    type Sender = Sender<Message>;
    type Receiver = Batched;

    fn queue() -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = channel(CAPACITY);
        (sender, Batched { receiver, batch: Vec::with_capacity(READ) })
    }
}

impl Batched {
    /// Hands on what was taken out.
    #[inline(always)]
    fn empty(&mut self, sink: &mut impl Sink) {
        self.batch.drain(..).for_each(|message| sink.take(&message));
    }
}

impl Enqueue for Sender<Message> {
    #[inline(always)]
    fn enqueue(&mut self, message: Message) {
        self.blocking_send(message).expect("receivers outlive senders");
    }
}

impl EnqueueAsync for Sender<Message> {
    #[inline(always)]
    async fn enqueue(&mut self, message: Message) {
        self.send(message).await.expect("receivers outlive senders");
    }
}

impl Receive for Batched {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let count = self.receiver.blocking_recv_many(&mut self.batch, READ);
        self.empty(sink);
        count > 0
    }
}

impl ReceiveAsync for Batched {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let count = self.receiver.recv_many(&mut self.batch, READ).await;
        self.empty(sink);
        count > 0
    }
}

impl Poll for Batched {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || self.receiver.try_recv().ok())
    }
}

/// A queue of requests, each with a channel for its answer.
struct Requests;

/// A request, and where its answer goes.
type Request = (Message, oneshot::Sender<Message>);

impl Answer for Requests {
    type Asker = Sender<Request>;

    async fn start() -> Self::Asker {
        let (sender, mut requests) = channel::<Request>(CAPACITY);
        tokio::spawn(async move {
            while let Some((message, reply)) = requests.recv().await {
                reply.send(message.answer()).expect("somebody waits for it");
            }
        });
        sender
    }
}

impl Ask for Sender<Request> {
    async fn ask(&self, message: Message) -> Message {
        let (reply, answer) = oneshot::channel();
        self.send((message, reply)).await.expect("the answering task outlives those that ask");
        answer.await.expect("an answer")
    }
}
