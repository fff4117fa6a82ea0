//! What a message is about, and patterns of it, as NATS writes them.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a message is about: words with dots between them, `orders.eu.new`.
///
/// A word is any text without dots and white space, except `*` and `>`. Make a topic once and clone it: a
/// clone allocates nothing. 8 bytes, and so is an `Option`.
///
/// ```
/// use stentor::Topic;
///
/// let topic: Topic = "orders.größe.new".parse().unwrap();
/// assert_eq!(topic.as_str(), "orders.größe.new");
/// let error = "orders..new".parse::<Topic>().unwrap_err();
/// assert_eq!(error.to_string(), r#""orders..new" is no topic: a word between dots is empty"#);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<Box<str>>);

impl Topic {
    /// The topic of this text.
    ///
    /// # Errors
    /// The text is no topic.
    pub fn new(text: &str) -> Result<Self, InvalidTopic> {
        for word in text.split('.') {
            check_word(word).and_then(|()| no_wildcard(word)).map_err(|why| InvalidTopic {
                text: text.to_owned(),
                kind: "topic",
                why,
            })?;
        }
        Ok(Self(Arc::new(text.into())))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        Self::new(text)
    }
}

impl From<&Topic> for Topic {
    fn from(topic: &Topic) -> Self {
        topic.clone()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?})", self.as_str())
    }
}

fn check_word(word: &str) -> Result<(), &'static str> {
    if word.is_empty() {
        Err("a word between dots is empty")
    } else if word.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err("it has white space or a control character")
    } else {
        Ok(())
    }
}

fn no_wildcard(word: &str) -> Result<(), &'static str> {
    match word {
        "*" | ">" => Err("the words * and > are for patterns"),
        _ => Ok(()),
    }
}

/// A pattern of topics: a topic in which the word `*` stands for any one word, and a last word `>` for
/// one or more. It is taken apart when it is made; matching allocates nothing.
///
/// ```
/// use stentor::{Topic, TopicPattern};
///
/// let pattern: TopicPattern = "orders.*.new".parse().unwrap();
/// assert!(pattern.matches(&Topic::new("orders.eu.new").unwrap()));
/// assert!(!pattern.matches(&Topic::new("orders.new").unwrap()));
/// let pattern: TopicPattern = "orders.>".parse().unwrap();
/// assert!(pattern.matches(&Topic::new("orders.eu.new").unwrap()));
/// assert!(!pattern.matches(&Topic::new("orders").unwrap()));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicPattern {
    text: Box<str>,
    words: Box<[Word]>,
    /// The last word is `>`.
    open: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Word {
    Any,
    Is(Box<str>),
}

impl Word {
    fn matches(&self, word: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(text) => **text == *word,
        }
    }
}

impl TopicPattern {
    /// The pattern of this text.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn new(text: &str) -> Result<Self, InvalidTopic> {
        let refused = |why| InvalidTopic { text: text.to_owned(), kind: "topic pattern", why };
        let (words, open) = match text.strip_suffix('>') {
            Some("") => return Ok(Self { text: text.into(), words: Box::new([]), open: true }),
            Some(words) if words.ends_with('.') => (&words[..words.len() - 1], true),
            _ => (text, false),
        };
        let words = words.split('.').map(|word| match word {
            ">" => Err(refused("> must be the last word")),
            "*" => Ok(Word::Any),
            word => check_word(word).map_err(refused).map(|()| Word::Is(word.into())),
        });
        Ok(Self { text: text.into(), words: words.collect::<Result<_, _>>()?, open })
    }

    /// Whether `topic` is of this pattern.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut words = topic.as_str().split('.');
        self.words.iter().all(|known| words.next().is_some_and(|word| known.matches(word)))
            && words.next().is_some() == self.open
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TopicPattern {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        Self::new(text)
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({:?})", self.text)
    }
}

/// A text that is no topic, or no pattern of topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTopic {
    text: String,
    /// What it should have been.
    kind: &'static str,
    why: &'static str,
}

impl fmt::Display for InvalidTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, kind, why } = self;
        write!(f, "{text:?} is no {kind}: {why}")
    }
}

impl Error for InvalidTopic {}
