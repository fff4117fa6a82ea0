//! Random operations on one thread do what a model of vectors and counters says.

use proptest::prelude::*;
use stentor::{Bus, Overflow, Subscriber, TryPublishError, TryRecvError};

#[derive(Clone, Debug)]
enum Operation {
    Publish,
    Batch(u64),
    Recv(usize),
    Read(usize, usize, usize),
    Subscribe(Overflow),
    Unsubscribe(usize),
    Close,
}

fn operation() -> impl Strategy<Value = Operation> {
    let overflow =
        prop_oneof![Just(Overflow::Block), Just(Overflow::DropOldest), Just(Overflow::Evict)];
    prop_oneof![
        30 => Just(Operation::Publish),
        5 => (0..4u64).prop_map(Operation::Batch),
        20 => (0..8usize).prop_map(Operation::Recv),
        15 => (0..8usize, 1..6usize, 0..6usize).prop_map(|(who, max, n)| Operation::Read(who, max, n)),
        6 => overflow.prop_map(Operation::Subscribe),
        3 => (0..8usize).prop_map(Operation::Unsubscribe),
        1 => Just(Operation::Close),
    ]
}

/// What a subscriber should find.
struct Expected {
    next: u64,
    overflow: Overflow,
    /// Lost, and not told of yet.
    untold: u64,
    missed: u64,
    evicted: bool,
}

/// The model: message `n` is the number `n`, so that the head is all there is to know of them.
struct Model {
    capacity: u64,
    head: u64,
    closed: bool,
    subscribers: Vec<Expected>,
}

impl Model {
    fn publish(&mut self) -> Result<(), TryPublishError<u64>> {
        if self.closed {
            return Err(TryPublishError::Closed(self.head));
        }
        let need = (self.head + 1).saturating_sub(self.capacity);
        let blocks = |s: &Expected| s.overflow == Overflow::Block && s.next < need;
        if self.subscribers.iter().any(blocks) {
            return Err(TryPublishError::Full(self.head));
        }
        for subscriber in self.subscribers.iter_mut().filter(|s| s.next < need && !s.evicted) {
            if subscriber.overflow == Overflow::Evict {
                subscriber.evicted = true;
                subscriber.missed = self.head - subscriber.next;
            } else {
                subscriber.untold += need - subscriber.next;
                subscriber.missed += need - subscriber.next;
                subscriber.next = need;
            }
        }
        self.head += 1;
        Ok(())
    }

    /// How many messages the `who`-th may read now.
    fn peek(&mut self, who: usize) -> Result<u64, TryRecvError> {
        let subscriber = &mut self.subscribers[who];
        if subscriber.evicted {
            return Err(TryRecvError::Evicted(subscriber.missed));
        }
        match std::mem::take(&mut subscriber.untold) {
            0 if subscriber.next < self.head => Ok(self.head - subscriber.next),
            0 if self.closed => Err(TryRecvError::Closed),
            0 => Err(TryRecvError::Empty),
            lost => Err(TryRecvError::Lagged(lost)),
        }
    }
}

fn run(capacity: usize, operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let bus = Bus::new(capacity);
    let publisher = bus.publisher();
    let mut subscribers: Vec<Subscriber<u64>> = Vec::new();
    let mut model =
        Model { capacity: bus.capacity() as u64, head: 0, closed: false, subscribers: Vec::new() };
    for operation in operations {
        let count = subscribers.len().max(1);
        match operation {
            Operation::Publish => {
                prop_assert_eq!(publisher.try_publish(model.head), model.publish());
            }
            // A batch waits, so only as long as nobody is in the way.
            Operation::Batch(len) => {
                let blocking = model.subscribers.iter().filter(|s| s.overflow == Overflow::Block);
                let lowest = blocking.map(|s| s.next).min().unwrap_or(model.head);
                let len = len.min(lowest + model.capacity - model.head);
                if !model.closed {
                    let first = model.head;
                    prop_assert!(
                        publisher.publish_batch((first..first + len).collect::<Vec<_>>()).is_ok()
                    );
                    (0..len).for_each(|_| model.publish().unwrap());
                }
            }
            Operation::Recv(who) => {
                if let Some(subscriber) = subscribers.get_mut(who % count) {
                    let expected = model.peek(who % count).map(|_| {
                        let subscriber = &mut model.subscribers[who % count];
                        subscriber.next += 1;
                        subscriber.next - 1
                    });
                    prop_assert_eq!(subscriber.try_recv(), expected);
                }
            }
            Operation::Read(who, max, consumed) => {
                if let Some(subscriber) = subscribers.get_mut(who % count) {
                    let expected = model.peek(who % count);
                    match subscriber.try_read(max) {
                        Err(error) => prop_assert_eq!(Err(error), expected),
                        Ok(mut batch) => {
                            // It may not have looked how much more there is since the last batch.
                            let next = &mut model.subscribers[who % count].next;
                            let len = batch.len() as u64;
                            prop_assert!(len > 0 && len <= expected.unwrap().min(max as u64));
                            prop_assert!(batch.iter().copied().eq(*next..*next + len));
                            prop_assert_eq!(batch.first_sequence(), *next);
                            let consumed = consumed.min(batch.len());
                            batch.consume(consumed);
                            *next += consumed as u64;
                        }
                    }
                }
            }
            Operation::Subscribe(overflow) => {
                subscribers.push(bus.subscriber().overflow(overflow).subscribe());
                model.subscribers.push(Expected {
                    next: model.head,
                    overflow,
                    untold: 0,
                    missed: 0,
                    evicted: false,
                });
            }
            Operation::Unsubscribe(who) if who < subscribers.len() => {
                subscribers.remove(who);
                model.subscribers.remove(who);
            }
            Operation::Unsubscribe(_) => {}
            Operation::Close => {
                bus.close();
                model.closed = true;
            }
        }
        let stats = bus.stats();
        prop_assert_eq!((stats.published, stats.closed), (model.head, model.closed));
        prop_assert_eq!(stats.subscribers.len(), subscribers.len());
        for (seen, expected) in stats.subscribers.iter().zip(&model.subscribers) {
            prop_assert_eq!(
                (seen.cursor, seen.lag, seen.missed, seen.evicted, seen.overflow),
                (
                    expected.next,
                    model.head - expected.next,
                    expected.missed,
                    expected.evicted,
                    expected.overflow
                )
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_bus_does_what_the_model_says(
        capacity in 1..20usize,
        operations in prop::collection::vec(operation(), 1..200),
    ) {
        run(capacity, operations)?;
    }
}
