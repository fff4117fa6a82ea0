//! A way of waiting of one's own: look a hundred times, then sleep, never longer than 1 ms.

use std::{thread, time::Duration};

use stentor::{Bus, Step, Wait, WaitStrategy};

struct Patient;

impl Wait for Patient {
    fn idle(&self, polls: u32) -> Step {
        if polls < 100 {
            std::hint::spin_loop();
            Step::Look
        } else {
            Step::ParkFor(Duration::from_millis(1))
        }
    }
}

fn main() {
    let bus = Bus::builder().capacity(64).wait(WaitStrategy::custom(Patient)).build();
    let publisher = bus.publisher();
    let subscriber = bus.subscribe();
    let reader = thread::spawn(move || subscriber.count());
    for n in 0..50 {
        publisher.publish(n).unwrap();
        thread::sleep(Duration::from_millis(2)); // long enough for the reader to park
    }
    drop(publisher);
    println!("{} messages", reader.join().unwrap());
}
