//! Actors that come, go and panic while messages are sent: the books balance.

use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Backoff, Budget, Drain, InMemoryMessageBroker,
    MailboxPolicy, MessageEnvelope, RouteOn, SpawnOptions, Supervision, SystemConfig,
};

type Broker = InMemoryMessageBroker<u64>;
type System = ActorSystem<u64, Broker>;

/// Panics at every 17th number.
struct Fragile;

impl Actor<u64, Broker> for Fragile {
    async fn handle(&mut self, e: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {
        assert_ne!(e.message % 17, 0, "on purpose");
    }
}

/// Numbers that look random, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

fn spawn(system: &System, dice: &mut Dice) -> ActorAddress {
    let policies = [
        MailboxPolicy::DropNewest,
        MailboxPolicy::DropOldest,
        MailboxPolicy::Fail,
        MailboxPolicy::Backpressure(Duration::from_millis(1)),
    ];
    let budget = Budget { restarts: 3, within: Duration::from_secs(600) };
    let supervision = match dice.roll(3) {
        0 => Supervision::Stop,
        1 => Supervision::Escalate,
        _ => Supervision::Restart { backoff: Backoff::NONE, budget },
    };
    let options = SpawnOptions::new()
        .mailbox(1 + dice.roll(8), policies[dice.roll(4)])
        .keep_mailbox(dice.roll(2) == 0)
        .supervision(supervision);
    system.spawn_with(options, || Fragile).unwrap()
}

/// Spawns, stops and sends; gives how many messages were accepted.
async fn rage(system: System, seed: u64) -> u64 {
    let (mut dice, mut known, mut accepted) = (Dice(seed), Vec::new(), 0);
    for number in 1..=5_000 {
        match dice.roll(10) {
            0 => known.push(spawn(&system, &mut dice)),
            1 if !known.is_empty() => drop(system.stop(known[dice.roll(known.len())])),
            _ if known.is_empty() => {}
            _ => {
                let to = known[dice.roll(known.len())];
                // The others came back.
                accepted += u64::from(system.send(to, number).await.is_ok());
            }
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_balance() {
    std::panic::set_hook(Box::new(|_| {}));
    the_books_balance_on(RouteOn::Tasks).await;
    the_books_balance_on(RouteOn::Threads).await;
    let _ = std::panic::take_hook();
}

async fn the_books_balance_on(route_on: RouteOn) {
    let broker = Broker::builder().capacity(64).dead_letter_logs(0).build();
    let config = SystemConfig { routers: 2, route_on, ..SystemConfig::default() };
    let system = ActorSystem::new(config, broker).await.unwrap();
    let raging: Vec<_> = (0..4).map(|seed| tokio::spawn(rage(system.clone(), seed))).collect();
    let mut accepted = 0;
    for task in raging {
        accepted += task.await.unwrap();
    }
    let report = system.shutdown(Drain::Within(Duration::from_secs(600))).await;
    assert_eq!(report.handled + report.dead_letters, accepted);
    assert_eq!(system.broker().metrics().dead_letters.total(), report.dead_letters);
    assert!(report.handled > 0 && report.dead_letters > 0);
    assert!(system.registry().is_empty());
}
