//! Channels as most libraries have them: a sender, a receiver, and a way to send, to receive and to try.

use std::{future::Future, marker::PhantomData};

use super::fan_out::{Enqueue, EnqueueAsync, Queue};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    workload::{Message, READ, Sink},
};

/// A bounded channel between threads.
pub trait Channel: 'static {
    /// The end that puts in.
    type Sender: Send + 'static;
    /// The end that takes out.
    type Receiver: Send + 'static;

    /// A channel of [`crate::workload::CAPACITY`] places.
    fn channel() -> (Self::Sender, Self::Receiver);

    /// Sends; waits for room.
    fn send(sender: &mut Self::Sender, message: Message);

    /// Waits for a message; none when there will be no more.
    fn recv(receiver: &mut Self::Receiver) -> Option<Message>;

    /// A message, if there is one.
    fn try_recv(receiver: &mut Self::Receiver) -> Option<Message>;
}

/// A bounded channel between tasks.
pub trait AsyncChannel: 'static {
    /// The end that puts in.
    type Sender: Send + 'static;
    /// The end that takes out.
    type Receiver: Send + 'static;

    /// A channel of [`crate::workload::CAPACITY`] places.
    fn channel() -> (Self::Sender, Self::Receiver);

    /// Sends; waits for room.
    fn send(sender: &mut Self::Sender, message: Message) -> impl Future<Output = ()> + Send;

    /// Waits for a message; none when there will be no more.
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<Message>> + Send;
}

/// A channel between threads as a queue.
pub struct Blocking<C>(PhantomData<C>);

/// The end of `C` that puts in.
pub struct Sending<C: Channel>(pub C::Sender);

/// The end of `C` that takes out.
pub struct Receiving<C: Channel>(C::Receiver);

impl<C: Channel> Queue for Blocking<C> {
    type Sender = Sending<C>;
    type Receiver = Receiving<C>;

    fn queue() -> (Sending<C>, Receiving<C>) {
        let (sender, receiver) = C::channel();
        (Sending(sender), Receiving(receiver))
    }
}

impl<C: Channel<Sender: Clone>> Clone for Sending<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Channel> Enqueue for Sending<C> {
    #[inline(always)]
    fn enqueue(&mut self, message: Message) {
        C::send(&mut self.0, message);
    }
}

impl<C> EnqueueAsync for Sending<C>
where
    C: Channel + AsyncChannel<Sender = <C as Channel>::Sender>,
{
    #[inline(always)]
    async fn enqueue(&mut self, message: Message) {
        <C as AsyncChannel>::send(&mut self.0, message).await;
    }
}

impl<C: Channel> Receive for Receiving<C> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        C::recv(&mut self.0).map(|message| sink.take(&message)).is_some()
    }
}

impl<C: Channel> Poll for Receiving<C> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || C::try_recv(&mut self.0))
    }
}

/// A channel between tasks as a queue.
pub struct Tasks<C>(PhantomData<C>);

/// The end of `C` that puts in.
pub struct SendingAsync<C: AsyncChannel>(C::Sender);

/// The end of `C` that takes out.
pub struct ReceivingAsync<C: AsyncChannel>(C::Receiver);

impl<C: AsyncChannel> Queue for Tasks<C> {
    type Sender = SendingAsync<C>;
    type Receiver = ReceivingAsync<C>;

    fn queue() -> (SendingAsync<C>, ReceivingAsync<C>) {
        let (sender, receiver) = C::channel();
        (SendingAsync(sender), ReceivingAsync(receiver))
    }
}

impl<C: AsyncChannel<Sender: Clone>> Clone for SendingAsync<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: AsyncChannel> EnqueueAsync for SendingAsync<C> {
    #[inline(always)]
    async fn enqueue(&mut self, message: Message) {
        C::send(&mut self.0, message).await;
    }
}

impl<C: AsyncChannel> ReceiveAsync for ReceivingAsync<C> {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        C::recv(&mut self.0).await.map(|message| sink.take(&message)).is_some()
    }
}

/// Takes messages one by one, as long as there are any, but not for ever; how many.
#[inline(always)]
pub fn take_each(sink: &mut impl Sink, mut next: impl FnMut() -> Option<Message>) -> usize {
    let mut count = 0;
    while count < READ
        && let Some(message) = next()
    {
        sink.take(&message);
        count += 1;
    }
    count
}

/// Says of a library's channel between threads that it is one: what it is called here, its ends, how it is made, and what
/// makes an option of what trying gives.
macro_rules! channel {
    ($name:ident, $sender:ty, $receiver:ty, $make:expr, $option:expr) => {
        impl $crate::contenders::channel::Channel for $name {
            type Sender = $sender;
            type Receiver = $receiver;

            fn channel() -> (Self::Sender, Self::Receiver) {
                $make
            }

            #[inline(always)]
            fn send(sender: &mut Self::Sender, message: Message) {
                sender.send(message).expect("receivers outlive senders");
            }

            #[inline(always)]
            fn recv(receiver: &mut Self::Receiver) -> Option<Message> {
                receiver.recv().ok()
            }

            #[inline(always)]
            fn try_recv(receiver: &mut Self::Receiver) -> Option<Message> {
                $option(receiver.try_recv())
            }
        }
    };
}

/// The same for a channel between tasks, with the names of the methods that send and receive.
macro_rules! async_channel {
    ($name:ident, $sender:ty, $receiver:ty, $make:expr, $send:ident, $recv:ident) => {
        impl $crate::contenders::channel::AsyncChannel for $name {
            type Sender = $sender;
            type Receiver = $receiver;

            fn channel() -> (Self::Sender, Self::Receiver) {
                $make
            }

            #[inline(always)]
            async fn send(sender: &mut Self::Sender, message: Message) {
                sender.$send(message).await.expect("receivers outlive senders");
            }

            #[inline(always)]
            async fn recv(receiver: &mut Self::Receiver) -> Option<Message> {
                receiver.$recv().await.ok()
            }
        }
    };
}

pub(super) use {async_channel, channel};
