//! The ten lines of the README: one publisher, two subscribers, each on a thread.

use std::thread;

fn main() {
    let bus = stentor::Bus::new(1024);
    let publisher = bus.publisher();
    let readers: Vec<_> = (0..2)
        .map(|_| bus.subscribe())
        .map(|subscriber| thread::spawn(move || subscriber.sum::<u64>()))
        .collect();
    for n in 1..=100 {
        publisher.publish(n).unwrap();
    }
    drop(publisher); // the last one: the bus closes, and the readers end once they have read it all
    for reader in readers {
        println!("a subscriber added up {}", reader.join().unwrap());
    }
}
