//! What nobody handled is a stream like any other: here a late reply, an expired message and a rejected one.

use std::time::Duration;

use stentor::{
    CorrelationId, DeadLetterReason, Hook, InMemoryMessageBroker, MessageEnvelope, RecvError,
    Rejection, RequestError,
};

/// Lets no empty message pass.
struct NotEmpty;

impl Hook<&'static str> for NotEmpty {
    fn before_publish(
        &self,
        envelope: &mut MessageEnvelope<&'static str>,
    ) -> Result<(), Rejection> {
        if envelope.message.is_empty() {
            Err(Rejection::new("not-empty", "it is empty"))
        } else {
            Ok(())
        }
    }
}

fn main() {
    let broker = InMemoryMessageBroker::<&str>::builder().hooks(NotEmpty).build();
    let mut letters = broker.dead_letters();
    let mut stream = broker.subscribe_blocking().unwrap();

    // A reply that comes when its caller has given up.
    let question =
        MessageEnvelope::new("how late is it?").with_correlation_id(CorrelationId::new());
    let asked = broker.request_blocking::<&str>(question, Duration::from_millis(5));
    assert!(matches!(asked, Err(RequestError::TimedOut(_))));
    let question = stream.recv_blocking().unwrap();
    broker.publish_blocking(question.reply("too late")).unwrap();

    // A message that is read when it is of no use any more.
    broker
        .publish_blocking(MessageEnvelope::new("special offer").with_ttl(Duration::from_millis(1)))
        .unwrap();
    std::thread::sleep(Duration::from_millis(10));
    while stream.try_recv().is_ok() {}

    // A message that a hook rejects. Its publisher has it back as well.
    let error = broker.publish_blocking(MessageEnvelope::new("")).unwrap_err();
    println!("to the publisher: {error}");

    // One that the program itself does not know what to do with.
    broker
        .report_dead_letter(MessageEnvelope::new("for nobody"), DeadLetterReason::UnknownRecipient);

    println!("{:#?}", broker.metrics().dead_letters);
    drop((broker, stream));
    loop {
        match letters.recv() {
            Ok(letter) => println!("{:?}: {}", letter.envelope.message, letter.reason),
            Err(RecvError::Lagged(count)) => {
                println!("({count} were lost: this reader was too slow)")
            }
            Err(_) => break,
        }
    }
}
