//! What cannot work is refused at once, with a message that names the value.

use std::panic::{AssertUnwindSafe, catch_unwind};
use stentor::{BuildError, Bus, Overflow, SubscribeError};

/// What `f` panics with.
fn panic_message<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("this was to panic"),
        Err(payload) => *payload.downcast::<String>().expect("a formatted message"),
    }
}

#[test]
fn a_capacity_of_zero() {
    let error = Bus::<u8>::builder().capacity(0).try_build().unwrap_err();
    assert_eq!(error, BuildError::ZeroCapacity);
    assert!(panic_message(|| Bus::<u8>::new(0)).contains("capacity 0"));
}

#[test]
fn a_capacity_beyond_all_memory() {
    for capacity in [usize::MAX, usize::MAX / 2, 1 << 60] {
        let error = Bus::<u64>::builder().capacity(capacity).try_build().unwrap_err();
        assert_eq!(error, BuildError::OutOfMemory { capacity, message_size: 8 });
        let message = panic_message(|| Bus::<u64>::new(capacity));
        assert!(message.contains(&capacity.to_string()), "{message}");
    }
}

#[test]
fn messages_of_no_size_are_messages() {
    let bus = Bus::<()>::new(4);
    let publisher = bus.publisher();
    let subscriber = bus.subscribe();
    publisher.publish_batch([(); 3]).unwrap();
    drop(publisher);
    assert_eq!(subscriber.count(), 3);
}

#[test]
fn retaining_more_than_the_ring_holds() {
    let error = Bus::<u8>::builder().capacity(8).retain(9).try_build().unwrap_err();
    assert_eq!(error, BuildError::RetainTooLarge { retain: 9, capacity: 8 });
    let message = panic_message(|| Bus::<u8>::builder().capacity(8).retain(9).build());
    assert!(message.contains('9') && message.contains('8'), "{message}");
}

#[test]
fn coming_after_a_subscriber_of_another_bus() {
    let (bus, other) = (Bus::<u8>::new(4), Bus::<u8>::new(4));
    let journal = other.subscriber().name("journal").subscribe();
    let error = bus.subscriber().after(&[&journal]).try_subscribe().unwrap_err();
    assert_eq!(error, SubscribeError::AfterOtherBus { name: "journal".into() });
    let message = panic_message(|| bus.subscriber().after(&[&journal]).subscribe());
    assert!(message.contains("journal"), "{message}");
    assert!(bus.stats().subscribers.is_empty());
}

#[test]
fn coming_after_an_evicted_subscriber() {
    let bus = Bus::<u8>::new(1);
    let publisher = bus.publisher();
    let slow = bus.subscriber().name("slow").overflow(Overflow::Evict).subscribe();
    publisher.publish_batch([1, 2, 3]).unwrap();
    let error = bus.subscriber().after(&[&slow]).try_subscribe().unwrap_err();
    assert_eq!(error, SubscribeError::AfterEvicted { name: "slow".into() });
    let message = panic_message(|| bus.subscriber().after(&[&slow]).subscribe());
    assert!(message.contains("slow"), "{message}");
}

#[test]
fn consuming_more_than_a_batch_has() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(1).unwrap();
    let mut batch = subscriber.read(4).unwrap();
    let message = panic_message(|| batch.consume(2));
    assert!(message.contains('2') && message.contains('1'), "{message}");
}

#[test]
fn capacities_are_rounded_up_to_a_power_of_two() {
    for (asked, got) in [(1, 1), (2, 2), (3, 4), (1000, 1024), (1024, 1024)] {
        assert_eq!(Bus::<u8>::new(asked).capacity(), got);
    }
}
