//! Connecting to NATS.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event};

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::builder::RemoteBuilder;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::nats::backend::{Nats, NatsMessageBroker};
use crate::remote::nats::inbox::Inbox;
use crate::remote::nats::jetstream::Log;
use crate::remote::nats::settings::JetStream;

/// How many messages the client itself may have for a stream.
const CLIENT_CAPACITY: usize = 1 << 18;

/// How often the connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is chosen of a [`NatsMessageBroker`]: see there.
pub type NatsBuilder<M, H = ()> = RemoteBuilder<NatsSettings, M, H>;

/// What only NATS has.
pub struct NatsSettings {
    jetstream: Option<JetStream>,
    flushes: bool,
    client_buffer: usize,
    /// Where credentials and certificates have gone; they are never shown.
    options: ConnectOptions,
    credentials: Option<PathBuf>,
}

impl Default for NatsSettings {
    fn default() -> Self {
        let options = ConnectOptions::new().name("stentor");
        Self { jetstream: None, flushes: false, client_buffer: 65_536, options, credentials: None }
    }
}

impl<M: Message, H: Hook<M>> RemoteBuilder<NatsSettings, M, H> {
    /// Has the server write every message down: see [`JetStream`].
    pub fn jetstream(mut self, jetstream: JetStream) -> Self {
        self.settings.jetstream = Some(jetstream);
        self
    }

    /// Publishing waits until the server has had the message: a round trip each. (With JetStream it always
    /// does.)
    pub fn flush_each(mut self) -> Self {
        self.settings.flushes = true;
        self
    }

    /// How many messages are kept for one stream whose own buffer is full
    /// ([`RemoteConfig::buffer`](crate::RemoteConfig::buffer)); what comes then is dropped and counted. 65,536 unless
    /// said.
    pub fn client_buffer(mut self, messages: usize) -> Self {
        self.settings.client_buffer = messages.max(1);
        self
    }

    /// Logs in with a name and a password. (The client shows what goes over the wire, this among it, in its log at
    /// the level `TRACE`, target `async_nats::connection`: leave that off.)
    pub fn user(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.options(|options| options.user_and_password(user.into(), password.into()))
    }

    /// Logs in with a token. (See [`user`](Self::user) about the log.)
    pub fn token(self, token: impl Into<String>) -> Self {
        self.options(|options| options.token(token.into()))
    }

    /// Logs in with the seed of an nkey, which does not leave the process.
    pub fn nkey(self, seed: impl Into<String>) -> Self {
        self.options(|options| options.nkey(seed.into()))
    }

    /// Logs in with a `.creds` file, which is read when connecting.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.credentials = Some(path.into());
        self
    }

    /// Connects by TLS or not at all.
    pub fn require_tls(self) -> Self {
        self.options(|options| options.require_tls(true))
    }

    /// Trusts the certificates of this PEM file, beside those of the system.
    pub fn root_certificates(self, path: impl Into<PathBuf>) -> Self {
        self.options(|options| options.add_root_certificates(path.into()))
    }

    /// Shows this certificate to the server (two PEM files).
    pub fn client_certificate(
        self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.options(|options| options.add_client_certificate(certificate.into(), key.into()))
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
        let Self { url, codec, config, hooks, settings } = self;
        let NatsSettings { jetstream, flushes, client_buffer, mut options, credentials } = settings;
        let core = Arc::new(Core::new(hooks, codec, config)?);
        if let Some(path) = credentials {
            let read = options.credentials_file(&path).await;
            options = read.map_err(|error| unreadable(&path, &error))?;
        }
        let backoff = core.config.backoff;
        let told = Arc::downgrade(&core);
        let options = options
            // It is emptied at once, into what has `client_buffer` places and counts what finds none.
            .subscription_capacity(CLIENT_CAPACITY.max(client_buffer))
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
        core.runtime.spawn(Arc::clone(&inbox).read(subscriber, Arc::clone(&core)));
        inbox.settle(&core.link, core.config.confirm).await?;
        core.runtime.spawn(watch_over(client.clone(), Arc::downgrade(&core)));
        let log = match jetstream {
            Some(jetstream) => Some(Log::open(&client, jetstream, &core.config.prefix).await?),
            None => None,
        };
        Ok(NatsMessageBroker::new(Nats { core, client, inbox, log, flushes, client_buffer }))
    }

    fn options(mut self, change: impl FnOnce(ConnectOptions) -> ConnectOptions) -> Self {
        self.settings.options = change(self.settings.options);
        self
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

/// Looks at the connection from time to time, for the client forgets to tell of it when it has much to tell.
async fn watch_over<M: Message, H: Hook<M>>(client: Client, core: Weak<Core<M, H>>) {
    let mut lag = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(core) = core.upgrade() else { return };
        let is_up = client.connection_state() == State::Connected;
        // The news may be on its way.
        lag = if is_up == core.link.is_up() { 0 } else { lag + 1 };
        match (lag, is_up) {
            (0 | 1, _) => {}
            (_, true) => core.link.connected(),
            (_, false) => core.link.lose(),
        }
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

/// The path is told; what is in the file never is.
fn unreadable(path: &Path, error: &std::io::Error) -> RemoteError {
    RemoteError::Unauthorized(format!("no credentials in {}: {error}", path.display()).into())
}
