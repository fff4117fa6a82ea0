//! Two brokers on one Redis server, as two processes would have them: by Pub/Sub and by Streams. Needs a server at
//! `REDIS_URL`, or on this machine:
//!
//! ```text
//! redis-server --save '' & cargo run --example redis --features redis
//! ```

use std::time::Duration;

use stentor::{
    MessageBroker, MessageEnvelope, RedisMessageBroker, RedisStreams, RemoteSubscribe, ReplayFrom,
    Topic,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".into());

    // At most once, to whoever is there.
    let shop = RedisMessageBroker::<String>::builder(&url).prefix("shop").connect().await?;
    let office = RedisMessageBroker::<String>::builder(&url).prefix("shop").connect().await?;
    let mut orders = office.subscribe_with(RemoteSubscribe::new().topic("orders.>")?).await?;
    let order = MessageEnvelope::new("three apples".to_string());
    shop.publish(order.with_topic(Topic::new("orders.eu")?)).await?;
    println!("the office has got an order: {}", orders.recv().await.ok_or("closed")?.message);

    let mut questions = office.subscribe().await?;
    let answering = async {
        let question = questions.recv().await.ok_or("closed")?;
        office.publish(question.reply("two coins".to_string())).await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let question = MessageEnvelope::new("how much is an apple?".to_string());
    let asking = shop.request::<String>(question, Duration::from_secs(5));
    let (answer, answered) = tokio::join!(asking, answering);
    answered?;
    println!("the answer: {}", answer?.message);

    // At least once: the server writes it down, and remembers what a group has handled.
    let ledger = RedisMessageBroker::<u64>::builder(&url).prefix("ledger");
    let ledger = ledger.streams(RedisStreams::new().max_messages(10_000)).connect().await?;
    let accountants = RemoteSubscribe::new().group("accountants").from(ReplayFrom::New);
    let mut amounts = ledger.subscribe_with(accountants).await?;
    for amount in [3, 4, 5] {
        println!("{:?}", ledger.publish_outcome(MessageEnvelope::new(amount)).await?);
    }
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
