//! What an error of the remote broker means for the message.

use std::any::Any;
use std::error::Error;

use crate::broker::BrokerError;
use crate::envelope::MessageEnvelope;
use crate::remote::error::RemoteError;

/// What became of a message that the remote broker was to publish.
#[derive(Debug)]
pub(crate) enum Verdict<M> {
    /// Nothing, for there was no connection: it can be published again.
    Again(MessageEnvelope<M>),
    /// Nobody knows.
    Unconfirmed(MessageEnvelope<M>),
    /// It will never be published.
    Never(Why, Option<MessageEnvelope<M>>),
}

/// Why it will not.
#[derive(Debug)]
pub(crate) enum Why {
    Expired,
    /// By a hook.
    Rejected,
    /// By the server, or on the way there: what it says.
    Refused(String),
    /// It is a request that nobody heard.
    Unheard,
    /// The remote broker is closed.
    Closed,
}

/// Of an error that a broker of this crate gives, or any other that gives a [`BrokerError`]. Other errors say
/// nothing: what they are about is given up.
pub(crate) fn judge<M: 'static>(error: impl Error + 'static) -> Verdict<M> {
    let text = error.to_string();
    let mut error = Some(error);
    let error = (&mut error as &mut dyn Any).downcast_mut::<Option<BrokerError<M>>>();
    match error.and_then(Option::take) {
        Some(error) => judge_known(error),
        None => Verdict::Never(Why::Refused(text), None),
    }
}

fn judge_known<M>(error: BrokerError<M>) -> Verdict<M> {
    match error {
        BrokerError::Closed(envelope) => Verdict::Never(Why::Closed, Some(envelope)),
        BrokerError::NoSubscribers(envelope) => Verdict::Never(Why::Unheard, Some(envelope)),
        BrokerError::Full(envelope) => Verdict::Again(envelope),
        BrokerError::Expired(envelope) => Verdict::Never(Why::Expired, Some(envelope)),
        BrokerError::Rejected { envelope, .. } => Verdict::Never(Why::Rejected, Some(envelope)),
        BrokerError::Backend { envelope: Some(envelope), source } => {
            match source.downcast_ref::<RemoteError>() {
                Some(RemoteError::Disconnected { .. } | RemoteError::BufferFull { .. }) => {
                    Verdict::Again(envelope)
                }
                Some(RemoteError::Unconfirmed(_)) => Verdict::Unconfirmed(envelope),
                _ => Verdict::Never(Why::Refused(source.to_string()), Some(envelope)),
            }
        }
        error => Verdict::Never(Why::Refused(error.to_string()), error.into_envelope()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn backend(source: RemoteError) -> BrokerError<u64> {
        let envelope = Some(MessageEnvelope::new(7));
        BrokerError::Backend { envelope, source: Box::new(source) }
    }

    #[test]
    fn each_error_has_its_verdict() {
        let judged = |error: BrokerError<u64>| match judge::<u64>(error) {
            Verdict::Again(envelope) => ("again", Some(envelope.message)),
            Verdict::Unconfirmed(envelope) => ("unconfirmed", Some(envelope.message)),
            Verdict::Never(why, envelope) => {
                let why = match why {
                    Why::Expired => "expired",
                    Why::Rejected => "rejected",
                    Why::Refused(_) => "refused",
                    Why::Unheard => "unheard",
                    Why::Closed => "closed",
                };
                (why, envelope.map(|envelope| envelope.message))
            }
        };
        let envelope = || MessageEnvelope::new(7);
        let waited = Duration::ZERO;
        let rejected = BrokerError::Rejected {
            envelope: envelope(),
            by: "hook",
            reason: "no".into(),
            retry_after: None,
        };
        for (error, verdict) in [
            (BrokerError::Closed(envelope()), "closed"),
            (BrokerError::NoSubscribers(envelope()), "unheard"),
            (BrokerError::Full(envelope()), "again"),
            (BrokerError::Expired(envelope()), "expired"),
            (rejected, "rejected"),
            (backend(RemoteError::Disconnected { waited }), "again"),
            (backend(RemoteError::BufferFull { messages: 1, bytes: 9, size: 9 }), "again"),
            (backend(RemoteError::Unconfirmed("cut".into())), "unconfirmed"),
            (backend(RemoteError::TooLarge { size: 9, limit: 8 }), "refused"),
            (backend(RemoteError::Refused("full".into())), "refused"),
        ] {
            let shown = error.to_string();
            assert_eq!(judged(error), (verdict, Some(7)), "{shown}");
        }
    }

    #[test]
    fn a_foreign_error_says_nothing() {
        let verdict = judge::<u64>(std::fmt::Error);
        assert!(matches!(verdict, Verdict::Never(Why::Refused(_), None)), "{verdict:?}");
    }
}
