//! A message from its publisher to the server, or to where it is kept until there is one.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::{BrokerError, Message, Rejection};
use crate::envelope::{CorrelationId, MessageEnvelope, MessageHeader};
use crate::hook::Hook;
use crate::remote::backend::{Backend, Sent};
use crate::remote::config::Outage;
use crate::remote::core::{Core, backend};
use crate::remote::error::RemoteError;
use crate::remote::outage::{Taken, send_kept};
use crate::remote::outcome::Published;

/// A message that was not published, and why.
type Unpublished<M> = (MessageEnvelope<M>, RemoteError);

impl<M: Message, H: Hook<M>> Core<M, H> {
    /// Publishes, once the hooks have let it pass; a request is told apart by its correlation id.
    pub(crate) async fn publish<B: Backend<Message = M, Hook = H>>(
        &self,
        to: &Arc<B>,
        mut envelope: MessageEnvelope<M>,
        request: Option<CorrelationId>,
    ) -> Result<Sent, BrokerError<M>> {
        if let Err(refusal) = self.services.admit(&mut envelope) {
            return Err(self.services.refuse(envelope, refusal));
        }
        let mut admitted = Admitted { core: self, header: Some(envelope.metadata.header()) };
        let sent = match self.config.outage {
            Outage::Buffer { .. } if request.is_none() => self.send_or_keep(to, envelope).await,
            outage => match self.await_way(outage).await {
                Ok(()) => self.send(to, envelope, request).await,
                Err(error) => Err(Unsent::Failed(envelope, error)),
            },
        };
        match sent {
            Ok(sent) => {
                self.counts.published.add(1);
                if let Some(header) = admitted.header.take() {
                    self.services.published(&header);
                }
                Ok(sent)
            }
            Err(Unsent::Closed(envelope)) => {
                admitted.header = None;
                Err(self.services.closed(envelope))
            }
            Err(Unsent::Failed(envelope, error)) => Err(backend(Some(envelope), error)),
        }
    }

    /// Waits for a connection as the policy says. A request waits as long as its caller does, where messages
    /// are kept.
    async fn await_way(&self, outage: Outage) -> Result<(), RemoteError> {
        match outage {
            Outage::Fail => self.link.usable_within(Duration::ZERO).await,
            Outage::Wait(limit) => self.link.usable_within(limit).await,
            Outage::Buffer { .. } => {
                self.link.usable().await;
                self.await_kept().await;
                Ok(())
            }
        }
    }

    /// Waits until all that was kept has been sent, for the sake of order, or the connection is lost again.
    async fn await_kept(&self) {
        if self.buffer.is_used() {
            tokio::select! {
                () = self.buffer.emptied() => {}
                () = self.link.lost() => {}
            }
        }
    }

    async fn send<B: Backend<Message = M, Hook = H>>(
        &self,
        to: &Arc<B>,
        envelope: MessageEnvelope<M>,
        request: Option<CorrelationId>,
    ) -> Result<Sent, Unsent<M>> {
        if self.link.is_closed() {
            return Err(Unsent::Closed(envelope));
        }
        to.send(&envelope, request).await.map_err(|error| Unsent::Failed(envelope, error))
    }

    /// Sends it behind all that is kept, or has it kept.
    async fn send_or_keep<B: Backend<Message = M, Hook = H>>(
        &self,
        to: &Arc<B>,
        mut envelope: MessageEnvelope<M>,
    ) -> Result<Sent, Unsent<M>> {
        if self.link.is_usable() {
            self.await_kept().await;
        }
        if self.link.is_usable() {
            match self.send(to, envelope, None).await {
                // The news of the outage is on its way.
                Err(Unsent::Failed(back, RemoteError::Disconnected { .. })) => envelope = back,
                sent => return sent,
            }
        }
        self.keep(to, envelope).map_err(|(envelope, error)| Unsent::Failed(envelope, error))
    }

    fn keep<B: Backend<Message = M, Hook = H>>(
        &self,
        to: &Arc<B>,
        envelope: MessageEnvelope<M>,
    ) -> Result<Sent, Unpublished<M>> {
        let size = match to.size(&envelope) {
            Ok(size) => size,
            Err(error) => return Err((envelope, error)),
        };
        if let Taken::First = self.buffer.take(envelope, size)? {
            self.runtime.spawn(send_kept(Arc::clone(to)));
        }
        self.counts.buffered.add(1);
        Ok(Sent::to_somebody(Published::Buffered))
    }
}

/// Why a message was not sent.
enum Unsent<M> {
    Closed(MessageEnvelope<M>),
    Failed(MessageEnvelope<M>, RemoteError),
}

/// A message that the hooks have let pass. Unless it is published they are told that it was not.
struct Admitted<'a, M: Message, H: Hook<M>> {
    core: &'a Core<M, H>,
    header: Option<MessageHeader>,
}

impl<M: Message, H: Hook<M>> Drop for Admitted<'_, M, H> {
    fn drop(&mut self) {
        if let Some(header) = &self.header {
            self.core.services.let_out(header, &Rejection::UNSENT);
        }
    }
}
