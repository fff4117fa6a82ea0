//! Waiting with a limit ends, and gives back what was not done.

use std::time::Duration;
use stentor::{Bus, PublishTimeoutError, RecvTimeoutError};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn recv_timeout_says_so() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    assert_eq!(subscriber.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert_eq!(subscriber.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(subscriber.read_timeout(4, SHORT).unwrap_err(), RecvTimeoutError::Timeout);
    assert!(!bus.stats().subscribers[0].parked);
    publisher.publish(1).unwrap();
    publisher.publish(2).unwrap();
    assert_eq!(subscriber.recv_timeout(Duration::ZERO), Ok(1));
    assert_eq!(subscriber.read_timeout(4, Duration::MAX).unwrap().len(), 1);
    drop(publisher);
    assert_eq!(subscriber.recv_timeout(SHORT), Err(RecvTimeoutError::Closed));
}

#[test]
fn publish_timeout_gives_the_message_back() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    assert_eq!(publisher.publish_timeout(1, Duration::ZERO), Ok(()));
    for limit in [SHORT, Duration::ZERO] {
        assert_eq!(publisher.publish_timeout(2, limit), Err(PublishTimeoutError::Timeout(2)));
    }
    assert_eq!(bus.stats().waiting_publishers, 0);
    assert_eq!(subscriber.recv(), Ok(1));
    assert_eq!(publisher.publish_timeout(3, Duration::MAX), Ok(()));
    assert_eq!(subscriber.recv(), Ok(3));
}

#[test]
fn a_message_in_time_ends_the_wait() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    std::thread::scope(|scope| {
        let publisher = &publisher;
        scope.spawn(|| {
            (0..100).for_each(|n| publisher.publish_timeout(n, Duration::from_secs(60)).unwrap());
        });
        for message in 0..100 {
            assert_eq!(subscriber.recv_timeout(Duration::from_secs(60)), Ok(message));
        }
    });
}
