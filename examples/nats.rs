//! Two brokers on one NATS server, as two processes would have them: topics, a group, a request, and what the
//! server has written down. Needs a server with JetStream at `NATS_URL`, or on this machine:
//!
//! ```text
//! nats-server --jetstream & cargo run --example nats --features nats
//! ```

use std::time::Duration;

use stentor::{
    JetStream, MessageBroker, MessageEnvelope, NatsMessageBroker, RemoteSubscribe, ReplayFrom,
    RequestError, Topic,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".into());

    // At most once, to whoever is there.
    let shop = NatsMessageBroker::<String>::builder(&url).prefix("shop").connect().await?;
    let office = NatsMessageBroker::<String>::builder(&url).prefix("shop").connect().await?;
    let mut orders = office.subscribe_with(RemoteSubscribe::new().topic("orders.>")?).await?;
    let order = MessageEnvelope::new("three apples".to_string());
    shop.publish(order.with_topic(Topic::new("orders.eu")?)).await?;
    println!("the office has got an order: {}", orders.recv().await.ok_or("closed")?.message);

    // A request: the server knows if nobody is there.
    drop(orders);
    let question = || MessageEnvelope::new("how much is an apple?".to_string());
    match shop.request::<String>(question(), Duration::from_secs(5)).await {
        Err(RequestError::NoSubscribers(_)) => println!("nobody is there to be asked"),
        other => println!("{other:?}"),
    }
    let mut questions = office.subscribe().await?;
    let answering = async {
        let question = questions.recv().await.ok_or("closed")?;
        office.publish(question.reply("two coins".to_string())).await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let asking = shop.request::<String>(question(), Duration::from_secs(5));
    let (answer, answered) = tokio::join!(asking, answering);
    answered?;
    println!("the answer: {}", answer?.message);

    // At least once: the server writes it down, and remembers what a group has handled.
    let log = JetStream::new("LEDGER").in_memory();
    let ledger = NatsMessageBroker::<u64>::builder(&url).prefix("ledger").jetstream(log);
    let ledger = ledger.connect().await?;
    for amount in [3, 4, 5] {
        println!("{:?}", ledger.publish_outcome(MessageEnvelope::new(amount)).await?);
    }
    let accountants = RemoteSubscribe::new().group("accountants").from(ReplayFrom::Oldest);
    let mut amounts = ledger.subscribe_with(accountants).await?;
    let mut sum = 0;
    for _ in 0..3 {
        sum += amounts.recv().await.ok_or("closed")?.message;
    }
    println!("the sum is {sum}");

    for broker in [shop, office] {
        broker.shutdown().await;
    }
    Ok(())
}
