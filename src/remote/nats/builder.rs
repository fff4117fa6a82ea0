//! Connecting to NATS.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, Event};
use tokio::runtime::Handle;

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::codec::Codec;
use crate::remote::config::RemoteConfig;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::nats::broker::{Nats, NatsMessageBroker};
use crate::remote::nats::inbox::Inbox;
use crate::remote::nats::jetstream::{JetStream, Log};
use crate::remote::origins::Origins;

/// What is chosen of a [`NatsMessageBroker`]: see there.
#[must_use = "a builder does nothing until `connect`"]
pub struct NatsBuilder<M, H = ()> {
    url: String,
    codec: Arc<dyn Codec<M>>,
    config: RemoteConfig,
    hooks: H,
    jetstream: Option<JetStream>,
    flushes: bool,
    /// Where credentials and certificates have gone; they are never shown.
    options: ConnectOptions,
    credentials: Option<PathBuf>,
}

impl<M: Message> NatsBuilder<M> {
    pub(crate) fn new(url: String, codec: Arc<dyn Codec<M>>) -> Self {
        Self {
            url,
            codec,
            config: RemoteConfig::default(),
            hooks: (),
            jetstream: None,
            flushes: false,
            options: ConnectOptions::new().name("stentor"),
            credentials: None,
        }
    }

    /// Sets its hook, or a tuple of them: see [`Hook`].
    pub fn hooks<H: Hook<M>>(self, hooks: H) -> NatsBuilder<M, H> {
        let Self { url, codec, config, jetstream, flushes, options, credentials, .. } = self;
        NatsBuilder { url, codec, config, hooks, jetstream, flushes, options, credentials }
    }
}

impl<M: Message, H: Hook<M>> NatsBuilder<M, H> {
    /// Sets what all brokers beyond the process have to choose.
    pub fn config(mut self, config: RemoteConfig) -> Self {
        self.config = config;
        self
    }

    /// See [`RemoteConfig::prefix`].
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.prefix = prefix.into();
        self
    }

    /// Has the server write every message down: see [`JetStream`].
    pub fn jetstream(mut self, jetstream: JetStream) -> Self {
        self.jetstream = Some(jetstream);
        self
    }

    /// Publishing waits until the server has had the message: a round trip each. (With JetStream it always
    /// does.)
    pub fn flush_each(mut self) -> Self {
        self.flushes = true;
        self
    }

    /// How many messages the client keeps for one stream whose own buffer is full; what comes then is dropped
    /// and counted. 65,536 unless said.
    pub fn client_buffer(mut self, messages: usize) -> Self {
        self.options = self.options.subscription_capacity(messages);
        self
    }

    /// Logs in with a name and a password.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.options = self.options.user_and_password(user.into(), password.into());
        self
    }

    /// Logs in with a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.options = self.options.token(token.into());
        self
    }

    /// Logs in with the seed of an nkey.
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.options = self.options.nkey(seed.into());
        self
    }

    /// Logs in with a `.creds` file, which is read when connecting.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials = Some(path.into());
        self
    }

    /// Connects by TLS or not at all.
    pub fn require_tls(mut self) -> Self {
        self.options = self.options.require_tls(true);
        self
    }

    /// Trusts the certificates of this PEM file, beside those of the system.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.options = self.options.add_root_certificates(path.into());
        self
    }

    /// Shows this certificate to the server (two PEM files).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.options = self.options.add_client_certificate(certificate.into(), key.into());
        self
    }

    /// Connects. From then on the connection is made again whenever it is lost.
    ///
    /// # Errors
    /// Something in the configuration cannot be, or there is no connection: the error tells credentials that
    /// are refused and certificates that are not trusted from a server that is not there.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<NatsMessageBroker<M, H>, RemoteError> {
        let Self { url, codec, config, hooks, jetstream, flushes, mut options, credentials } = self;
        let core = Arc::new(Core::new(hooks, codec, config)?);
        if let Some(path) = credentials {
            let read = options.credentials_file(path).await;
            options = read.map_err(|error| RemoteError::Unauthorized(Box::new(error)))?;
        }
        let backoff = core.config.backoff;
        let told = Arc::downgrade(&core);
        let options = options
            .ping_interval(core.config.ping_interval)
            .reconnect_delay_callback(move |failed| backoff.jittered(failed))
            .event_callback(move |event| {
                let told = told.upgrade();
                async move {
                    if let Some(core) = told {
                        core.heard_of(&event);
                    }
                }
            });
        let servers: Vec<&str> = url.split(',').map(str::trim).collect();
        let client = options.connect(servers).await.map_err(unconnected)?;
        let (inbox, subscriber) = Inbox::open(&client).await?;
        let runtime = Handle::current();
        runtime.spawn(Arc::clone(&inbox).read(subscriber, Arc::clone(&core)));
        inbox.settle(&core.link, core.config.confirm).await?;
        let log = match jetstream {
            Some(jetstream) => Some(Log::open(&client, jetstream, &core.config.prefix).await?),
            None => None,
        };
        let origins = Origins::default();
        Ok(NatsMessageBroker::new(Nats { core, client, inbox, origins, log, flushes, runtime }))
    }
}

impl<M: Message, H: Hook<M>> Core<M, H> {
    fn heard_of(&self, event: &Event) {
        match event {
            Event::Connected => self.link.connected(),
            Event::Disconnected => self.link.lose(),
            Event::SlowConsumer(_) => self.counts.dropped.add(1),
            _ => {}
        }
        tracing::info!(target: "stentor::remote", prefix = self.config.prefix, "nats: {event}");
    }
}

fn unconnected(error: ConnectError) -> RemoteError {
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            RemoteError::Unauthorized(Box::new(error))
        }
        ConnectErrorKind::Tls => RemoteError::Tls(Box::new(error)),
        _ if is_about_tls(&error) => RemoteError::Tls(Box::new(error)),
        _ => RemoteError::Connect(Box::new(error)),
    }
}

/// The client reports a certificate that is not trusted as an I/O error.
fn is_about_tls(error: &ConnectError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("certificate") {
            return true;
        }
        next = error.source();
    }
    false
}

impl<M, H> fmt::Debug for NatsBuilder<M, H> {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
