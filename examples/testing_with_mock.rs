//! Code that is generic over its broker, tested with a mock: without a service to answer it, and with failures
//! on demand.

use std::{panic, time::Duration};

use stentor::{CorrelationId, MessageBroker, MessageEnvelope, MockMessageBroker};

/// What is to be tested: asks for a price, and tries once more if the broker fails.
async fn price<B: MessageBroker<String>>(broker: &B, article: &str) -> Option<u64> {
    for _ in 0..2 {
        let question = MessageEnvelope::new(format!("price of {article}"))
            .with_correlation_id(CorrelationId::new());
        match broker.publish_request::<String>(question, Duration::from_millis(50)).await {
            Ok(reply) => return reply?.message.parse().ok(),
            Err(error) => println!("trying again, for {error}"),
        }
    }
    None
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let broker = MockMessageBroker::<String>::new();
    broker.reply_with(|question| (question.message == "price of tea").then(|| "12".into()));

    assert_eq!(price(&broker, "tea").await, Some(12));
    assert_eq!(price(&broker, "coffee").await, None); // no reply: it times out

    broker.fail_next("the cable is cut");
    assert_eq!(price(&broker, "tea").await, Some(12));

    let expected = ["price of tea", "12", "price of coffee", "price of tea", "12"];
    broker.assert_published(&expected.map(String::from));
    println!("{} requests, {} replies", broker.requests().len(), broker.replies().len());

    // What a failed assertion looks like:
    let wrong = ["price of tea", "13", "price of coffee"].map(String::from);
    let failed = panic::catch_unwind(panic::AssertUnwindSafe(|| broker.assert_published(&wrong)));
    assert!(failed.is_err());
}
