//! Brings what the remote broker has into the ring.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::broker::{InMemoryMessageBroker, Message, MessageBroker, MessageStream};
use crate::envelope::{MessageEnvelope, Origin};
use crate::hook::Hook;
use crate::remote::bridge::carried::Carried;
use crate::remote::bridge::counts::Counts;
use crate::remote::bridge::patterns::Patterns;

pub(crate) struct Importer<M: Message, H: Hook<M>> {
    pub(crate) local: InMemoryMessageBroker<M, H>,
    /// What comes, if anything is imported.
    pub(crate) stream: Option<MessageStream<M>>,
    pub(crate) patterns: Patterns,
    /// What the exporter was answered.
    pub(crate) replies: mpsc::UnboundedReceiver<MessageEnvelope<M>>,
    /// Of this ring.
    pub(crate) origin: Origin,
    pub(crate) carried: Arc<Carried>,
    pub(crate) counts: Arc<Counts>,
    /// There are no more replies.
    pub(crate) exporter_ended: bool,
}

impl<M: Message, H: Hook<M>> Importer<M, H> {
    /// Imports until `stop` says so, or either broker is closed. Brings replies until the exporter has ended.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while self.stream.is_some() || !self.exporter_ended {
            tokio::select! {
                biased;
                () = stopped(&mut stop), if self.stream.is_some() => self.stream = None,
                reply = self.replies.recv(), if !self.exporter_ended => match reply {
                    Some(reply) => self.publish(reply).await,
                    None => self.exporter_ended = true,
                },
                envelope = next(&mut self.stream) => match envelope {
                    Some(envelope) => self.import(envelope).await,
                    None => self.stream = None,
                },
            }
            if self.local.is_closed() {
                self.stream = None;
            }
        }
    }

    async fn import(&mut self, envelope: MessageEnvelope<M>) {
        let (metadata, dropped) = (&envelope.metadata, &self.counts.dropped);
        if metadata.origin == Some(self.origin) {
            dropped.echoes.add(1);
        } else if !self.patterns.want(metadata) {
            dropped.unwanted.add(1);
        } else {
            self.publish(envelope).await;
        }
    }

    /// Publishes a message here, unless it is a reply that has come before.
    async fn publish(&mut self, mut envelope: MessageEnvelope<M>) {
        if !self.carried.import(&envelope.metadata) {
            return self.counts.dropped.duplicates.add(1);
        }
        envelope.metadata.origin.get_or_insert(Origin::ELSEWHERE);
        match self.local.publish(envelope).await {
            Ok(()) => self.counts.imported.add(1),
            Err(_) => self.counts.dropped.not_imported.add(1),
        }
    }
}

/// Ready when the bridge is to end.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a bridge as well.
    let _ = stop.wait_for(|stops| *stops).await;
}

async fn next<M: Message>(stream: &mut Option<MessageStream<M>>) -> Option<MessageEnvelope<M>> {
    match stream {
        Some(stream) => stream.recv().await,
        None => pending().await,
    }
}
