//! What those who bridge to a broker beyond the process see of it.

use tokio::sync::watch;

use crate::broker::{BoxFuture, ConnectionState, LinkedBroker, MessageStream};
use crate::envelope::TopicPattern;
use crate::remote::backend::Backend;
use crate::remote::broker::RemoteBroker;
use crate::remote::subscribe::RemoteSubscribe;

impl<B: Backend> LinkedBroker<B::Message> for RemoteBroker<B> {
    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state()
    }

    fn pipeline(&self) -> usize {
        self.backend().pipeline()
    }

    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<B::Message>> {
        let options = RemoteSubscribe { topic: Some(pattern), ..Default::default() };
        Box::pin(async { Ok(self.subscribe_with(options).await?) })
    }
}
