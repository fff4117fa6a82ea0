//! History, then live: without gap or repeat, however publishers and the hand-over meet.

mod journals;

use std::sync::Barrier;
use std::thread;

use futures_util::StreamExt;
use journals::{Dir, small};
use proptest::prelude::*;
use stentor::{
    Durability, Follow, InMemoryMessageBroker, Journal, JournalConfig, MessageEnvelope,
    ReplayQuery, Topic,
};

/// What is tried out.
#[derive(Clone, Debug)]
struct Plan {
    /// Messages journalled before anything else.
    before: u64,
    /// Messages of each publisher, while the follower begins.
    meanwhile: Vec<u64>,
    capacity: usize,
    durability: Durability,
    /// Where the follower begins.
    from: u64,
    /// Every other message is of a topic that is not journalled.
    with_others: bool,
    /// The follower is a task.
    is_task: bool,
}

fn plans() -> impl Strategy<Value = Plan> {
    let durability = prop_oneof![Just(Durability::EveryBatch), Just(Durability::Os)];
    let publishers = prop::collection::vec(0..600_u64, 1..4);
    let rest = (prop_oneof![Just(4_usize), Just(64), Just(1024)], any::<bool>(), any::<bool>());
    (0..800_u64, publishers, rest, durability, 0.0..1.0).prop_map(
        |(before, meanwhile, (capacity, with_others, is_task), durability, from)| Plan {
            before,
            meanwhile,
            capacity,
            durability,
            from: (from * before as f64) as u64,
            with_others,
            is_task,
        },
    )
}

/// The number of its publisher, and its own.
type Message = (u64, u64);

fn publish(broker: &InMemoryMessageBroker<Message>, publisher: u64, count: u64, with_others: bool) {
    let (kept, other) = (Topic::new("kept").unwrap(), Topic::new("other").unwrap());
    for n in 0..count {
        let envelope = MessageEnvelope::new((publisher, n)).with_topic(&kept);
        broker.publish_blocking(envelope).unwrap();
        if with_others {
            let envelope = MessageEnvelope::new((publisher, n)).with_topic(&other);
            broker.publish_blocking(envelope).unwrap();
        }
    }
}

fn run(plan: &Plan) {
    let dir = Dir::new();
    let config = JournalConfig { durability: plan.durability, ..small() };
    let journal = Journal::<Message>::open(dir.path(), config).unwrap();
    let broker = InMemoryMessageBroker::builder().capacity(plan.capacity).build();
    let stage = journal.stage(&broker).topic("kept").unwrap().start().unwrap();
    publish(&broker, 0, plan.before, plan.with_others);
    let start = Barrier::new(plan.meanwhile.len() + 1);
    let followed = thread::scope(|scope| {
        for (&count, publisher) in plan.meanwhile.iter().zip(1..) {
            let (start, broker) = (&start, &broker);
            scope.spawn(move || {
                start.wait();
                publish(broker, publisher, count, plan.with_others);
            });
        }
        start.wait();
        // The last of what was published before may not be journalled yet.
        let from = plan.from.min(journal.stats().next);
        let follow = stage.follow("late", ReplayQuery::new().from_sequence(from)).unwrap();
        let total = plan.before + plan.meanwhile.iter().sum::<u64>() - from;
        (from, read(follow, total, plan.is_task))
    });
    let (from, found) = followed;
    let in_journal: Vec<Message> = journal
        .replay(ReplayQuery::new().from_sequence(from))
        .unwrap()
        .map(|journalled| journalled.unwrap().envelope.message)
        .collect();
    assert_eq!(found, in_journal);
}

fn read(mut follow: Follow<Message>, total: u64, is_task: bool) -> Vec<Message> {
    let message = |found: Result<MessageEnvelope<Message>, _>| found.unwrap().message;
    if is_task {
        futures_executor::block_on(follow.take(total as usize).map(message).collect())
    } else {
        (0..total).map(|_| message(follow.recv_blocking().unwrap())).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn history_then_live_is_what_the_journal_has(plan in plans()) {
        run(&plan);
    }
}

#[test]
fn a_follower_ends_with_the_broker_and_says_when_it_is_live() {
    let dir = Dir::new();
    let journal = Journal::<Message>::open(dir.path(), small()).unwrap();
    let broker = InMemoryMessageBroker::builder().capacity(16).build();
    let stage = journal.stage(&broker).start().unwrap();
    publish(&broker, 0, 100, false);
    let mut follow = stage.follow("late", ReplayQuery::new()).unwrap();
    assert!(!follow.is_live());
    for n in 0..100 {
        assert_eq!(follow.recv_blocking().unwrap().unwrap().message, (0, n));
    }
    let reader = thread::spawn(move || {
        let rest = std::iter::from_fn(|| follow.recv_blocking()).count();
        (rest, follow.is_live())
    });
    publish(&broker, 1, 50, false);
    drop(broker);
    // Over, it is not live any more.
    assert_eq!(reader.join().unwrap(), (50, false));
}

#[test]
fn a_follower_of_a_stage_that_has_ended_gets_the_history_and_ends() {
    let dir = Dir::new();
    let journal = Journal::<Message>::open(dir.path(), small()).unwrap();
    let broker = InMemoryMessageBroker::builder().capacity(16).build();
    let stage = journal.stage(&broker).start().unwrap();
    publish(&broker, 0, 10, false);
    drop(broker);
    let mut follow = stage.follow("late", ReplayQuery::new()).unwrap();
    let found = std::iter::from_fn(|| follow.recv_blocking());
    assert_eq!(found.map(|found| found.unwrap().message.1).sum::<u64>(), 45);
}
