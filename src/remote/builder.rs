//! Building a broker beyond the process: what is the same whatever its server.

use std::fmt;
use std::sync::Arc;

use crate::broker::Message;
use crate::codec::Codec;
use crate::hook::Hook;
use crate::remote::config::RemoteConfig;

/// What is chosen of a broker beyond the process: a `NatsBuilder` or a `RedisBuilder`. `S` is what only the one kind
/// of server has.
#[must_use = "a builder does nothing until `connect`"]
pub struct RemoteBuilder<S, M, H = ()> {
    pub(crate) url: String,
    pub(crate) codec: Arc<dyn Codec<M>>,
    pub(crate) config: RemoteConfig,
    pub(crate) hooks: H,
    pub(crate) settings: S,
}

impl<S: Default, M: Message> RemoteBuilder<S, M> {
    pub(crate) fn new(url: String, codec: impl Codec<M>) -> Self {
        let (config, settings) = (RemoteConfig::default(), S::default());
        Self { url, codec: Arc::new(codec), config, hooks: (), settings }
    }

    /// Sets its hook, or a tuple of them: see [`Hook`].
    pub fn hooks<H: Hook<M>>(self, hooks: H) -> RemoteBuilder<S, M, H> {
        let Self { url, codec, config, settings, .. } = self;
        RemoteBuilder { url, codec, config, hooks, settings }
    }
}

impl<S, M: Message, H: Hook<M>> RemoteBuilder<S, M, H> {
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
}

impl<S, M, H> fmt::Debug for RemoteBuilder<S, M, H> {
    /// Without the URL, which may have a password in it, and without the settings, which may have others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
