//! Which records.

use std::error::Error;
use std::time::SystemTime;

use stentor::{ActorAddress, CorrelationId, ReplayQuery, Timestamp};

/// Which records. Everything that is said must be true of them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which records")]
pub struct Select {
    /// From this sequence on.
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "since")]
    pub from: Option<u64>,

    /// Only before this sequence.
    #[arg(long, value_name = "SEQUENCE")]
    until: Option<u64>,

    /// Journalled at this time or later: `2026-01-31T12:00:00Z`, or so long ago: `10m`, `2h 30m`.
    #[arg(long, value_name = "TIME|AGE", value_parser = time)]
    since: Option<Timestamp>,

    /// Of a topic of this pattern: `orders.*`, `orders.>`.
    #[arg(long, value_name = "PATTERN")]
    topic: Option<String>,

    /// From this sender.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<ActorAddress>,

    /// For this recipient.
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<ActorAddress>,

    /// With this correlation id.
    #[arg(long, value_name = "ID")]
    correlation_id: Option<CorrelationId>,
}

impl Select {
    /// The query for them.
    pub fn query(&self) -> Result<ReplayQuery, Box<dyn Error>> {
        let mut query = ReplayQuery::new();
        if let Some(from) = self.from {
            query = query.from_sequence(from);
        }
        if let Some(until) = self.until {
            query = query.until_sequence(until);
        }
        if let Some(since) = self.since {
            query = query.from_time(since);
        }
        if let Some(topic) = &self.topic {
            query = query.topic(topic)?;
        }
        if let Some(sender) = self.sender {
            query = query.sender(sender);
        }
        if let Some(recipient) = self.recipient {
            query = query.recipient(recipient);
        }
        if let Some(id) = self.correlation_id {
            query = query.correlation_id(id);
        }
        Ok(query)
    }
}

/// A time, or an age.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(age) = humantime::parse_duration(text) {
        let then = SystemTime::now().checked_sub(age).ok_or("that is too long ago")?;
        return Ok(then.into());
    }
    let parsed = humantime::parse_rfc3339_weak(text);
    let expected = "expected a time as 2026-01-31T12:00:00Z, or an age as 10m";
    parsed.map(Timestamp::from).map_err(|_| expected.to_owned())
}
