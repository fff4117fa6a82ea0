//! Payloads as they are, in whatever codec.

use stentor::{Codec, CodecError};

/// Takes the bytes of a codec of this name for the message.
pub struct Raw(&'static str);

impl Raw {
    /// Stands in for the codec of this name. (Names are static; there are a few in a journal, and each is kept until the
    /// process ends.)
    pub fn new(codec: &str) -> Self {
        Self(match codec {
            "postcard" => "postcard",
            "json" => "json",
            other => String::leak(other.to_owned()),
        })
    }
}

impl Codec<Vec<u8>> for Raw {
    fn name(&self) -> &'static str {
        self.0
    }

    fn encode(&self, message: &Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        bytes.extend_from_slice(message);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_owned())
    }
}
