//! Where messages go on Redis: see `docs/wire.md`.

use std::fmt::Write;

use crate::envelope::{MessageMetadata, TopicPattern};
use crate::remote::origins::origin;

/// The channel of a message. Requests are not sent to an origin, where only replies are waited for.
pub(crate) fn channel(prefix: &str, metadata: &MessageMetadata, is_request: bool) -> String {
    let mut channel = format!("{prefix}:");
    // A string takes everything.
    let _ = match metadata.correlation_id.filter(|_| !is_request).map(origin) {
        Some(origin) => write!(channel, "{origin:016x}:"),
        None => write!(channel, "-:"),
    };
    channel.push_str(metadata.topic.as_ref().map_or("", |topic| topic.as_str()));
    channel
}

/// What to listen to for messages of a pattern, or for all. A `*` here stands for any text, so it may be
/// more than the pattern wants.
pub(crate) fn channels_of(prefix: &str, pattern: Option<&TopicPattern>) -> String {
    let mut channels = format!("{prefix}:*:");
    let Some(pattern) = pattern else { return channels + "*" };
    for word in pattern.as_str().split('.') {
        if !channels.ends_with(':') {
            channels.push('.');
        }
        match word {
            "*" | ">" => channels.push('*'),
            word => word.chars().for_each(|c| push_literal(&mut channels, c)),
        }
    }
    channels
}

fn push_literal(channels: &mut String, c: char) {
    if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
        channels.push('\\');
    }
    channels.push(c);
}

/// What to listen to for replies to correlation ids of an origin.
pub(crate) fn replies_of(prefix: &str, origin: u64) -> String {
    format!("{prefix}:{origin:016x}:*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_to_redis_is_escaped() {
        let of = |pattern: &str| channels_of("p", Some(&TopicPattern::new(pattern).unwrap()));
        assert_eq!(of("a.*.c"), "p:*:a.*.c");
        assert_eq!(of("a.>"), "p:*:a.*");
        assert_eq!(of(">"), "p:*:*");
        assert_eq!(of("a?[b]*"), r"p:*:a\?\[b\]\*");
        assert_eq!(channels_of("p", None), "p:*:*");
    }
}
