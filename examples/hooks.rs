//! A hook of one's own: it counts, and keeps secrets from being published. Put before another, it sees what
//! that one does to its messages.

use std::sync::atomic::{AtomicU64, Ordering};

use stentor::{Hook, InMemoryMessageBroker, MessageEnvelope, MessageHeader, Rejection};

/// Rejects messages with a certain word.
struct NoSecrets(&'static str);

impl Hook<String> for NoSecrets {
    // It leaves these out; saying so makes deliveries and requests cost nothing for it.
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;

    fn before_publish(&self, envelope: &mut MessageEnvelope<String>) -> Result<(), Rejection> {
        match envelope.message.contains(self.0) {
            true => Err(Rejection::new("no-secrets", format!("it says {:?}", self.0))),
            false => Ok(()),
        }
    }
}

/// Counts what came of messages.
#[derive(Default)]
struct Tally {
    published: AtomicU64,
    rejected: AtomicU64,
    delivered: AtomicU64,
}

impl Hook<String> for Tally {
    fn after_publish(&self, _: &MessageHeader) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    fn on_reject(&self, _: &MessageHeader, _: &Rejection) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn on_deliver(&self, _: &MessageEnvelope<String>, _subscription: &str) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    // `Tally` first: on the way in it comes before `NoSecrets`, and so hears what that rejects.
    let hooks = (Tally::default(), NoSecrets("password"));
    let broker = InMemoryMessageBroker::<String>::builder().hooks(hooks).build();
    let streams = [broker.subscribe_blocking().unwrap(), broker.subscribe_blocking().unwrap()];

    for message in ["good morning", "the password is 1234", "good night"] {
        match broker.publish_blocking(MessageEnvelope::new(message.into())) {
            Ok(()) => println!("published: {message}"),
            Err(error) => println!("{error}"),
        }
    }
    for mut stream in streams {
        while stream.try_recv().is_ok() {}
    }

    let (tally, _) = broker.hooks();
    let show = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{} published, {} rejected, {} delivered",
        show(&tally.published),
        show(&tally.rejected),
        show(&tally.delivered)
    );
}
