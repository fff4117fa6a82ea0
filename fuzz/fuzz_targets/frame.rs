//! Whatever comes is refused, or is a message that goes out and comes back as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stentor::{Codec, Json, MessageEnvelope, Postcard, decode_frame, encode_frame};

/// More than the fuzzer makes.
const LIMIT: usize = 1 << 20;

/// A message with lengths, texts and choices in it.
type Message = (Vec<Option<String>>, u64, bool);

fn there_and_back(bytes: &[u8], codec: &dyn Codec<Message>) {
    let decoded: Result<MessageEnvelope<Message>, _> = decode_frame(bytes, codec, LIMIT);
    if let Ok(envelope) = decoded {
        let mut again = Vec::new();
        encode_frame(&envelope, codec, &mut again).expect("it was a message");
        assert_eq!(decode_frame(&again, codec, LIMIT).expect("it is one"), envelope);
    }
}

fuzz_target!(|bytes: &[u8]| {
    there_and_back(bytes, &Postcard);
    there_and_back(bytes, &Json);
});
