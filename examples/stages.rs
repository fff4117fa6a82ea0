//! Journal before business: the second subscriber sees a message only once the first is past it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use stentor::Bus;

fn main() {
    let bus = Bus::new(256);
    let publisher = bus.publisher();
    let mut journal = bus.subscriber().name("journal").subscribe();
    let mut business = bus.subscriber().name("business").after(&[&journal]).subscribe();

    let written = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(batch) = journal.read(64) {
                for &order in &batch {
                    written.store(order, Ordering::Release); // stands for a write to disk
                }
            } // the batch is dropped here: only now does `business` see its messages
        });
        scope.spawn(|| {
            let mut handled = 0;
            while let Ok(order) = business.recv() {
                assert!(written.load(Ordering::Acquire) >= order, "handled before written");
                handled += 1;
            }
            println!("{handled} orders handled, each after it was written");
        });
        for order in 1..=10_000u64 {
            publisher.publish(order).unwrap();
        }
        drop(publisher);
    });
}
