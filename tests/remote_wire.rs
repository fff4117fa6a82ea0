//! Frames come back as they went, and hostile ones are refused.

use proptest::prelude::*;
use stentor::{
    ActorAddress, Codec, CorrelationId, Json, MessageEnvelope, MessageId, MessageMetadata, Origin,
    Postcard, Timestamp, Topic, TraceContext, Ttl, WireError, decode_frame, encode_frame,
};

const LIMIT: usize = 1 << 20;

type Envelope = MessageEnvelope<Vec<u8>>;

fn frame(envelope: &Envelope, codec: &dyn Codec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(envelope, codec, &mut bytes).unwrap();
    bytes
}

fn decode(bytes: &[u8]) -> Result<Envelope, WireError> {
    decode_frame(bytes, &Postcard, LIMIT)
}

/// The bits of an id.
fn bits() -> impl Strategy<Value = u128> {
    (1..=u64::MAX, any::<u64>())
        .prop_map(|(upper, lower)| u128::from(upper) << 64 | u128::from(lower))
}

prop_compose! {
    fn metadata()(
        id in bits(),
        sender in prop::option::of(bits()),
        recipient in prop::option::of(bits()),
        reply_to in prop::option::of(bits()),
        correlation_id in prop::option::of(bits()),
        timestamp in prop::option::of(1..=u64::MAX),
        ttl in prop::option::of(1..=u32::MAX),
        trace in prop::option::of((1..=u128::MAX, 1..=u64::MAX, 0_u8..0x80)),
        origin in prop::option::of((1..=u64::MAX, 1..=u16::MAX)),
        topic in prop::option::of("[a-zäß价🦀*>-]{2,8}(\\.[a-z0-9]{1,5}){0,3}"),
    ) -> MessageMetadata {
        let mut metadata = MessageMetadata::with_id(MessageId::from_u128(id).unwrap());
        metadata.sender = sender.and_then(ActorAddress::from_u128);
        metadata.recipient = recipient.and_then(ActorAddress::from_u128);
        metadata.reply_to = reply_to.and_then(ActorAddress::from_u128);
        metadata.correlation_id = correlation_id.and_then(CorrelationId::from_u128);
        metadata.timestamp = timestamp.map(Timestamp::from_nanos);
        metadata.ttl = ttl.map(|millis| Ttl::new(std::time::Duration::from_millis(millis.into())));
        metadata.trace = trace.and_then(|(trace, span, flags)| TraceContext::new(trace, span, flags));
        metadata.topic = topic.map(|topic| Topic::new(&topic).unwrap());
        metadata.origin = origin.and_then(|(process, ring)| {
            Origin::from_u128(u128::from(process) << 64 | u128::from(ring))
        });
        metadata
    }
}

prop_compose! {
    fn envelope()(
        metadata in metadata(),
        message in prop::collection::vec(any::<u8>(), 0..300),
    ) -> Envelope {
        MessageEnvelope { message, metadata }
    }
}

proptest! {
    #[test]
    fn every_field_comes_back(envelope in envelope()) {
        prop_assert_eq!(&decode(&frame(&envelope, &Postcard)).unwrap(), &envelope);
        let json = frame(&envelope, &Json);
        prop_assert_eq!(&decode_frame(&json, &Json, LIMIT).unwrap(), &envelope);
    }

    #[test]
    fn cut_off_anywhere_it_is_refused(envelope in envelope()) {
        let bytes = frame(&envelope, &Postcard);
        for length in 0..bytes.len() {
            prop_assert!(decode(&bytes[..length]).is_err(), "cut off after {} bytes", length);
        }
    }

    #[test]
    fn with_more_behind_it_is_refused(envelope in envelope(), more in 1_usize..9) {
        let mut bytes = frame(&envelope, &Postcard);
        bytes.resize(bytes.len() + more, 0);
        let is_refused = matches!(decode(&bytes), Err(WireError::Trailing { bytes }) if bytes == more);
        prop_assert!(is_refused);
    }

    /// What is decoded in spite of it is a message, which goes out as it came in.
    #[test]
    fn with_a_byte_changed_it_is_refused_or_a_message(
        envelope in envelope(), at in any::<prop::sample::Index>(), change in 1_u8..=255,
    ) {
        let mut bytes = frame(&envelope, &Postcard);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(decoded) = decode(&bytes) {
            prop_assert_eq!(decode(&frame(&decoded, &Postcard)).unwrap(), decoded);
        }
    }

    #[test]
    fn noise_is_refused_or_a_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let mut framed = vec![0x53, 1];
        framed.extend(bytes);
        let _ = decode(&framed);
    }
}

#[test]
fn errors_name_what_was_found() {
    let good = frame(&MessageEnvelope::new(vec![7; 3]), &Postcard);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        decode(&bytes).unwrap_err().to_string()
    };
    assert_eq!(decode(&[]).unwrap_err().to_string(), "there are no bytes at all");
    assert_eq!(changed(0, 0x7b), "the first byte is 0x7b: expected 0x53");
    assert_eq!(changed(1, 9), "version \"9\": expected \"1\"");
    assert_eq!(changed(3, 0x80), "unknown flags in 0x8000");
    assert_eq!(changed(5, b'q'), "codec \"qostcard\": expected \"postcard\"");
    assert_eq!(
        decode(&good[..good.len() - 1]).unwrap_err().to_string(),
        "3 bytes left for the payload: expected 4"
    );
    let short = decode_frame::<Vec<u8>>(&good, &Postcard, 8).unwrap_err().to_string();
    assert_eq!(short, format!("a message of {} bytes: expected at most 8", good.len()));
    let json = decode_frame::<Vec<u8>>(&good, &Json, LIMIT).unwrap_err().to_string();
    assert_eq!(json, "codec \"postcard\": expected \"json\"");
}

/// A payload that claims 2^60 bytes of content takes no memory for them.
#[test]
fn a_claimed_length_is_not_believed() {
    let mut bytes = frame(&MessageEnvelope::new(vec![]), &Postcard);
    bytes.truncate(bytes.len() - 5);
    let claim = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    bytes.extend((claim.len() as u32).to_le_bytes());
    bytes.extend(claim);
    assert!(matches!(decode(&bytes), Err(WireError::Payload { size: 9, .. })));
}
