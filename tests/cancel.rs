//! A cancelled future has done nothing: neither published nor consumed.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use stentor::{Bus, TryPublishError, TryRecvError};

/// Polls a future `times` and drops it. True if it was ready.
fn poll_and_drop<F: Future>(future: F, times: u32) -> bool {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..times).any(|_| matches!(future.as_mut().poll(&mut cx), Poll::Ready(_)))
}

#[test]
fn a_cancelled_publish_has_published_nothing() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(0).unwrap();
    for polls in 0..4 {
        assert!(!poll_and_drop(publisher.publish_async(100), polls));
    }
    assert_eq!(bus.stats().waiting_publishers, 0);
    assert_eq!(publisher.try_publish(101), Err(TryPublishError::Full(101)));
    assert_eq!(subscriber.recv(), Ok(0));
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Empty));
    publisher.publish(1).unwrap();
    assert_eq!(subscriber.recv(), Ok(1));
}

#[test]
fn a_cancelled_receive_has_consumed_nothing() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    for message in 0..100 {
        assert!(!poll_and_drop(subscriber.recv_async(), message % 4));
        assert!(!poll_and_drop(subscriber.read_async(4), message % 3));
        publisher.publish(message).unwrap();
        assert!(!poll_and_drop(subscriber.recv_async(), 0));
        assert_eq!(subscriber.try_recv(), Ok(message));
    }
    assert!(!bus.stats().subscribers[0].parked);
}

#[test]
fn ten_thousand_cancelled_futures_leave_nothing_behind() {
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    for _ in 0..10_000 {
        assert!(!poll_and_drop(subscriber.recv_async(), 3));
    }
    publisher.publish_batch([1, 2]).unwrap();
    for _ in 0..10_000 {
        assert!(!poll_and_drop(publisher.publish_async(9), 3));
    }
    let stats = bus.stats();
    assert_eq!((stats.published, stats.waiting_publishers), (2, 0));
    assert!(!stats.subscribers[0].parked);
    drop(publisher);
    assert_eq!(subscriber.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn futures_cancelled_under_load_lose_nothing() {
    const MESSAGES: u64 = 5_000;
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for message in 0..MESSAGES {
                poll_and_drop(publisher.publish_batch_async([0; 0]), 1);
                futures_executor::block_on(publisher.publish_async(message)).unwrap();
            }
        });
        let mut expected = 0;
        let mut cx = Context::from_waker(Waker::noop());
        while expected < MESSAGES {
            let polled = pin!(subscriber.recv_async()).poll(&mut cx);
            match polled {
                Poll::Ready(received) => {
                    assert_eq!(received, Ok(expected));
                    expected += 1;
                }
                Poll::Pending => std::thread::yield_now(),
            }
        }
    });
}
