//! Acknowledges to Redis Streams.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::Notify;

use crate::remote::acks::Acknowledge;
use crate::remote::error::RemoteError;
use crate::remote::redis::connection::Connection;

#[derive(Clone)]
pub(crate) struct StreamAcks {
    pub(crate) connection: Arc<Connection>,
    /// The stream.
    pub(crate) key: Arc<str>,
    pub(crate) group: Arc<str>,
    /// Its name in the group.
    pub(crate) consumer: Arc<str>,
    /// How old a delivery must be to go to another.
    pub(crate) claim_after: Duration,
    /// There is one to be delivered again.
    pub(crate) refused: Arc<Notify>,
}

impl StreamAcks {
    fn command(&self, name: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(&*self.key).arg(&*self.group);
        command
    }
}

impl Acknowledge for StreamAcks {
    async fn done(&self, tickets: &[String]) -> Result<(), RemoteError> {
        self.connection.run(self.command("XACK").arg(tickets)).await
    }

    async fn confirm(&self, ticket: &str) -> Result<(), RemoteError> {
        self.connection.run(self.command("XACK").arg(ticket)).await
    }

    async fn again(&self, ticket: &str) -> Result<(), RemoteError> {
        // As if it had been delivered so long ago.
        let mut claim = self.command("XCLAIM");
        claim.arg(&*self.consumer).arg(0).arg(ticket);
        claim.arg("IDLE").arg(self.claim_after.as_millis() as u64).arg("JUSTID");
        self.connection.run::<Value>(&claim).await?;
        self.refused.notify_one();
        Ok(())
    }
}
