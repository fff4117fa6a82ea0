//! A subscriber that does not keep up, under each of the three overflow policies.

use std::{thread, time::Duration};

use stentor::{Bus, Overflow, TryRecvError};

fn main() {
    for overflow in [Overflow::Block, Overflow::DropOldest, Overflow::Evict] {
        println!("\n{overflow:?}");
        run(overflow);
    }
}

fn run(overflow: Overflow) {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().name("slow").overflow(overflow).subscribe();

    // Nobody reads yet. The publisher gives up after a while where it has to wait.
    let mut accepted = 0;
    for n in 0..200u32 {
        match publisher.publish_timeout(n, Duration::from_millis(10)) {
            Ok(()) => accepted += 1,
            Err(full) => {
                println!("  publisher: no room for message {}", full.into_inner());
                break;
            }
        }
    }
    println!("  publisher: {accepted} messages accepted");
    for s in bus.stats().subscribers {
        println!("  stats: {} lag {} missed {} evicted {}", s.name, s.lag, s.missed, s.evicted);
    }

    drop(publisher);
    let mut read = 0;
    loop {
        match slow.try_recv() {
            Ok(_) => read += 1,
            Err(TryRecvError::Lagged(missed)) => println!("  subscriber: missed {missed}"),
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(end) => break println!("  subscriber: read {read}, then {end:?}"),
        }
    }
}
