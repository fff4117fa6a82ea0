//! What is published is on disk before it is handled, and is there after a restart.

use std::error::Error;

use stentor::{
    InMemoryMessageBroker, Journal, JournalConfig, MessageEnvelope, ReplayQuery, SubscribeOptions,
    Topic,
};

type Order = (String, u32);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("stentor-orders-{}", std::process::id()));

    // The first run: business sees an order only once it is on disk.
    {
        let broker = InMemoryMessageBroker::<Order>::builder().capacity(1024).build();
        let journal = Journal::open(&directory, JournalConfig::default())?;
        let stage = journal.stage(&broker).topic("orders.>")?.start()?;
        let gated = SubscribeOptions::new().name("business").topic("orders.>").after(&[&stage]);
        let mut business = broker.subscribe_with(gated)?;

        let topic: Topic = "orders.eu".parse()?;
        for (what, count) in [("tea", 3), ("coffee", 5), ("cocoa", 1)] {
            let order = MessageEnvelope::new((what.to_owned(), count)).with_topic(&topic);
            broker.publish_blocking(order)?;
        }
        // One that the publisher itself wants to know to be on disk.
        let order = MessageEnvelope::new(("milk".to_owned(), 2)).with_topic(&topic);
        let receipt = broker.publish_durable_blocking(order, &stage)?;
        println!("milk is {:?}", receipt.state(&[&business])?);
        for _ in 0..4 {
            let (what, count) = business.recv_blocking().ok_or("the broker is closed")?.message;
            println!("handled: {count} {what}");
        }
        println!("milk is {:?}", receipt.state(&[&business])?);
    }

    // The second run: what was there comes first, then what is new.
    let broker = InMemoryMessageBroker::<Order>::builder().capacity(1024).build();
    let journal = Journal::<Order>::open(&directory, JournalConfig::default())?;
    println!("{} records after the restart", journal.recovery().records);
    let stage = journal.stage(&broker).start()?;
    let mut follow = stage.follow("report", ReplayQuery::new().topic("orders.>")?)?;
    let order =
        MessageEnvelope::new(("sugar".to_owned(), 7)).with_topic("orders.us".parse::<Topic>()?);
    broker.publish_blocking(order)?;
    for _ in 0..5 {
        let (what, count) = follow.recv_blocking().ok_or("the broker is closed")??.message;
        println!("reported: {count} {what}");
    }

    drop((follow, stage, journal));
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
