//! async-broadcast: one queue with a position for each subscriber; lossless by default, lossy in
//! overflow mode.

use async_broadcast::{Receiver, RecvError, Sender, TryRecvError, broadcast};

use super::broadcast::{Broadcast, Opened, Received};
use crate::{
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// The channel as it is.
type Lossless = Opened<Queue<false>>;
/// The channel in overflow mode.
type Lossy = Opened<Queue<true>>;

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

/// The channel, in overflow mode or not.
struct Queue<const OVERFLOW: bool>;

impl<const OVERFLOW: bool> Broadcast for Queue<OVERFLOW> {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn channel(receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (mut sender, receiver) = broadcast(CAPACITY);
        sender.set_overflow(OVERFLOW);
        (sender, vec![receiver; receivers])
    }

    fn subscribe(sender: &Self::Sender) -> Self::Receiver {
        sender.new_receiver()
    }

    #[inline(always)]
    fn send(sender: &mut Self::Sender, message: Message) {
        sender.broadcast_blocking(message).expect("receivers outlive senders");
    }

    #[inline(always)]
    async fn send_async(sender: &mut Self::Sender, message: Message) {
        sender.broadcast_direct(message).await.expect("receivers outlive senders");
    }

    #[inline(always)]
    fn recv(receiver: &mut Self::Receiver) -> Received {
        received(receiver.recv_blocking())
    }

    #[inline(always)]
    async fn recv_async(receiver: &mut Self::Receiver) -> Received {
        // `recv_direct` keeps its listener on the stack; `recv` boxes it.
        received(receiver.recv_direct().await)
    }

    #[inline(always)]
    fn try_recv(receiver: &mut Self::Receiver) -> Option<Message> {
        loop {
            match receiver.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Overflowed(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }
}

/// What has come.
#[inline(always)]
fn received(received: Result<Message, RecvError>) -> Received {
    match received {
        Ok(message) => Received::Message(message),
        Err(RecvError::Overflowed(_)) => Received::Gap,
        Err(RecvError::Closed) => Received::End,
    }
}
