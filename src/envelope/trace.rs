//! The W3C trace context that travels with a message.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

/// Which trace a message belongs to, and which span it was sent from: the `traceparent` of the W3C Trace
/// Context recommendation. 25 bytes, and so is an `Option`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    /// The trace flags, with [`PRESENT`] set so that an `Option` has a value to be `None` by.
    flags: NonZeroU8,
}

/// No trace flag of the recommendation: it defines the lowest two.
const PRESENT: NonZeroU8 = NonZeroU8::new(0x80).unwrap();
/// The trace flag for a trace that is recorded.
const SAMPLED: u8 = 0x01;

impl TraceContext {
    /// `None` where an id is 0, which names nothing. Of the flags the lower seven bits are kept.
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then(|| Self {
            trace_id: trace_id.to_be_bytes(),
            span_id: span_id.to_be_bytes(),
            flags: PRESENT | flags,
        })
    }

    /// The trace.
    pub fn trace_id(&self) -> u128 {
        u128::from_be_bytes(self.trace_id)
    }

    /// The span that the message was sent from.
    pub fn span_id(&self) -> u64 {
        u64::from_be_bytes(self.span_id)
    }

    /// The trace flags.
    pub fn flags(&self) -> u8 {
        self.flags.get() & !PRESENT.get()
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags() & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id(), self.span_id(), self.flags())
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self})")
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceContext;

    /// Reads a `traceparent` header of version 00, or what a later version keeps of it.
    fn from_str(header: &str) -> Result<Self, InvalidTraceContext> {
        parse(header).ok_or_else(|| InvalidTraceContext { header: header.to_owned() })
    }
}

fn parse(header: &str) -> Option<TraceContext> {
    let mut parts = header.split('-');
    let version = u8::try_from(hex(parts.next()?, 2)?).ok()?;
    let trace_id = hex(parts.next()?, 32)?;
    let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
    let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
    let ends_well = parts.next().is_none() || version > 0;
    (version != 0xff && ends_well).then(|| TraceContext::new(trace_id, span_id, flags))?
}

/// A number of so many digits; the recommendation wants them in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(lower))
        .then(|| u128::from_str_radix(text, 16).ok())?
}

/// A text that is no `traceparent` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTraceContext {
    header: String,
}

impl fmt::Display for InvalidTraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no traceparent: expected 00-, 32 hexadecimal digits, -, 16 of them, -, 2 flags",
            self.header
        )
    }
}

impl Error for InvalidTraceContext {}
