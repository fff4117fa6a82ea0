//! Brings what the client receives to a stream.

use std::sync::Arc;

use async_nats::{Message as NatsMessage, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};

use crate::broker::Message;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::feed::{Feed, Unsubscribed};
use crate::remote::nats::backend::Nats;
use crate::remote::nats::wire;

pub(crate) fn decode<M: Message, H: Hook<M>>(
    core: &Core<M, H>,
    message: &NatsMessage,
) -> Option<MessageEnvelope<M>> {
    match wire::decode(message, &*core.codec, core.config.max_message) {
        Ok(envelope) => Some(envelope),
        Err(error) => {
            core.refuse(&message.subject, &message.payload, error);
            None
        }
    }
}

/// Takes what the client receives at once, as long as there is room, and counts what is dropped: the client has
/// little room, and may forget to tell of what it drops.
async fn collect<M: Message, H: Hook<M>>(
    core: Arc<Core<M, H>>,
    mut subscriber: Subscriber,
    collected: mpsc::Sender<NatsMessage>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut stopped = false;
    loop {
        let message = tokio::select! {
            biased;
            message = subscriber.next() => message,
            told = &mut stop, if !stopped => {
                stopped = true;
                // What has been received can still be read. If nobody wants it, that is an end as well.
                let _ = subscriber.unsubscribe().await;
                if told.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(message) = message else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = collected.try_send(message) {
            core.counts.dropped.add(1);
        }
    }
}

/// Feeds a stream until it is dropped, or the broker is closed and all that was sent before has come.
pub(crate) async fn feed<M: Message, H: Hook<M>>(
    nats: Arc<Nats<M, H>>,
    subscriber: Subscriber,
    feed: Feed<M, H>,
    unsubscribed: Unsubscribed,
) {
    let core = Arc::clone(&nats.core);
    let (sender, mut collected) = mpsc::channel(nats.client_buffer);
    let (stop, stopped) = oneshot::channel();
    let collecting = collect(Arc::clone(&core), subscriber, sender, stopped);
    // Whenever it runs it takes all that there is, not only as many messages as a task may take in a row.
    core.runtime.spawn(tokio::task::unconstrained(collecting));
    let feeding = async {
        loop {
            tokio::select! {
                message = collected.recv() => match message {
                    Some(message) => push(&core, &feed, &message).await,
                    None => return,
                },
                () = core.link.closed() => break,
            }
        }
        // What was published before has been sent to us when this comes back, or else it never will be.
        let _ = nats.inbox.round_trip(core.config.drain).await;
        let _ = stop.send(());
        while let Some(message) = collected.recv().await {
            push(&core, &feed, &message).await;
        }
    };
    tokio::select! {
        () = feeding => {}
        _ = unsubscribed => {}
    }
}

async fn push<M: Message, H: Hook<M>>(core: &Core<M, H>, feed: &Feed<M, H>, message: &NatsMessage) {
    if let Some(envelope) = decode(core, message) {
        feed.push(envelope).await;
    }
}

/// Hands over replies until it is stopped.
pub(crate) async fn replies<M: Message, H: Hook<M>>(
    core: Arc<Core<M, H>>,
    mut subscribers: [Subscriber; 2],
) {
    let [with_topic, without] = &mut subscribers;
    let mut both = futures_util::stream::select(with_topic, without);
    while let Some(message) = both.next().await {
        if let Some(envelope) = decode(&core, &message) {
            core.hand_over(&envelope);
        }
    }
}
