//! Envelopes as NATS messages: subjects and headers. See `docs/wire.md`.

use std::fmt::{Display, Write};
use std::str::FromStr;

use async_nats::{HeaderMap, HeaderValue, Message as NatsMessage};

use crate::codec::Codec;
use crate::codec::frame::{check_codec, millis, ttl};
use crate::codec::wire_error::WireError;
use crate::envelope::{
    CorrelationId, MessageEnvelope, MessageId, MessageMetadata, Timestamp, Topic, TopicPattern,
};
use crate::remote::origins::origin;

const FORMAT: &str = "Stentor";
const MESSAGE_ID: &str = "Nats-Msg-Id";
const SENDER: &str = "Stentor-Sender";
const RECIPIENT: &str = "Stentor-Recipient";
const REPLY_TO: &str = "Stentor-Reply-To";
const CORRELATION_ID: &str = "Stentor-Correlation-Id";
const TIMESTAMP: &str = "Stentor-Timestamp";
const TTL: &str = "Stentor-Ttl";
const TOPIC: &str = "Stentor-Topic";
const TRACE: &str = "traceparent";
const ORIGIN: &str = "Stentor-Origin";

const VERSION: &str = "1";

/// The longest subject: a server takes a line of 4,096 bytes, with an inbox and some numbers in it.
pub(crate) const LONGEST_SUBJECT: usize = 3_800;

// ===== subjects =====

/// Where a message goes. Requests are not sent to an origin, where only replies are waited for.
pub(crate) fn subject(prefix: &str, metadata: &MessageMetadata, is_request: bool) -> String {
    let mut subject = prefix.to_owned();
    push(&mut subject, metadata.recipient);
    let origin = metadata.correlation_id.filter(|_| !is_request).map(origin);
    push(&mut subject, origin.map(|origin| format!("{origin:016x}")));
    if let Some(topic) = &metadata.topic {
        push(&mut subject, Some(topic));
    }
    subject
}

fn push(subject: &mut String, word: Option<impl Display>) {
    // A string takes everything.
    let _ = match word {
        Some(word) => write!(subject, ".{word}"),
        None => write!(subject, ".-"),
    };
}

/// What to listen to for messages of a pattern, or for all.
pub(crate) fn subjects_of(prefix: &str, pattern: Option<&TopicPattern>) -> String {
    match pattern {
        Some(pattern) => format!("{prefix}.*.*.{pattern}"),
        None => format!("{prefix}.>"),
    }
}

/// What to listen to for replies to correlation ids of an origin: with a topic, and without.
pub(crate) fn replies_of(prefix: &str, origin: u64) -> [String; 2] {
    [format!("{prefix}.*.{origin:016x}.>"), format!("{prefix}.*.{origin:016x}")]
}

// ===== headers =====

pub(crate) fn headers(metadata: &MessageMetadata, codec: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: Option<String>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    put(FORMAT, Some(format!("{VERSION} {codec}")));
    put(MESSAGE_ID, Some(metadata.message_id.to_string()));
    put(SENDER, metadata.sender.map(|address| address.to_string()));
    put(RECIPIENT, metadata.recipient.map(|address| address.to_string()));
    put(REPLY_TO, metadata.reply_to.map(|address| address.to_string()));
    put(CORRELATION_ID, metadata.correlation_id.map(|id| id.to_string()));
    put(TIMESTAMP, metadata.timestamp.map(|at| at.as_nanos().to_string()));
    put(TTL, metadata.ttl.map(|ttl| millis(ttl).to_string()));
    put(TOPIC, metadata.topic.as_ref().map(Topic::to_string));
    put(TRACE, metadata.trace.map(|trace| trace.to_string()));
    put(ORIGIN, metadata.origin.map(|origin| origin.to_string()));
    headers
}

/// How many bytes headers have.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    let size = |name: &str, values: &[HeaderValue]| {
        name.len() + values.iter().map(|value| value.as_str().len()).sum::<usize>()
    };
    headers.iter().map(|(name, values)| size(name.as_ref(), values)).sum()
}

/// The envelope of a message of at most `limit` bytes.
pub(crate) fn decode<M: 'static>(
    message: &NatsMessage,
    codec: &dyn Codec<M>,
    limit: usize,
) -> Result<MessageEnvelope<M>, WireError> {
    let size = message.payload.len();
    if size > limit {
        return Err(WireError::TooLarge { size, limit });
    }
    let fields = Fields(message.headers.as_ref());
    let format = fields.text(FORMAT).ok_or(WireError::Missing { field: FORMAT })?;
    let (version, name) = format.split_once(' ').unwrap_or((format, ""));
    if version != VERSION {
        return Err(WireError::Version { found: version.to_owned() });
    }
    check_codec(name, codec)?;
    let metadata = fields.metadata()?;
    let message = codec.decode(&message.payload);
    let message = message.map_err(|error| WireError::payload(size, error))?;
    Ok(MessageEnvelope { message, metadata })
}

/// A reply that somebody sent who knows NATS, but not this format: a payload alone.
pub(crate) fn decode_bare<M>(
    payload: &[u8],
    id: CorrelationId,
    codec: &dyn Codec<M>,
) -> Result<MessageEnvelope<M>, WireError>
where
    M: 'static,
{
    let decoded = codec.decode(payload);
    let message = decoded.map_err(|error| WireError::payload(payload.len(), error))?;
    Ok(MessageEnvelope::new(message).with_correlation_id(id))
}

/// Whether a message is in this format, whatever its version.
pub(crate) fn is_ours(message: &NatsMessage) -> bool {
    Fields(message.headers.as_ref()).text(FORMAT).is_some()
}

struct Fields<'a>(Option<&'a HeaderMap>);

impl<'a> Fields<'a> {
    fn text(&self, name: &'static str) -> Option<&'a str> {
        Some(self.0?.get(name)?.as_str())
    }

    fn metadata(&self) -> Result<MessageMetadata, WireError> {
        let id: Option<MessageId> = self.id(MESSAGE_ID)?;
        let id = id.ok_or(WireError::Missing { field: MESSAGE_ID })?;
        let mut metadata = MessageMetadata::with_id(id);
        metadata.sender = self.id(SENDER)?;
        metadata.recipient = self.id(RECIPIENT)?;
        metadata.reply_to = self.id(REPLY_TO)?;
        metadata.correlation_id = self.id(CORRELATION_ID)?;
        let nanos: Option<u64> = self.parsed(TIMESTAMP, "nanoseconds since the Unix epoch")?;
        metadata.timestamp = nanos.map(Timestamp::from_nanos);
        let millis: Option<u32> = self.parsed(TTL, "a number of milliseconds from 1 on")?;
        metadata.ttl = millis.map(ttl).transpose()?;
        metadata.topic = self.text(TOPIC).map(Topic::new).transpose().map_err(WireError::Topic)?;
        metadata.trace = self.parsed(TRACE, "a traceparent")?;
        metadata.origin = self.id(ORIGIN)?;
        Ok(metadata)
    }

    fn id<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, WireError> {
        let parse = |text: &str| text.parse().map_err(|_| WireError::id(name, text));
        self.text(name).map(parse).transpose()
    }

    fn parsed<T: FromStr>(
        &self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, WireError> {
        let refused = |found: &str| WireError::Value { field, found: found.to_owned(), expected };
        self.text(field).map(|text| text.parse().map_err(|_| refused(text))).transpose()
    }
}
