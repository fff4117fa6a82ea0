//! tokio's broadcast channel: lossy, a subscriber that falls behind skips.

use tokio::sync::broadcast::{
    Receiver, Sender,
    error::{RecvError, TryRecvError},
};

use super::broadcast::{Broadcast, Opened, Received};
use crate::{
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("tokio-broadcast", "one ring, lossy")
            .threads::<Opened<Tokio>, Opened<Tokio>>()
            .polled::<Opened<Tokio>, Opened<Tokio>>()
            .tasks::<Opened<Tokio>, Opened<Tokio>>()
            .slow::<Opened<Tokio>>()
            .nobody::<Opened<Tokio>>()
            .churn::<Opened<Tokio>>()
            .lossy()
            .default(),
    ]
}

/// The channel.
struct Tokio;

impl Broadcast for Tokio {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn channel(receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let sender = Sender::new(CAPACITY);
        let receivers = (0..receivers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    fn subscribe(sender: &Self::Sender) -> Self::Receiver {
        sender.subscribe()
    }

    #[inline(always)]
    fn send(sender: &mut Self::Sender, message: Message) {
        // An error means that nobody is listening.
        let _ = sender.send(message);
    }

    #[inline(always)]
    async fn send_async(sender: &mut Self::Sender, message: Message) {
        Self::send(sender, message);
    }

    #[inline(always)]
    fn recv(receiver: &mut Self::Receiver) -> Received {
        received(receiver.blocking_recv())
    }

    #[inline(always)]
    async fn recv_async(receiver: &mut Self::Receiver) -> Received {
        received(receiver.recv().await)
    }

    #[inline(always)]
    fn try_recv(receiver: &mut Self::Receiver) -> Option<Message> {
        loop {
            match receiver.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Lagged(_)) => {}
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
        Err(RecvError::Lagged(_)) => Received::Gap,
        Err(RecvError::Closed) => Received::End,
    }
}
