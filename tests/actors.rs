//! Actors: routing, mailboxes, watching, timers, other brokers.

use std::sync::mpsc;
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, AskError, DeadLetterReason, Drain,
    MailboxPolicy, MessageBroker, MessageEnvelope, MessageStream, RouteOn, SendError, SpawnError,
    SpawnOptions, StopCause, SyncActor, SystemConfig, SystemState,
};
use tokio::sync::{mpsc as tasks, oneshot};

mod actor_kit;
use actor_kit::{Adder, Broker, LONG, does, held, probe, routed, shut, system, system_on};

// ===== routing =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_sender_arrive_in_order() {
    let system = system().await;
    let (actor, mut told) = probe();
    let address = system.spawn("probe", actor).unwrap();
    for number in 0..10_000 {
        system.send(address, number).await.unwrap();
    }
    for number in 0..10_000 {
        assert_eq!(told.recv().await, Some(number));
    }
    let report = shut(&system).await;
    assert_eq!(report.actor("probe").unwrap().handled, 10_000);
    assert_eq!(report.dead_letters, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_actors_answer() {
    let broker = Broker::builder().capacity(1024).dead_letter_logs(0).build();
    let config = SystemConfig { routers: 2, ..SystemConfig::default() };
    let system = ActorSystem::new(config, broker).await.unwrap();
    let addresses: Vec<_> =
        (0..10_000).map(|n| system.spawn(format!("adder-{n}"), Adder).unwrap()).collect();
    assert_eq!(system.registry().len(), 10_000);
    for (number, address) in addresses.iter().enumerate() {
        let reply = system.request::<u64>(*address, number as u64, LONG).await.unwrap();
        assert_eq!(reply.message, number as u64 + 1);
        assert_eq!(reply.metadata.sender, Some(*address));
    }
    assert_eq!(system.registry().lookup("adder-77"), Some(addresses[77]));
    let report = shut(&system).await;
    assert_eq!((report.actors.len(), report.handled, report.left()), (10_000, 10_000, 0));
    assert!(system.registry().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_play_ping_pong() {
    struct Player(Option<oneshot::Sender<u64>>);
    impl<B: MessageBroker<u64>> Actor<u64, B> for Player {
        async fn handle(&mut self, ball: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
            if ball.message < 2_000 {
                let to = ball.metadata.sender.unwrap();
                ctx.send(to, ball.message + 1).await.unwrap();
            } else if let Some(end) = self.0.take() {
                end.send(ball.message).unwrap();
            }
        }
    }
    let system = system().await;
    let (end, ended) = oneshot::channel();
    let one = system.spawn("one", Player(None)).unwrap();
    // Even balls are hers.
    let two = system.spawn("two", Player(Some(end))).unwrap();
    let serve = MessageEnvelope::new(0).with_recipient(two).with_sender(one);
    system.publish(serve).await.unwrap();
    assert_eq!(ended.await.unwrap(), 2_000);
    assert_eq!(shut(&system).await.handled, 2_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_goes_round_a_ring() {
    struct Link(ActorAddress, tasks::UnboundedSender<u64>);
    impl<B: MessageBroker<u64>> Actor<u64, B> for Link {
        async fn handle(&mut self, token: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
            if token.message == 0 {
                self.1.send(0).unwrap();
            } else {
                ctx.send(self.0, token.message - 1).await.unwrap();
            }
        }
    }
    let system = system().await;
    let (sender, mut end) = tasks::unbounded_channel();
    // The first is told its neighbour by way of the last.
    let (first, mut token) = probe();
    let first = system.spawn("first", first).unwrap();
    let mut next = first;
    for n in 0..100 {
        next = system.spawn(format!("link-{n}"), Link(next, sender.clone())).unwrap();
    }
    for _ in 0..10 {
        system.send(next, 100).await.unwrap();
        assert_eq!(token.recv().await, Some(0));
    }
    system.send(next, 50).await.unwrap();
    assert_eq!(end.recv().await, Some(0));
    shut(&system).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_fans_out_and_results_fan_in() {
    struct Worker(ActorAddress);
    impl<B: MessageBroker<u64>> Actor<u64, B> for Worker {
        async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
            ctx.send(self.0, envelope.message * 2).await.unwrap();
        }
    }
    let system = system().await;
    let (sum, mut told) = probe();
    let sum = system.spawn("sum", sum).unwrap();
    let workers: Vec<_> =
        (0..16).map(|n| system.spawn(format!("worker-{n}"), Worker(sum)).unwrap()).collect();
    for number in 0..4_000_u64 {
        system.send(workers[number as usize % 16], number).await.unwrap();
    }
    let mut total = 0;
    for _ in 0..4_000 {
        total += told.recv().await.unwrap();
    }
    assert_eq!(total, 4_000 * 3_999);
    shut(&system).await;
}

#[tokio::test]
async fn addresses_names_and_senders() {
    let system = system().await;
    assert_eq!(system.state(), SystemState::Running);
    let (actor, mut told) = probe();
    let address = system.spawn("probe", actor).unwrap();
    match system.spawn("probe", Adder) {
        Err(SpawnError::NameTaken { name, address: taken }) => {
            assert_eq!((name.as_str(), taken), ("probe", address));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(system.registry().addresses(), [address]);
    let sender = system.registry().resolve(&address).unwrap();
    sender.try_send(MessageEnvelope::new(1)).unwrap();
    assert_eq!(told.recv().await, Some(1));
    let ended = system.stop(address).await.unwrap();
    assert_eq!((ended.cause, ended.handled), (StopCause::Stopped, 1));
    assert!(system.registry().resolve(&address).is_none());
    assert!(system.stop(address).await.is_none());
    let back = sender.try_send(MessageEnvelope::new(2)).unwrap_err();
    assert_eq!(back.into_envelope().message, 2);
    assert_eq!(system.registry().lookup("probe"), None);
    system.spawn("probe", Adder).unwrap();
    shut(&system).await;
}

#[tokio::test]
async fn a_stale_address_never_reaches_the_successor() {
    let system = system().await;
    let mut letters = system.dead_letters();
    let old = system.spawn("a", Adder).unwrap();
    system.stop(old).await;
    let (actor, mut told) = probe();
    let new = system.spawn("a", actor).unwrap();
    assert_ne!(old, new);
    system.send(old, 1).await.unwrap();
    system.send(new, 2).await.unwrap();
    assert_eq!(told.recv().await, Some(2));
    let letter = letters.recv_async().await.unwrap();
    assert_eq!((letter.reason, letter.envelope.message), (DeadLetterReason::StaleAddress, 1));
    shut(&system).await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_a_dead_letter_and_a_request_fails_at_once() {
    let system = system().await;
    let mut letters = system.dead_letters();
    let nobody = ActorAddress::new();
    system.send(nobody, 1).await.unwrap();
    assert_eq!(letters.recv_async().await.unwrap().reason, DeadLetterReason::UnknownRecipient);
    system.publish(MessageEnvelope::new(2)).await.unwrap();
    assert_eq!(letters.recv_async().await.unwrap().reason, DeadLetterReason::NoRecipient);
    match system.request::<u64>(nobody, 3, LONG).await {
        Err(AskError::Undeliverable { envelope, reason: DeadLetterReason::UnknownRecipient }) => {
            assert_eq!(envelope.message, 3);
        }
        other => panic!("{other:?}"),
    }
    let panics = system.spawn("panics", does(|_, _| panic!("on purpose"))).unwrap();
    match system.request::<u64>(panics, 4, LONG).await {
        Err(AskError::Undeliverable { reason, .. }) => {
            assert_eq!(reason, DeadLetterReason::Panicked)
        }
        other => panic!("{other:?}"),
    }
    let silent = system.spawn("silent", does(|_, _| {})).unwrap();
    match system.request::<u64>(silent, 5, Duration::from_millis(1)).await {
        Err(AskError::TimedOut(request)) => assert_eq!(request.message, 5),
        other => panic!("{other:?}"),
    }
    assert_eq!(system.broker().metrics().requests.undeliverable, 2);
    shut(&system).await;
}

// ===== mailboxes =====

/// Sends 1 to 6 to a mailbox for 4: what arrives, and what becomes dead letters.
async fn overflow(policy: MailboxPolicy) -> (Vec<u64>, Vec<u64>) {
    let system = system().await;
    let mut letters = system.dead_letters();
    let (address, release, mut told) = held(&system, 4, policy).await;
    for number in 1..=6 {
        system.send(address, number).await.unwrap();
    }
    routed(&system).await;
    let metrics = system.metrics();
    let actor = metrics.actors.iter().find(|actor| actor.address == address).unwrap();
    assert_eq!((actor.depth, actor.high_water, actor.capacity), (4, 4, 4));
    assert!(actor.oldest.is_some());
    release.send(()).unwrap();
    let (mut arrived, mut dropped) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        arrived.push(told.recv().await.unwrap());
    }
    for _ in 0..2 {
        let letter = letters.recv_async().await.unwrap();
        assert_eq!(letter.reason, DeadLetterReason::MailboxFull);
        dropped.push(letter.envelope.message);
    }
    shut(&system).await;
    (arrived, dropped)
}

#[tokio::test]
async fn drop_newest_drop_oldest_and_impatient_backpressure() {
    let newest = (vec![0, 1, 2, 3, 4], vec![5, 6]);
    assert_eq!(overflow(MailboxPolicy::DropNewest).await, newest);
    assert_eq!(overflow(MailboxPolicy::DropOldest).await, (vec![0, 3, 4, 5, 6], vec![1, 2]));
    let impatient = MailboxPolicy::Backpressure(Duration::from_millis(1));
    assert_eq!(overflow(impatient).await, newest);
}

#[tokio::test]
async fn backpressure_waits_for_room() {
    backpressure_waits_for_room_on(RouteOn::Tasks).await;
    backpressure_waits_for_room_on(RouteOn::Threads).await;
}

async fn backpressure_waits_for_room_on(route_on: RouteOn) {
    let system = system_on(route_on).await;
    let (address, release, mut told) = held(&system, 2, MailboxPolicy::Backpressure(LONG)).await;
    for number in 1..=50 {
        system.send(address, number).await.unwrap();
    }
    release.send(()).unwrap();
    for number in 0..=50 {
        assert_eq!(told.recv().await, Some(number));
    }
    assert_eq!(shut(&system).await.dead_letters, 0);
}

#[tokio::test]
async fn a_mailbox_that_says_so_gives_the_message_back() {
    let system = system().await;
    let (address, release, _told) = held(&system, 1, MailboxPolicy::Fail).await;
    system.send(address, 1).await.unwrap();
    routed(&system).await;
    match system.send(address, 2).await {
        Err(SendError::MailboxFull(envelope)) => assert_eq!(envelope.message, 2),
        other => panic!("{other:?}"),
    }
    release.send(()).unwrap();
    shut(&system).await;
}

// ===== timers =====

#[tokio::test]
async fn timers_fire_repeat_and_are_cancelled() {
    struct Timed(tasks::UnboundedSender<u64>);
    impl Actor<u64, Broker> for Timed {
        async fn on_start(&mut self, ctx: &mut ActorContext<u64, Broker>) {
            let me = ctx.address();
            ctx.send_after(LONG, me, 99).cancel();
            ctx.send_every(Duration::from_millis(1), me, 1);
            ctx.send_after(Duration::from_millis(2), me, 2);
            ctx.send_after(LONG, me, 98);
        }
        async fn handle(&mut self, e: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {
            let _ = self.0.send(e.message);
        }
    }
    let system = system().await;
    let (sender, mut told) = tasks::unbounded_channel();
    system.spawn("timed", Timed(sender)).unwrap();
    let (mut ones, mut twos) = (0, 0);
    while ones < 3 || twos < 1 {
        match told.recv().await.unwrap() {
            1 => ones += 1,
            2 => twos += 1,
            other => panic!("{other}"),
        }
    }
    // The timers that still run do not keep the system.
    shut(&system).await;
}

// ===== sync actors =====

#[tokio::test]
async fn sync_actors_run_on_threads_of_the_system() {
    struct Blocking(mpsc::Sender<String>);
    impl SyncActor<u64, Broker> for Blocking {
        fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            self.0.send(std::thread::current().name().unwrap().to_owned()).unwrap();
            ctx.reply_blocking(&e, e.message * 10).unwrap();
        }
    }
    let system = system().await;
    let (sender, names) = mpsc::channel();
    let options = SpawnOptions::new().name("blocking").on_thread(0);
    let address = system.spawn_sync(options, move || Blocking(sender.clone())).unwrap();
    assert_eq!(system.request::<u64>(address, 4, LONG).await.unwrap().message, 40);
    assert_eq!(names.recv().unwrap(), "actors-sync-0");
    assert_eq!(shut(&system).await.actor("blocking").unwrap().handled, 1);
}

// ===== looking on =====

#[tokio::test]
async fn monitors_and_audits_see_all_and_metrics_are_one_snapshot() {
    let system = system().await;
    let (mut monitor, mut audit) = (system.monitor().await.unwrap(), system.audit().await.unwrap());
    let adder = system.spawn("adder", Adder).unwrap();
    for number in 0..10 {
        system.request::<u64>(adder, number, LONG).await.unwrap();
    }
    for stream in [&mut monitor, &mut audit] {
        for number in 0..10 {
            assert_eq!(stream.recv().await.unwrap().message, number);
            assert_eq!(stream.recv().await.unwrap().message, number + 1);
        }
    }
    drop((monitor, audit));
    let report = shut(&system).await;
    assert_eq!(report.actor("adder").unwrap().handled, 10);
    let metrics = system.metrics();
    assert_eq!((metrics.state, metrics.handled, metrics.spawned), (SystemState::Stopped, 10, 1));
}

// ===== other brokers =====

/// A broker that is not of this process, as far as the system can see.
#[derive(Clone)]
struct Remote(Broker);

impl MessageBroker<u64> for Remote {
    type Error = stentor::BrokerError<u64>;

    async fn publish(&self, e: MessageEnvelope<u64>) -> Result<(), Self::Error> {
        self.0.publish(e).await
    }

    async fn subscribe(&self) -> Result<MessageStream<u64>, Self::Error> {
        self.0.subscribe().await
    }

    async fn publish_request<R>(
        &self,
        e: MessageEnvelope<u64>,
        timeout: Duration,
    ) -> Result<Option<MessageEnvelope<R>>, Self::Error>
    where
        R: stentor::Message + TryFrom<u64>,
    {
        self.0.publish_request(e, timeout).await
    }
}

#[tokio::test]
async fn it_routes_streams_of_any_other_broker() {
    let config = SystemConfig { routers: 2, ..SystemConfig::default() };
    let system = ActorSystem::new(config, Remote(Broker::builder().build())).await.unwrap();
    let mut letters = system.dead_letters();
    let adder = system.spawn("adder", Adder).unwrap();
    assert_eq!(system.request::<u64>(adder, 1, LONG).await.unwrap().message, 2);
    // Somebody else's.
    system.send(ActorAddress::new(), 2).await.unwrap();
    system.stop(adder).await;
    let asked = system.request::<u64>(adder, 3, LONG).await;
    assert!(matches!(asked, Err(AskError::Undeliverable { .. })));
    assert_eq!(letters.recv_async().await.unwrap().reason, DeadLetterReason::StaleAddress);
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!((report.handled, report.dead_letters), (1, 1));
}
