//! A message as one run of bytes, for backends that know no headers: see `docs/wire.md`.

use std::time::Duration;

use crate::codec::wire_error::WireError;
use crate::codec::{Codec, CodecError};
use crate::envelope::{
    ActorAddress, CorrelationId, InvalidTopic, MessageEnvelope, MessageId, MessageMetadata, Origin,
    Timestamp, Topic, TraceContext, Ttl,
};

/// The first byte of every frame: `S`.
const MAGIC: u8 = 0x53;
const VERSION: u8 = 1;

// Which fields are there, in the order in which they follow.
const SENDER: u16 = 1 << 0;
const RECIPIENT: u16 = 1 << 1;
const REPLY_TO: u16 = 1 << 2;
const CORRELATION_ID: u16 = 1 << 3;
const TIMESTAMP: u16 = 1 << 4;
const TTL: u16 = 1 << 5;
const TRACE: u16 = 1 << 6;
const TOPIC: u16 = 1 << 7;
const ORIGIN: u16 = 1 << 8;
const KNOWN: u16 = (1 << 9) - 1;

/// Appends the frame of an envelope.
///
/// # Errors
/// What the codec says, or that the topic is longer than 65,535 bytes or the payload than 4 GiB.
pub fn encode_frame<M: 'static>(
    envelope: &MessageEnvelope<M>,
    codec: &dyn Codec<M>,
    bytes: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let metadata = &envelope.metadata;
    bytes.extend([MAGIC, VERSION]);
    bytes.extend(flags(metadata).to_le_bytes());
    let name = codec.name().as_bytes();
    bytes.push(u8::try_from(name.len()).map_err(|_| "the name of the codec is too long")?);
    bytes.extend(name);
    bytes.extend(metadata.message_id.to_u128().to_be_bytes());
    for address in [metadata.sender, metadata.recipient, metadata.reply_to].into_iter().flatten() {
        bytes.extend(address.to_u128().to_be_bytes());
    }
    bytes.extend(metadata.correlation_id.iter().flat_map(|id| id.to_u128().to_be_bytes()));
    bytes.extend(metadata.timestamp.iter().flat_map(|at| at.as_nanos().to_le_bytes()));
    bytes.extend(metadata.ttl.iter().flat_map(|&ttl| millis(ttl).to_le_bytes()));
    if let Some(trace) = metadata.trace {
        bytes.extend(trace.trace_id().to_be_bytes());
        bytes.extend(trace.span_id().to_be_bytes());
        bytes.push(trace.flags());
    }
    if let Some(topic) = &metadata.topic {
        let length = u16::try_from(topic.as_str().len()).map_err(|_| "the topic is too long")?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(topic.as_str().as_bytes());
    }
    bytes.extend(metadata.origin.iter().flat_map(|origin| origin.to_u128().to_be_bytes()));
    let length_at = bytes.len();
    bytes.extend([0; 4]);
    codec.encode(&envelope.message, bytes)?;
    let length = bytes.len() - length_at - 4;
    let length = u32::try_from(length).map_err(|_| "the payload is too long")?;
    bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The envelope of a frame of at most `limit` bytes.
///
/// # Errors
/// The bytes are no such frame.
pub fn decode_frame<M: 'static>(
    bytes: &[u8],
    codec: &dyn Codec<M>,
    limit: usize,
) -> Result<MessageEnvelope<M>, WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLarge { size: bytes.len(), limit });
    }
    Frame::read(bytes, Topic::new)?.decode(codec)
}

/// A frame taken apart, its payload still in the bytes of its codec.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) codec: &'a str,
    pub(crate) metadata: MessageMetadata,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes a frame apart; topics are made of their texts by `topic`.
    #[inline]
    pub(crate) fn read(
        bytes: &'a [u8],
        topic: impl FnOnce(&str) -> Result<Topic, InvalidTopic>,
    ) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        if bytes.first() != Some(&MAGIC) {
            return Err(WireError::NotAFrame { found: bytes.first().copied() });
        }
        let [_, version] = reader.array("version")?;
        if version != VERSION {
            return Err(WireError::Version { found: version.to_string() });
        }
        let flags = u16::from_le_bytes(reader.array("flags")?);
        if flags & !KNOWN != 0 {
            return Err(WireError::Flags { found: flags });
        }
        let [length] = reader.array("length of the codec's name")?;
        let codec = reader.text("codec", length.into())?;
        let metadata = reader.metadata(flags, topic)?;
        let length = u32::from_le_bytes(reader.array("length of the payload")?);
        let payload = reader.take("payload", length as usize)?;
        if !reader.0.is_empty() {
            return Err(WireError::Trailing { bytes: reader.0.len() });
        }
        Ok(Self { codec, metadata, payload })
    }

    /// The envelope, if it is this codec's.
    #[inline]
    pub(crate) fn decode<M: 'static>(
        self,
        codec: &dyn Codec<M>,
    ) -> Result<MessageEnvelope<M>, WireError> {
        check_codec(self.codec, codec)?;
        let size = self.payload.len();
        let message =
            codec.decode(self.payload).map_err(|error| WireError::payload(size, error))?;
        Ok(MessageEnvelope { message, metadata: self.metadata })
    }
}

/// Only the codec that is used here can decode.
pub(crate) fn check_codec<M: 'static>(found: &str, codec: &dyn Codec<M>) -> Result<(), WireError> {
    if found == codec.name() {
        return Ok(());
    }
    Err(WireError::Codec { found: found.to_owned(), expected: codec.name() })
}

/// A ttl as it travels: 1 to 2^32 - 1 milliseconds, as it is by construction.
pub(crate) fn millis(ttl: Ttl) -> u32 {
    ttl.as_duration().as_millis() as u32
}

/// The other way round.
pub(crate) fn ttl(millis: u32) -> Result<Ttl, WireError> {
    if millis == 0 {
        let expected = "a number of milliseconds from 1 on";
        return Err(WireError::Value { field: "ttl", found: "0".into(), expected });
    }
    Ok(Ttl::new(Duration::from_millis(millis.into())))
}

fn flags(metadata: &MessageMetadata) -> u16 {
    let flag = |is_there: bool, flag: u16| if is_there { flag } else { 0 };
    flag(metadata.sender.is_some(), SENDER)
        | flag(metadata.recipient.is_some(), RECIPIENT)
        | flag(metadata.reply_to.is_some(), REPLY_TO)
        | flag(metadata.correlation_id.is_some(), CORRELATION_ID)
        | flag(metadata.timestamp.is_some(), TIMESTAMP)
        | flag(metadata.ttl.is_some(), TTL)
        | flag(metadata.trace.is_some(), TRACE)
        | flag(metadata.topic.is_some(), TOPIC)
        | flag(metadata.origin.is_some(), ORIGIN)
}

/// What is left of a frame.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    fn take(&mut self, field: &'static str, needed: usize) -> Result<&'a [u8], WireError> {
        let found = self.0.len();
        let Some((taken, rest)) = self.0.split_at_checked(needed) else {
            return Err(WireError::Truncated { field, needed, found });
        };
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    #[inline]
    fn text(&mut self, field: &'static str, length: usize) -> Result<&'a str, WireError> {
        let bytes = self.take(field, length)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::Value {
            field,
            found: String::from_utf8_lossy(bytes).into_owned(),
            expected: "UTF-8",
        })
    }

    #[inline]
    fn id<T>(
        &mut self,
        field: &'static str,
        make: impl FnOnce(u128) -> Option<T>,
    ) -> Result<T, WireError> {
        let bits = u128::from_be_bytes(self.array(field)?);
        make(bits).ok_or_else(|| WireError::id(field, format_args!("{bits:032x}")))
    }

    #[inline]
    fn metadata(
        &mut self,
        flags: u16,
        topic: impl FnOnce(&str) -> Result<Topic, InvalidTopic>,
    ) -> Result<MessageMetadata, WireError> {
        let has = |flag: u16| flags & flag != 0;
        let mut metadata = MessageMetadata::with_id(self.id("message id", MessageId::from_u128)?);
        if has(SENDER) {
            metadata.sender = Some(self.id("sender", ActorAddress::from_u128)?);
        }
        if has(RECIPIENT) {
            metadata.recipient = Some(self.id("recipient", ActorAddress::from_u128)?);
        }
        if has(REPLY_TO) {
            metadata.reply_to = Some(self.id("reply-to", ActorAddress::from_u128)?);
        }
        if has(CORRELATION_ID) {
            metadata.correlation_id = Some(self.id("correlation id", CorrelationId::from_u128)?);
        }
        if has(TIMESTAMP) {
            let nanos = u64::from_le_bytes(self.array("timestamp")?);
            metadata.timestamp = Some(Timestamp::from_nanos(nanos));
        }
        if has(TTL) {
            metadata.ttl = Some(ttl(u32::from_le_bytes(self.array("ttl")?))?);
        }
        if has(TRACE) {
            metadata.trace = Some(self.trace()?);
        }
        if has(TOPIC) {
            let length = u16::from_le_bytes(self.array("length of the topic")?);
            let text = self.text("topic", length.into())?;
            metadata.topic = Some(topic(text).map_err(WireError::Topic)?);
        }
        if has(ORIGIN) {
            metadata.origin = Some(self.id("origin", Origin::from_u128)?);
        }
        Ok(metadata)
    }

    fn trace(&mut self) -> Result<TraceContext, WireError> {
        let trace_id = u128::from_be_bytes(self.array("trace id")?);
        let span_id = u64::from_be_bytes(self.array("span id")?);
        let [flags] = self.array("trace flags")?;
        TraceContext::new(trace_id, span_id, flags).ok_or_else(|| WireError::Value {
            field: "trace",
            found: format!("{trace_id:032x}-{span_id:016x}"),
            expected: "two ids, neither of them 0",
        })
    }
}
