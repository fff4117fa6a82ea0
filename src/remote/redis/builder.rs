//! Connecting to Redis.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    TlsCertificates,
};
use tokio::runtime::Handle;

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::codec::Codec;
use crate::remote::config::RemoteConfig;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::origins::Origins;
use crate::remote::redis::broker::{Redis, RedisMessageBroker};
use crate::remote::redis::connection::{Connection, unconnected};

/// What is chosen of Redis Streams.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct RedisStreams {
    pub(crate) max_messages: Option<u64>,
    pub(crate) claim_after: Duration,
}

impl Default for RedisStreams {
    fn default() -> Self {
        Self { max_messages: None, claim_after: Duration::from_secs(30) }
    }
}

impl RedisStreams {
    /// A stream without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// About so many messages are kept at most (`MAXLEN ~`); then the oldest go, also those that a group has
    /// not handled.
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.max_messages = Some(messages);
        self
    }

    /// After how long a message that a member of a group has not acknowledged goes to another (`XAUTOCLAIM`). 30 s
    /// unless said.
    pub fn claim_after(mut self, idle: Duration) -> Self {
        self.claim_after = idle;
        self
    }
}

/// What is chosen of a [`RedisMessageBroker`]: see there.
#[must_use = "a builder does nothing until `connect`"]
pub struct RedisBuilder<M, H = ()> {
    url: String,
    codec: Arc<dyn Codec<M>>,
    config: RemoteConfig,
    hooks: H,
    streams: Option<RedisStreams>,
    login: Option<(Option<String>, String)>,
    root: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

impl<M: Message> RedisBuilder<M> {
    pub(crate) fn new(url: String, codec: Arc<dyn Codec<M>>) -> Self {
        Self {
            url,
            codec,
            config: RemoteConfig::default(),
            hooks: (),
            streams: None,
            login: None,
            root: None,
            client: None,
        }
    }

    /// Sets its hook, or a tuple of them: see [`Hook`].
    pub fn hooks<H: Hook<M>>(self, hooks: H) -> RedisBuilder<M, H> {
        let Self { url, codec, config, streams, login, root, client, .. } = self;
        RedisBuilder { url, codec, config, hooks, streams, login, root, client }
    }
}

impl<M: Message, H: Hook<M>> RedisBuilder<M, H> {
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

    /// Has the server write every message down: see [`RedisStreams`].
    pub fn streams(mut self, streams: RedisStreams) -> Self {
        self.streams = Some(streams);
        self
    }

    /// Logs in with a name and a password.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((Some(user.into()), password.into()));
        self
    }

    /// Logs in with a password alone.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.login = Some((None, password.into()));
        self
    }

    /// Trusts the certificates of this PEM file (with a URL `rediss://`).
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.root = Some(path.into());
        self
    }

    /// Shows this certificate to the server (two PEM files).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client = Some((certificate.into(), key.into()));
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
    pub async fn connect(self) -> Result<RedisMessageBroker<M, H>, RemoteError> {
        let client = self.client()?;
        let Self { codec, config, hooks, streams, .. } = self;
        let core = Arc::new(Core::new(hooks, codec, config)?);
        let connection = Connection::open(client, core.config.confirm).await?;
        let (connection, runtime) = (Arc::new(connection), Handle::current());
        let interval = core.config.ping_interval;
        runtime.spawn(Arc::clone(&connection).keep(Arc::clone(&core), interval));
        let origins = Origins::default();
        Ok(RedisMessageBroker::new(Redis { core, connection, origins, streams, runtime }))
    }

    fn client(&self) -> Result<Client, RemoteError> {
        // The error would show the URL, which may have a password in it.
        let info = self.url.as_str().into_connection_info().map_err(|_| RemoteError::Config {
            field: "url",
            found: "(not shown)".into(),
            expected: "redis://host:port, rediss://host:port or unix:///path",
        })?;
        let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if let Some((user, password)) = &self.login {
            if let Some(user) = user {
                settings = settings.set_username(user);
            }
            settings = settings.set_password(password);
        }
        let info: ConnectionInfo = info.set_redis_settings(settings);
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Client::open(info).map_err(unconnected);
        }
        let read = |path: &PathBuf| {
            let read = std::fs::read(path);
            read.map_err(|error| RemoteError::Tls(format!("{}: {error}", path.display()).into()))
        };
        let client_tls = match &self.client {
            Some((certificate, key)) => {
                Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
            }
            None => None,
        };
        let root_cert = self.root.as_ref().map(read).transpose()?;
        let built = Client::build_with_tls(info, TlsCertificates { client_tls, root_cert });
        built.map_err(|error| RemoteError::Tls(Box::new(error)))
    }
}

impl<M, H> fmt::Debug for RedisBuilder<M, H> {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
