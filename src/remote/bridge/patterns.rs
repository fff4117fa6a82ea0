//! What is exported, and what is imported.

use crate::envelope::{MessageMetadata, TopicPattern};

/// What goes one way across a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patterns {
    topics: Vec<TopicPattern>,
    /// All messages, also those without a topic.
    everything: bool,
}

impl Patterns {
    /// Whether it was not there before.
    pub(crate) fn add(&mut self, pattern: TopicPattern) -> bool {
        let is_new = !self.topics.contains(&pattern);
        self.topics.push(pattern);
        is_new
    }

    /// All of the other's, too.
    pub(crate) fn append(&mut self, other: &Self) {
        self.topics.extend_from_slice(&other.topics);
        self.everything |= other.everything;
    }

    pub(crate) fn add_everything(&mut self) {
        self.everything = true;
    }

    /// Whether nothing goes this way.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty() && !self.everything
    }

    /// The first pattern that is the same in both.
    pub(crate) fn in_both<'a>(&'a self, other: &Self) -> Option<&'a TopicPattern> {
        self.topics.iter().find(|pattern| other.topics.contains(pattern))
    }

    /// Whether a message of this metadata goes this way.
    pub(crate) fn want(&self, metadata: &MessageMetadata) -> bool {
        let of = |topic| self.topics.iter().any(|pattern| pattern.matches(topic));
        self.everything || metadata.topic.as_ref().is_some_and(of)
    }

    /// One pattern that matches whatever any of these does, and as little else as the words they all begin with
    /// allow: one subscription keeps the order of what comes. `None` for all messages.
    pub(crate) fn cover(&self) -> Option<TopicPattern> {
        let (first, others) = self.topics.split_first().filter(|_| !self.everything)?;
        if others.is_empty() {
            return Some(first.clone());
        }
        let mut common: Vec<&str> = literal_words(first);
        for other in others {
            let shared = common.iter().zip(literal_words(other)).take_while(|(a, b)| *a == b);
            common.truncate(shared.count());
        }
        let text = common.iter().fold(String::new(), |text, word| text + word + ".") + ">";
        // Made of words of patterns, it is one.
        TopicPattern::new(&text).ok()
    }
}

/// The words that a topic of this pattern begins with, but never all of its words: `>` stands for one at least.
fn literal_words(pattern: &TopicPattern) -> Vec<&str> {
    let mut words: Vec<&str> = pattern.as_str().split('.').collect();
    words.pop();
    let literal = words.iter().take_while(|word| **word != "*").count();
    words.truncate(literal);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::{MessageEnvelope, Topic};

    fn patterns(texts: &[impl AsRef<str>]) -> Patterns {
        let mut patterns = Patterns::default();
        for text in texts {
            patterns.add(TopicPattern::new(text.as_ref()).unwrap());
        }
        patterns
    }

    fn metadata(topic: Option<&str>) -> MessageMetadata {
        let mut metadata = MessageEnvelope::new(()).metadata;
        metadata.topic = topic.map(|topic| Topic::new(topic).unwrap());
        metadata
    }

    #[test]
    fn what_is_wanted() {
        let none: &[&str] = &[];
        for (texts, wanted, unwanted) in [
            (none, none, &["orders", "orders.eu"][..]),
            (&["orders"], &["orders"], &["orders.eu", "news"]),
            (&["orders.*"], &["orders.eu"], &["orders", "orders.eu.new", "news.eu"]),
            (&["orders.>", "news"], &["orders.eu", "orders.eu.new", "news"], &["orders", "new"]),
            (&[">"], &["orders", "orders.eu.new"], none),
        ] {
            let patterns = patterns(texts);
            for topic in wanted {
                assert!(patterns.want(&metadata(Some(topic))), "{topic} by {texts:?}");
            }
            for topic in unwanted {
                assert!(!patterns.want(&metadata(Some(topic))), "{topic} by {texts:?}");
            }
            assert!(!patterns.want(&metadata(None)), "no topic by {texts:?}");
        }
        let mut all = patterns(&["orders"]);
        all.add_everything();
        assert!(all.want(&metadata(None)) && all.want(&metadata(Some("news"))));
        assert_eq!(all.cover(), None);
    }

    #[test]
    fn what_covers_them() {
        for (texts, cover) in [
            (&["orders"][..], "orders"),
            (&["orders.*.new"], "orders.*.new"),
            (&["orders.eu", "orders.us"], "orders.>"),
            (&["orders.eu.new", "orders.eu.>", "orders.eu.*"], "orders.eu.>"),
            (&["orders.*.new", "orders.eu.new"], "orders.>"),
            (&["orders", "orders.eu"], ">"),
            (&["orders.eu", "news.eu"], ">"),
            (&["orders.eu", ">"], ">"),
        ] {
            assert_eq!(patterns(texts).cover().unwrap().as_str(), cover, "of {texts:?}");
        }
        assert_eq!(Patterns::default().cover(), None);
    }

    proptest! {
        #[test]
        fn the_cover_misses_nothing(
            texts in prop::collection::vec("([abc*]\\.){0,3}[abc*>]", 1..5),
            topic in "[abc](\\.[abc]){0,4}",
        ) {
            let (patterns, topic) = (patterns(&texts), Topic::new(&topic).unwrap());
            let is_wanted = patterns.topics.iter().any(|pattern| pattern.matches(&topic));
            let cover = patterns.cover().unwrap();
            prop_assert!(!is_wanted || cover.matches(&topic), "{topic} by {cover} of {texts:?}");
            let one = Patterns { topics: vec![cover], everything: false };
            prop_assert_eq!(one.cover(), one.topics.first().cloned(), "it covers itself");
        }
    }
}
