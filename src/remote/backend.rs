//! What a broker beyond the process needs of its server's side. All else is the same for each: see `broker`.

use std::sync::Arc;

use crate::broker::{BrokerError, Message, MessageStream};
use crate::envelope::{CorrelationId, MessageEnvelope};
use crate::hook::Hook;
use crate::remote::acked::AckedStream;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::origins::Listening;
use crate::remote::outcome::Published;
use crate::remote::subscribe::RemoteSubscribe;

/// The side of one kind of server, with a connection that is made again whenever it is lost.
pub trait Backend: Sized + Send + Sync + 'static {
    /// What is published.
    type Message: Message;
    /// Its hooks.
    type Hook: Hook<Self::Message>;

    /// What its broker is called.
    const NAME: &'static str;

    /// What all brokers have.
    fn core(&self) -> &Arc<Core<Self::Message, Self::Hook>>;

    /// Whether the server writes messages down.
    fn keeps(&self) -> bool;

    /// How many messages may be sent at a time and keep the order in which they were begun: see
    /// [`LinkedBroker::pipeline`](crate::LinkedBroker::pipeline).
    fn pipeline(&self) -> usize;

    /// The bytes of a message on the wire, if it can be sent.
    fn size(&self, envelope: &MessageEnvelope<Self::Message>) -> Result<usize, RemoteError>;

    /// Sends a message; a request is told apart by its correlation id.
    fn send(
        &self,
        envelope: &MessageEnvelope<Self::Message>,
        request: Option<CorrelationId>,
    ) -> impl Future<Output = Result<Sent, RemoteError>> + Send;

    /// Sends messages that are no requests, in their order and without waiting for each, and waits until the
    /// server has dealt with all of them; what became of each.
    fn send_all(
        &self,
        envelopes: &[Arc<MessageEnvelope<Self::Message>>],
    ) -> impl Future<Output = Vec<Result<(), RemoteError>>> + Send;

    /// Waits until the server has dealt with all that was sent before.
    fn flush(&self) -> impl Future<Output = Result<(), RemoteError>> + Send;

    /// A subscription to what is sent from now on. Only if the server writes nothing down.
    fn listen(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> impl Future<Output = Result<MessageStream<Self::Message>, BrokerError<Self::Message>>> + Send;

    /// A subscription to what the server writes down. Only if it does.
    fn read(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> impl Future<Output = Result<AckedStream<Self::Message>, RemoteError>> + Send;

    /// Listens to the replies to correlation ids of an origin.
    fn replies(&self, origin: u64) -> impl Future<Output = Result<Listening, RemoteError>> + Send;

    /// Ready when the server says that nobody is subscribed to a request, if it is one that does.
    fn nobody(&self, _request: CorrelationId) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Ends the connection, once all is done.
    fn end(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// What is known of a message that was sent.
#[derive(Clone, Copy)]
pub struct Sent {
    pub(crate) published: Published,
    /// False if the server says that it had nobody to pass it on to.
    pub(crate) is_heard: bool,
}

impl Sent {
    pub(crate) fn to_somebody(published: Published) -> Self {
        Self { published, is_heard: true }
    }
}
