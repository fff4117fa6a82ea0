//! Connecting to Redis.

use std::path::PathBuf;
use std::sync::Arc;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    TlsCertificates,
};

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::builder::RemoteBuilder;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::redis::backend::{Redis, RedisMessageBroker};
use crate::remote::redis::connection::{Connection, unconnected};
use crate::remote::redis::settings::RedisStreams;

/// What is chosen of a [`RedisMessageBroker`]: see there.
pub type RedisBuilder<M, H = ()> = RemoteBuilder<RedisSettings, M, H>;

/// What only Redis has; secrets among it, which are never shown.
#[derive(Default)]
pub struct RedisSettings {
    streams: Option<RedisStreams>,
    login: Option<(Option<String>, String)>,
    root: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

impl<M: Message, H: Hook<M>> RemoteBuilder<RedisSettings, M, H> {
    /// Has the server write every message down: see [`RedisStreams`].
    pub fn streams(mut self, streams: RedisStreams) -> Self {
        self.settings.streams = Some(streams);
        self
    }

    /// Logs in with a name and a password.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.settings.login = Some((Some(user.into()), password.into()));
        self
    }

    /// Logs in with a password alone.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.settings.login = Some((None, password.into()));
        self
    }

    /// Trusts the certificates of this PEM file (with a URL `rediss://`).
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.root = Some(path.into());
        self
    }

    /// Shows this certificate to the server (two PEM files).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.settings.client = Some((certificate.into(), key.into()));
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
        let Self { codec, config, hooks, settings, .. } = self;
        let core = Arc::new(Core::new(hooks, codec, config)?);
        let connection = Arc::new(Connection::open(client, core.config.confirm, &core.link).await?);
        let interval = core.config.ping_interval;
        core.runtime.spawn(Arc::clone(&connection).keep(Arc::clone(&core), interval));
        Ok(RedisMessageBroker::new(Redis { core, connection, streams: settings.streams }))
    }

    fn client(&self) -> Result<Client, RemoteError> {
        // The error would show the URL, which may have a password in it.
        let info = self.url.as_str().into_connection_info().map_err(|_| RemoteError::Config {
            field: "url",
            found: "(not shown)".into(),
            expected: "redis://host:port, rediss://host:port or unix:///path",
        })?;
        let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if let Some((user, password)) = &self.settings.login {
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
        let client_tls = match &self.settings.client {
            Some((certificate, key)) => {
                Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
            }
            None => None,
        };
        let root_cert = self.settings.root.as_ref().map(read).transpose()?;
        let built = Client::build_with_tls(info, TlsCertificates { client_tls, root_cert });
        built.map_err(|error| RemoteError::Tls(Box::new(error)))
    }
}
