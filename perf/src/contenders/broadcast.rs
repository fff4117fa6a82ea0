//! Broadcast channels as most libraries have them: a sender that can be cloned and subscribed to.

use std::{future::Future, marker::PhantomData};

use super::channel::take_each;
use crate::{
    contract::{Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Topology},
    workload::{Message, Sink},
};

/// A broadcast channel.
pub trait Broadcast: 'static {
    /// What publishes, and is subscribed to.
    type Sender: Clone + Send + 'static;
    /// What receives.
    type Receiver: Send + 'static;

    /// A channel with so many receivers.
    fn channel(receivers: usize) -> (Self::Sender, Vec<Self::Receiver>);

    /// One more receiver.
    fn subscribe(sender: &Self::Sender) -> Self::Receiver;

    /// Tidies up after a receiver that has gone.
    fn tidy(_: &Self::Sender) {}

    /// Publishes; waits for room, as a thread.
    fn send(sender: &mut Self::Sender, message: Message);

    /// Publishes; waits for room, as a task.
    fn send_async(sender: &mut Self::Sender, message: Message) -> impl Future<Output = ()> + Send;

    /// Waits for a message, as a thread.
    fn recv(receiver: &mut Self::Receiver) -> Received;

    /// Waits for a message, as a task.
    fn recv_async(receiver: &mut Self::Receiver) -> impl Future<Output = Received> + Send;

    /// A message, if there is one; passes over gaps.
    fn try_recv(receiver: &mut Self::Receiver) -> Option<Message>;
}

/// What has come.
pub enum Received {
    /// A message.
    Message(Message),
    /// The news that some were missed.
    Gap,
    /// The news that there will be no more.
    End,
}

impl Received {
    /// Hands a message on; false when there will be no more. A gap is not the end.
    #[inline(always)]
    fn hand_to(self, sink: &mut impl Sink) -> bool {
        match self {
            Self::Message(message) => sink.take(&message),
            Self::Gap => {}
            Self::End => return false,
        }
        true
    }
}

/// The channel `B`, opened.
pub struct Opened<B>(PhantomData<B>);

/// What publishes to `B`.
pub struct Sending<B: Broadcast>(B::Sender);

/// What receives from `B`.
pub struct Receiving<B: Broadcast>(B::Receiver);

impl<B: Broadcast> Open for Opened<B> {
    type Publisher = Sending<B>;
    type Subscriber = Receiving<B>;

    fn open(topology: &Topology) -> (Vec<Sending<B>>, Vec<Receiving<B>>) {
        let (publishers, subscribers, _) = Self::open_for_churn(topology);
        (publishers, subscribers)
    }
}

impl<B: Broadcast> Churn for Opened<B> {
    type Handle = B::Sender;

    fn open_for_churn(topology: &Topology) -> (Vec<Sending<B>>, Vec<Receiving<B>>, B::Sender) {
        let (sender, receivers) = B::channel(topology.subscribers);
        let publishers = (0..topology.publishers).map(|_| Sending(sender.clone())).collect();
        (publishers, receivers.into_iter().map(Receiving).collect(), sender)
    }

    fn churn(handle: &B::Sender) {
        drop(B::subscribe(handle));
        B::tidy(handle);
    }
}

impl<B: Broadcast> Publish for Sending<B> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        B::send(&mut self.0, message);
    }
}

impl<B: Broadcast> PublishAsync for Sending<B> {
    #[inline(always)]
    async fn publish(&mut self, message: Message) {
        B::send_async(&mut self.0, message).await;
    }
}

impl<B: Broadcast> Receive for Receiving<B> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        B::recv(&mut self.0).hand_to(sink)
    }
}

impl<B: Broadcast> ReceiveAsync for Receiving<B> {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        B::recv_async(&mut self.0).await.hand_to(sink)
    }
}

impl<B: Broadcast> Poll for Receiving<B> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || B::try_recv(&mut self.0))
    }
}
