//! Brings what the client receives to a stream.

use std::sync::Arc;

use async_nats::{Message as NatsMessage, Subscriber};
use futures_util::StreamExt;

use crate::broker::Message;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::feed::{Feed, Unsubscribed};
use crate::remote::nats::inbox::Inbox;
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

/// Feeds a stream until it is dropped, or the broker is closed and all that was sent before has come.
pub(crate) async fn feed<M: Message, H: Hook<M>>(
    core: Arc<Core<M, H>>,
    inbox: Arc<Inbox>,
    mut subscriber: Subscriber,
    feed: Feed<M, H>,
    unsubscribed: Unsubscribed,
) {
    let feeding = async {
        loop {
            tokio::select! {
                message = subscriber.next() => match message {
                    Some(message) => {
                        if let Some(envelope) = decode(&core, &message) {
                            feed.push(envelope).await;
                        }
                    }
                    None => return,
                },
                () = core.link.closed() => break,
            }
        }
        // What was published before has been sent to us when this comes back, or else it never will be.
        let _ = inbox.round_trip(core.config.drain).await;
        // What has been received can still be read.
        let _ = subscriber.unsubscribe().await;
        while let Some(message) = subscriber.next().await {
            if let Some(envelope) = decode(&core, &message) {
                feed.push(envelope).await;
            }
        }
    };
    tokio::select! {
        () = feeding => {}
        _ = unsubscribed => {}
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
