//! What the handles are, to the compiler.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use stentor::{
    Batch, Bus, BusStats, PublishBatchError, PublishError, PublishTimeoutError, Publisher,
    RecvError, RecvTimeoutError, Subscriber, TryPublishError, TryRecvError, WaitStrategy,
};

/// A message that is neither `Clone` nor `Debug`.
struct Opaque;

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn clone<T: Clone>() {}
fn error<T: Error>() {}
fn is_send(_: impl Send) {}

#[test]
fn handles_go_between_threads() {
    send::<Bus<Opaque>>();
    sync::<Bus<Opaque>>();
    clone::<Bus<Opaque>>();
    send::<Publisher<Opaque>>();
    sync::<Publisher<Opaque>>();
    clone::<Publisher<Opaque>>();
    send::<Subscriber<Opaque>>();
    send::<Batch<'static, Opaque>>();
    send::<BusStats>();
    send::<WaitStrategy>();
}

#[test]
fn futures_go_between_threads() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    is_send(publisher.publish_async(1));
    is_send(publisher.publish_batch_async(vec![1]));
    is_send(subscriber.recv_async());
    is_send(subscriber.read_async(4));
}

#[test]
fn errors_are_errors_whatever_the_message() {
    error::<TryPublishError<Opaque>>();
    error::<PublishError<Opaque>>();
    error::<PublishTimeoutError<Opaque>>();
    error::<PublishBatchError<Opaque>>();
    error::<TryRecvError>();
    error::<RecvError>();
    error::<RecvTimeoutError>();
    // Not even a `Sync` message is asked for.
    error::<PublishError<Cell<u8>>>();
    assert_eq!(format!("{:?}", PublishError(Opaque)), "PublishError(..)");
    assert_eq!(format!("{:?}", TryPublishError::Full(Opaque)), "Full(..)");
    assert_eq!(RecvError::Lagged(6).to_string(), "lagged behind and lost 6 messages");
}

#[test]
fn handles_are_shown_whatever_the_message() {
    fn shown(value: &impl Debug) -> bool {
        !format!("{value:?}").is_empty()
    }
    let bus = Bus::<Opaque>::new(4);
    assert!(shown(&bus) && shown(&bus.publisher()) && shown(&bus.subscribe()));
}

#[test]
fn a_subscriber_is_an_iterator_until_the_end() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch(0..5).unwrap();
    assert_eq!(subscriber.by_ref().take(2).collect::<Vec<_>>(), [0, 1]);
    drop(publisher);
    assert_eq!(subscriber.by_ref().sum::<i32>(), 9);
    assert_eq!(subscriber.next(), None);
}

#[test]
fn a_subscriber_knows_itself() {
    let bus = Bus::<u8>::new(4);
    let publisher = bus.publisher();
    let named = bus.subscriber().name("audit").subscribe();
    let unnamed = bus.subscribe();
    assert_eq!(named.name(), "audit");
    assert_eq!(unnamed.name(), format!("subscriber-{}", unnamed.id()));
    assert_ne!(named.id(), unnamed.id());
    publisher.publish(1).unwrap();
    assert_eq!((named.lag(), named.missed()), (1, 0));
    assert_eq!(bus.published(), 1);
}

#[test]
fn clones_of_a_bus_are_the_same_bus() {
    let bus = Bus::new(4);
    let publisher = bus.clone().publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(1).unwrap();
    assert_eq!(subscriber.recv(), Ok(1));
}

#[test]
fn a_subscriber_may_outlive_bus_and_publishers() {
    let bus = Bus::new(4);
    let subscriber = bus.subscribe();
    let publisher = bus.publisher();
    drop(bus);
    publisher.publish(String::from("a")).unwrap();
    drop(publisher);
    assert_eq!(subscriber.collect::<Vec<_>>(), ["a"]);
}
