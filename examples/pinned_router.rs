//! Two router threads on cores of their own, with a group of workers spread over them and a watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stentor::{Bus, Drain, Pin, Router, RouterError};

/// An order, and whose it is.
struct Order {
    customer: u32,
    amount: u64,
}

fn main() -> Result<(), RouterError> {
    let bus = Bus::<Order>::new(1024);
    let publisher = bus.publisher();
    let router = Router::builder(&bus)
        .threads(2)
        .pin(Pin::Auto) // or the cores by their numbers: .pin([2, 3])
        .name("desk")
        .watchdog(Duration::from_secs(1), |stuck| eprintln!("{} is stuck", stuck.name))
        .start()?;
    for thread in router.stats().threads {
        println!("{} runs on {:?}", thread.name, thread.pinned);
    }

    // All orders of a customer go to the same worker, in order.
    let turnover = Arc::new(AtomicU64::new(0));
    let worker = |_| {
        let turnover = Arc::clone(&turnover);
        move |order: &Order| {
            turnover.fetch_add(order.amount, Ordering::Relaxed);
        }
    };
    let workers = router.group("workers").key(|order| order.customer).handlers((0..3).map(worker));
    for n in 0..10_000 {
        publisher.publish(Order { customer: n % 97, amount: 1 }).ok();
    }
    let fourth = workers.join(worker(3));
    for n in 0..10_000 {
        publisher.publish(Order { customer: n % 97, amount: 1 }).ok();
    }
    println!("the fourth has handled {} when it leaves", fourth.remove().handled);

    let report = router.shutdown(Drain::Yes);
    for worker in &report.handlers {
        println!("{} on its own: {} orders", worker.name, worker.handled);
    }
    assert_eq!(turnover.load(Ordering::Relaxed), 20_000);
    Ok(())
}
