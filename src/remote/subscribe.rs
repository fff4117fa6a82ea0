//! What a subscription beyond the process says of itself.

use crate::envelope::{InvalidTopic, Timestamp, TopicPattern};
use crate::remote::config::is_prefix;
use crate::remote::error::RemoteError;
use crate::remote::outcome::EntryId;

/// What a subscription beyond the process says of itself.
///
/// ```
/// use stentor::RemoteSubscribe;
///
/// let options = RemoteSubscribe::new().topic("orders.*.new").unwrap().group("billing");
/// # drop(options);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RemoteSubscribe {
    pub(crate) topic: Option<TopicPattern>,
    pub(crate) group: Option<String>,
    pub(crate) from: ReplayFrom,
    pub(crate) prefetch: Option<usize>,
}

/// Where a subscription begins, if the server keeps messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayFrom {
    /// With what is published from now on.
    #[default]
    New,
    /// With the oldest that is there.
    Oldest,
    /// With this one, or the first behind it.
    Entry(EntryId),
    /// With the first that was written down at this time or later.
    Time(Timestamp),
}

impl RemoteSubscribe {
    /// Everything from now on, for itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what is about a topic of this pattern.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn topic(mut self, pattern: &str) -> Result<Self, InvalidTopic> {
        self.topic = Some(TopicPattern::new(pattern)?);
        Ok(self)
    }

    /// Together with the others of this group, in any process: each message goes to one of them. Where the
    /// server keeps messages, it also remembers, under this name, what the group has handled. Letters, digits, `-` and
    /// `_`.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Where it begins; for a group, where it begins when it is first made. Only for JetStream and Redis
    /// Streams: other modes keep nothing, and refuse anything but [`ReplayFrom::New`].
    pub fn from(mut self, from: ReplayFrom) -> Self {
        self.from = from;
        self
    }

    /// How many messages are taken from the server in advance, where it keeps them (in all, up to twice as many may
    /// be on this side). 64 unless said, and as many as [`RemoteConfig::buffer`](crate::RemoteConfig::buffer) without
    /// a group. What a member of a group has taken and not acknowledged in time goes to another, so let it be no more
    /// than can be handled in that time: 1 where handling takes long.
    pub fn prefetch(mut self, messages: usize) -> Self {
        self.prefetch = Some(messages.max(1));
        self
    }

    /// How many messages are taken in advance.
    pub(crate) fn taken_ahead(&self, buffer: usize) -> usize {
        let unless_said = if self.group.is_some() { buffer.min(64) } else { buffer };
        self.prefetch.unwrap_or(unless_said).max(1)
    }

    /// The name of the stream.
    pub(crate) fn name(&self) -> &str {
        self.group.as_deref().or(self.topic.as_ref().map(TopicPattern::as_str)).unwrap_or("")
    }

    /// Whether messages can be acknowledged.
    pub(crate) fn check_acked(&self, keeps: bool) -> Result<(), RemoteError> {
        let (field, found, expected) = match &self.group {
            Some(_) if keeps => return Ok(()),
            Some(_) => {
                ("subscribe_acked", "a server that keeps nothing", "JetStream or Redis Streams")
            }
            None => ("group", "none", "one, for the server remembers what a group has handled"),
        };
        Err(RemoteError::Config { field, found: found.into(), expected })
    }

    pub(crate) fn check(&self, keeps: bool) -> Result<(), RemoteError> {
        if let Some(group) = self.group.as_ref().filter(|group| !is_prefix(group)) {
            let expected = "1 to 64 letters, digits, - and _";
            return Err(RemoteError::Config { field: "group", found: group.clone(), expected });
        }
        if !keeps && self.from != ReplayFrom::New {
            let expected = "New, for the server keeps nothing in this mode";
            let found = format!("{:?}", self.from);
            return Err(RemoteError::Config { field: "from", found, expected });
        }
        Ok(())
    }
}
