//! In the steady state nothing is allocated, however messages travel.

mod counting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use counting::{allocated, allocations};
use stentor::{Bus, Drain, Overflow, Publisher, Router, Subscriber};

fn handles() -> (Bus<u32>, Publisher<u32>, Subscriber<u32>) {
    let bus = Bus::new(16);
    let (publisher, subscriber) = (bus.publisher(), bus.subscribe());
    (bus, publisher, subscriber)
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2_000);
}

#[test]
fn single_messages() {
    let (_bus, publisher, mut subscriber) = handles();
    let count = allocations(|| {
        publisher.publish(1).unwrap();
        subscriber.recv().unwrap();
        publisher.try_publish(2).unwrap();
        subscriber.try_recv().unwrap();
        publisher.publish_with(|slot| *slot = 3).unwrap();
        drop(subscriber.read(4).unwrap());
    });
    assert_eq!(count, 0);
}

#[test]
fn batches() {
    let (_bus, publisher, mut subscriber) = handles();
    let count = allocations(|| {
        publisher.publish_batch(0..10).unwrap();
        while subscriber.try_read(4).is_ok() {}
    });
    assert_eq!(count, 0);
}

#[test]
fn several_publishers_on_one_ring() {
    let (bus, publisher, mut subscriber) = handles();
    std::thread::scope(|scope| {
        let other = bus.publisher();
        scope.spawn(move || other.publish(0).unwrap()).join().unwrap();
    });
    subscriber.recv().unwrap();
    let second = bus.publisher();
    let count = allocations(|| {
        publisher.publish(1).unwrap();
        second.publish(2).unwrap();
        subscriber.recv().unwrap();
        subscriber.recv().unwrap();
    });
    assert_eq!(count, 0);
}

#[test]
fn lossy_subscriptions() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    let count = allocations(|| {
        publisher.publish_batch(0..10).unwrap();
        slow.try_recv().unwrap_err();
        slow.try_recv().unwrap();
    });
    assert_eq!(count, 0);
}

#[test]
fn async_messages() {
    let (_bus, publisher, mut subscriber) = handles();
    let count = allocations(|| {
        futures_executor::block_on(async {
            publisher.publish_async(1).await.unwrap();
            subscriber.recv_async().await.unwrap();
            publisher.publish_batch_async(0..10).await.unwrap();
            while subscriber.lag() > 0 {
                drop(subscriber.read_async(4).await.unwrap());
            }
        });
    });
    assert_eq!(count, 0);
}

#[test]
fn tasks_that_have_to_wait() {
    use std::pin::pin;
    use std::task::{Context, Waker};
    let (_bus, publisher, mut subscriber) = handles();
    let mut cx = Context::from_waker(Waker::noop());
    let count = allocations(|| {
        {
            let mut receiving = pin!(subscriber.recv_async());
            assert!((0..3).all(|_| receiving.as_mut().poll(&mut cx).is_pending()));
        }
        publisher.publish_batch(0..16).unwrap();
        {
            let mut publishing = pin!(publisher.publish_async(1));
            assert!((0..3).all(|_| publishing.as_mut().poll(&mut cx).is_pending()));
        }
        while subscriber.try_read(16).is_ok() {}
    });
    assert_eq!(count, 0);
}

#[test]
fn router_threads() {
    let bus = Bus::<u32>::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let group = router.group("g").key(|n| n % 7).handlers([|_: &u32| {}, |_: &u32| {}]);
    router.handler("filtered").filter(|n| n % 2 == 0).handle(|_| {});
    router.handler("lossy").overflow(Overflow::DropOldest).handle(|_| {});
    router.handle_batch("batches", |batch| drop(batch));
    // Counts on the router's thread, which all of them share: what it has allocated by every 500th message.
    let counts = Arc::new([const { AtomicU64::new(0) }; 13]);
    let by_handler = Arc::clone(&counts);
    router.handle("counter", move |n| {
        if n % 500 == 0 {
            by_handler[*n as usize / 500].store(allocated(), Ordering::Relaxed);
        }
    });
    for n in 0..=6_000 {
        publisher.publish(n).unwrap();
        if n % 500 == 250 {
            // So that it parks now and then.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.left(), report.panics()), (0, 0));
    let counts: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert!(counts[4] > 0, "starting does allocate");
    // After the warm-up nothing, but that the first time a lock makes the thread wait, the lock allocates.
    let grown = counts[4..].windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(grown <= 1, "{counts:?}");
    drop(group);
}
