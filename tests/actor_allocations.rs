//! In the steady state nothing is allocated by the threads that send, handle, ask and reply.

mod counting;

use std::time::Duration;

use counting::{allocated, allocations};
use stentor::{
    Actor, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MessageEnvelope, SystemConfig,
};

const LONG: Duration = Duration::from_secs(600);

type Broker = InMemoryMessageBroker<u64>;

/// Replies with what it is asked.
struct Echo;

impl Actor<u64, Broker> for Echo {
    async fn handle(
        &mut self,
        envelope: MessageEnvelope<u64>,
        ctx: &mut ActorContext<u64, Broker>,
    ) {
        if envelope.metadata.reply_to.is_some() {
            ctx.reply(&envelope, envelope.message).await.unwrap();
        }
    }
}

/// What this thread allocates in so many rounds of tells and an ask. It runs the router and the actor, too: the
/// runtime has no other.
async fn rounds(system: &ActorSystem<u64, Broker>, tells: u64) -> u64 {
    let echo = system.registry().lookup("echo").unwrap();
    let before = allocated();
    for round in 0..500 {
        for number in 0..tells {
            system.send(echo, number).await.unwrap();
        }
        let reply = system.request::<u64>(echo, round, LONG).await.unwrap();
        assert_eq!(reply.message, round);
    }
    allocated() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2_000);
}

#[tokio::test(flavor = "current_thread")]
async fn tells_and_asks() {
    let broker = Broker::builder().capacity(256).build();
    let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
    system.spawn("echo", Echo).unwrap();
    // A hand and a queue of the mailbox grow to what they hold at most.
    rounds(&system, 200).await;
    rounds(&system, 200).await;
    assert_eq!(rounds(&system, 7).await, 0);
    assert_eq!(rounds(&system, 0).await, 0);
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!(report.handled, 500 * (201 + 201 + 8 + 1));
}
