//! What a message is as bytes: codecs, and the frame that carries its metadata, for servers and disks.

pub(crate) mod frame;
pub(crate) mod wire_error;

use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::frame::{decode_frame, encode_frame};
pub use self::wire_error::WireError;

/// Turns messages into bytes and back. Metadata is none of its business.
///
/// [`Postcard`] is used unless another is chosen. Both ends need the same: its name travels with every
/// message, and a message of another codec is not decoded.
///
/// ```
/// use stentor::{Codec, CodecError};
///
/// /// Texts as they are.
/// struct Plain;
///
/// impl Codec<String> for Plain {
///     fn name(&self) -> &'static str {
///         "plain"
///     }
///
///     fn encode(&self, message: &String, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
///         bytes.extend_from_slice(message.as_bytes());
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
///         Ok(std::str::from_utf8(bytes)?.to_owned())
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Plain.encode(&"hello".to_owned(), &mut bytes).unwrap();
/// assert_eq!(Plain.decode(&bytes).unwrap(), "hello");
/// ```
pub trait Codec<M>: Send + Sync + 'static {
    /// Its name on the wire: at most 255 bytes of printable ASCII without spaces.
    fn name(&self) -> &'static str;

    /// Appends the bytes of a message.
    ///
    /// # Errors
    /// The message has no bytes in this codec.
    fn encode(&self, message: &M, bytes: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The message of these bytes, all of them. They may be anybody's: it must not panic, and must
    /// not take memory for a length that they only claim.
    ///
    /// # Errors
    /// They are no message.
    fn decode(&self, bytes: &[u8]) -> Result<M, CodecError>;
}

/// What a codec has against a message, or against bytes.
pub type CodecError = Box<dyn Error + Send + Sync>;

/// The compact codec: `postcard`, for whatever `serde` knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl<M: Serialize + DeserializeOwned> Codec<M> for Postcard {
    fn name(&self) -> &'static str {
        "postcard"
    }

    fn encode(&self, message: &M, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        // The writer is given by value, and comes back.
        *bytes = postcard::to_extend(message, std::mem::take(bytes))?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<M, CodecError> {
        let (message, rest) = postcard::take_from_bytes(bytes)?;
        if rest.is_empty() {
            return Ok(message);
        }
        Err(format!("{} bytes behind the message", rest.len()).into())
    }
}

/// The codec for those who want to look: JSON, for whatever `serde` knows.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl<M: Serialize + DeserializeOwned> Codec<M> for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encode(&self, message: &M, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(serde_json::to_writer(bytes, message)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<M, CodecError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
