//! A stage sees a message only once those it comes after are past it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use stentor::{Bus, TryRecvError};

#[test]
fn a_stage_waits_for_all_it_comes_after() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut journal = bus.subscribe();
    let mut replica = bus.subscribe();
    let mut business = bus.subscriber().after(&[&journal, &replica]).subscribe();
    publisher.publish_batch([1, 2]).unwrap();
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(journal.recv(), Ok(1));
    assert_eq!(journal.recv(), Ok(2));
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(replica.recv(), Ok(1));
    assert_eq!(business.try_recv(), Ok(1));
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_message_is_passed_on_only_when_its_batch_is_done() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut journal = bus.subscribe();
    let mut business = bus.subscriber().after(&[&journal]).subscribe();
    publisher.publish_batch([1, 2, 3]).unwrap();
    let batch = journal.read(2).unwrap();
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
    drop(batch);
    assert_eq!(business.try_read(8).unwrap().len(), 2);
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn an_upstream_that_goes_is_waited_for_no_longer() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let journal = bus.subscribe();
    let mut business = bus.subscriber().after(&[&journal]).subscribe();
    publisher.publish(1).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| business.recv());
        while !bus.stats().subscribers[1].parked {
            thread::yield_now();
        }
        drop(journal);
        assert_eq!(waiting.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_stage_drains_after_close_too() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut journal = bus.subscribe();
    let mut business = bus.subscriber().after(&[&journal]).subscribe();
    publisher.publish(1).unwrap();
    drop(publisher);
    assert_eq!(business.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(journal.recv(), Ok(1));
    assert_eq!(business.try_recv(), Ok(1));
    assert_eq!(business.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn no_message_overtakes_under_load() {
    const MESSAGES: u64 = 20_000;
    let bus = Bus::new(32);
    let publisher = bus.publisher();
    let journal = bus.subscribe();
    let business = bus.subscriber().after(&[&journal]).subscribe();
    let audit = bus.subscriber().after(&[&business]).subscribe();
    let (journalled, done) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(move || (1..=MESSAGES).for_each(|n| publisher.publish(n).unwrap()));
        // A message is past a subscriber when the next is asked for, so mark it at the latest moment.
        scope.spawn(|| {
            let mut journal = journal;
            while let Ok(batch) = journal.read(4) {
                batch.iter().for_each(|&n| journalled.store(n, Ordering::Relaxed));
            }
        });
        scope.spawn(|| {
            let mut business = business;
            while let Ok(batch) = business.read(4) {
                for &n in &batch {
                    assert!(journalled.load(Ordering::Relaxed) >= n, "before the journal");
                    done.store(n, Ordering::Relaxed);
                }
            }
        });
        let seen = scope.spawn(|| {
            audit
                .inspect(|&n| assert!(done.load(Ordering::Relaxed) >= n, "before business"))
                .count()
        });
        assert_eq!(seen.join().unwrap() as u64, MESSAGES);
    });
}
