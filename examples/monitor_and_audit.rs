//! Handlers on one router thread: a monitor that may lose messages, an audit that comes after the journal, and one
//! that panics.

use stentor::{Bus, Drain, OnPanic, Overflow, Router, RouterError};

#[derive(Debug)]
enum Event {
    Order { id: u64, amount: u64 },
    Heartbeat,
}

fn main() -> Result<(), RouterError> {
    let bus = Bus::new(256);
    let publisher = bus.publisher();
    let router = Router::builder(&bus)
        .name("desk")
        .on_panic(|report| eprintln!("{} panicked: {}", report.name, report.message))
        .start()?;

    let journal = router.handle_batch("journal", |batch| {
        // Would write to disk here, and flush where `batch.is_end_of_batch()`; `audit` sees the messages
        // once the batch is dropped.
        drop(batch);
    });
    router
        .handler("audit")
        .after(&[&journal])
        .topic(|event| if let Event::Order { amount, .. } = event { Some(amount) } else { None })
        .handle(|amount: &u64| assert!(*amount < 10));
    router.handler("monitor").overflow(Overflow::DropOldest).handle(|_| {});
    router.handler("fragile").on_panic(OnPanic::Remove).handle(|event| {
        assert!(!matches!(event, Event::Order { id: 500, .. }), "order 500");
    });

    for id in 0..1_000 {
        publisher.publish(Event::Order { id, amount: id % 10 }).expect("open");
        publisher.publish(Event::Heartbeat).expect("open");
    }
    for handler in router.shutdown(Drain::Yes).handlers {
        let (fate, handled, skipped) = (handler.fate, handler.handled, handler.skipped);
        println!("{:8} {fate:?}: {handled} handled, {skipped} skipped", handler.name);
    }
    Ok(())
}
