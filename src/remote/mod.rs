//! Floor 7: beyond the process. Knows brokers, codecs and servers, and nothing of actors.

mod codec;
mod frame;
mod wire_error;

#[cfg(feature = "json")]
pub use self::codec::Json;
pub use self::codec::{Codec, CodecError, Postcard};
pub use self::frame::{decode_frame, encode_frame};
pub use self::wire_error::WireError;
