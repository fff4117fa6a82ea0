//! `RateLimit`: who may send how much, and that it does not grow. Time stands still unless a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stentor::{
    ActorAddress, BrokerError, InMemoryMessageBroker, MessageEnvelope, RateLimit, Topic,
};

const SECOND: Duration = Duration::from_secs(1);

/// Time in milliseconds.
#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn pass(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    fn of(&self, limit: RateLimit) -> RateLimit {
        let (time, start) = (self.clone(), Instant::now());
        limit.clock(move || start + Duration::from_millis(time.0.load(Ordering::Relaxed)))
    }
}

type Broker = InMemoryMessageBroker<(), RateLimit>;

fn broker(limit: RateLimit) -> (Broker, Time) {
    let time = Time::default();
    (InMemoryMessageBroker::builder().hooks(time.of(limit)).build(), time)
}

/// Publishes until the limit is reached: how many passed, why no more, and how long to wait.
#[track_caller]
fn flood(broker: &Broker, envelope: &MessageEnvelope<()>) -> (u64, String, Duration) {
    for passed in 0..1000 {
        match broker.publish_blocking(envelope.clone()) {
            Ok(()) => {}
            Err(BrokerError::Rejected { by: "rate-limit", reason, retry_after, .. }) => {
                return (passed, reason.into_owned(), retry_after.unwrap());
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("no limit");
}

fn from(sender: ActorAddress) -> MessageEnvelope<()> {
    MessageEnvelope::new(()).with_sender(sender)
}

fn on(topic: &str) -> MessageEnvelope<()> {
    MessageEnvelope::new(()).with_topic(Topic::new(topic).unwrap())
}

#[test]
fn so_many_at_once_and_then_one_after_the_other() {
    let (broker, time) = broker(RateLimit::new().per_broker(4, SECOND));
    let any = MessageEnvelope::new(());
    let full = || "too much in all".to_owned();
    assert_eq!(flood(&broker, &any), (4, full(), Duration::from_millis(250)));
    time.pass(249);
    assert_eq!(flood(&broker, &any), (0, full(), Duration::from_millis(1)));
    time.pass(1);
    assert_eq!(flood(&broker, &any), (1, full(), Duration::from_millis(250)));
    time.pass(1_000_000);
    assert_eq!(flood(&broker, &any).0, 4);
}

#[test]
fn each_sender_has_its_own_limit() {
    let (broker, _) = broker(RateLimit::new().per_sender(3, SECOND));
    for sender in [ActorAddress::new(), ActorAddress::new()] {
        let (passed, reason, _) = flood(&broker, &from(sender));
        assert_eq!((passed, &*reason), (3, "its sender sends too much"));
    }
    for _ in 0..100 {
        broker.publish_blocking(MessageEnvelope::new(())).unwrap();
    }
}

#[test]
fn each_topic_has_its_own_limit() {
    let (broker, _) = broker(RateLimit::new().per_topic(3, SECOND));
    for topic in ["orders.eu", "orders.us"] {
        let (passed, reason, _) = flood(&broker, &on(topic));
        assert_eq!((passed, &*reason), (3, "too much on its topic"));
    }
    // The same text is the same topic.
    assert_eq!(flood(&broker, &on("orders.eu")).0, 0);
}

#[test]
fn who_sends_too_much_uses_up_nothing_of_others() {
    let (broker, _) = broker(RateLimit::new().per_broker(5, SECOND).per_sender(2, SECOND));
    let loud = from(ActorAddress::new());
    for _ in 0..10 {
        flood(&broker, &loud);
    }
    assert_eq!(flood(&broker, &MessageEnvelope::new(())).0, 3);
}

#[test]
fn keys_beyond_the_bound_share_one_limit() {
    let (broker, _) = broker(RateLimit::new().max_keys(10).per_sender(2, SECOND));
    let known = [(); 10].map(|()| ActorAddress::new());
    for sender in known {
        broker.publish_blocking(from(sender)).unwrap();
    }
    let passed = (0..100).filter(|_| broker.publish_blocking(from(ActorAddress::new())).is_ok());
    assert_eq!(passed.count(), 2);
    assert_eq!(broker.hooks().keys(), (10, 0));
    // Those known are not disturbed.
    for sender in known {
        assert_eq!(flood(&broker, &from(sender)).0, 1);
    }
}

#[test]
fn idle_keys_make_room_and_busy_ones_keep_their_place() {
    let (broker, time) = broker(RateLimit::new().max_keys(10).per_sender(2, SECOND));
    let busy = ActorAddress::new();
    for _ in 0..9 {
        broker.publish_blocking(from(ActorAddress::new())).unwrap();
    }
    time.pass(999);
    assert_eq!(flood(&broker, &from(busy)).0, 2);
    assert_eq!(broker.hooks().keys().0, 10);
    time.pass(1);
    // The nine have both their messages free again, `busy` has none.
    let newcomer = ActorAddress::new();
    assert_eq!(flood(&broker, &from(newcomer)).0, 2);
    assert_eq!(broker.hooks().keys().0, 2);
    assert_eq!(flood(&broker, &from(busy)).0, 0);
}

#[test]
fn many_senders_take_no_more_room_than_the_bound() {
    const SENDERS: u64 = if cfg!(miri) { 300 } else { 100_000 };
    const BOUND: usize = 1000;
    let (broker, time) = broker(RateLimit::new().max_keys(BOUND).per_sender(1, SECOND));
    let mut passed = 0;
    for _ in 0..SENDERS {
        time.pass(1);
        passed += u64::from(broker.publish_blocking(from(ActorAddress::new())).is_ok());
    }
    assert!(broker.hooks().keys().0 <= BOUND + 15, "{:?}", broker.hooks().keys());
    // One each millisecond, idle after a second: there is room for many of them.
    assert!(passed >= SENDERS / 4, "{passed} of {SENDERS}");
}

#[test]
#[should_panic(expected = "0 messages per 1s: expected at least 1")]
fn a_limit_of_nothing_is_refused() {
    let _ = RateLimit::new().per_broker(0, SECOND);
}

#[test]
#[should_panic(expected = "a rate limit for 0 keys: expected at least 1")]
fn a_bound_of_nothing_is_refused() {
    let _ = RateLimit::new().max_keys(0);
}
