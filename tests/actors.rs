//! Actors: routing, mailboxes, supervision, watching, timers, and the end of a system.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorEventKind, ActorPanic, ActorSystem, AskError, Backoff,
    Budget, DeadLetterReason, Drain, InMemoryMessageBroker, MailboxPolicy, MessageBroker,
    MessageEnvelope, MessageStream, RouteOn, SendError, SpawnError, SpawnOptions, StopCause,
    Supervision, SyncActor, SystemConfig, SystemState, Terminated,
};
use tokio::sync::{mpsc as tasks, oneshot};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(600);

type Broker = InMemoryMessageBroker<u64>;
type System = ActorSystem<u64, Broker>;

async fn system() -> System {
    system_on(RouteOn::default()).await
}

async fn system_on(route_on: RouteOn) -> System {
    let broker = Broker::builder().capacity(256).dead_letters(4096).dead_letter_logs(0).build();
    let config = SystemConfig { route_on, ..SystemConfig::default() };
    ActorSystem::new(config, broker).await.unwrap()
}

async fn shut(system: &System) -> Arc<stentor::SystemReport> {
    system.shutdown(Drain::Within(LONG)).await
}

/// Tells what it is told.
struct Probe(tasks::UnboundedSender<u64>);

impl<B: MessageBroker<u64>> Actor<u64, B> for Probe {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, _: &mut ActorContext<u64, B>) {
        let _ = self.0.send(envelope.message);
    }
}

fn probe() -> (Probe, tasks::UnboundedReceiver<u64>) {
    let (sender, receiver) = tasks::unbounded_channel();
    (Probe(sender), receiver)
}

/// Replies with one more.
struct Adder;

impl<B: MessageBroker<u64>> Actor<u64, B> for Adder {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        let _ = ctx.reply(&envelope, envelope.message + 1).await;
    }
}

/// Does what a closure says.
struct Does<F>(F);

impl<B, F> Actor<u64, B> for Does<F>
where
    B: MessageBroker<u64>,
    F: FnMut(MessageEnvelope<u64>, &mut ActorContext<u64, B>) + Send + 'static,
{
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        (self.0)(envelope, ctx);
    }
}

fn does<F>(f: F) -> Does<F>
where
    F: FnMut(MessageEnvelope<u64>, &mut ActorContext<u64, Broker>) + Send + 'static,
{
    Does(f)
}

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

/// An actor that waits in its first message until it is let go, then tells what it is told.
async fn held(
    system: &System,
    capacity: usize,
    policy: MailboxPolicy,
) -> (ActorAddress, oneshot::Sender<()>, tasks::UnboundedReceiver<u64>) {
    struct Held(Option<oneshot::Receiver<()>>, Option<oneshot::Sender<()>>, Probe);
    impl<B: MessageBroker<u64>> Actor<u64, B> for Held {
        async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
            if let Some(gate) = self.0.take() {
                self.1.take().unwrap().send(()).unwrap();
                let _ = gate.await;
            }
            self.2.handle(envelope, ctx).await;
        }
    }
    let (release, gate) = oneshot::channel();
    let (entering, entered) = oneshot::channel();
    let (probe, told) = probe();
    let mut held = Some(Held(Some(gate), Some(entering), probe));
    let options = SpawnOptions::new().mailbox(capacity, policy);
    let address = system.spawn_with(options, move || held.take().unwrap()).unwrap();
    system.send(address, 0).await.unwrap();
    entered.await.unwrap();
    (address, release, told)
}

/// Waits until everything that was sent has been routed: a request overtakes nothing.
async fn routed(system: &System) {
    let echo = system.spawn("echo", Adder).unwrap();
    system.request::<u64>(echo, 0, LONG).await.unwrap();
    system.stop(echo).await;
}

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

// ===== supervision =====

/// Panics at 0; otherwise replies with the number of its incarnation.
struct Fragile(u64);

impl<B: MessageBroker<u64>> Actor<u64, B> for Fragile {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        assert_ne!(envelope.message, 0, "on purpose");
        let _ = ctx.reply(&envelope, self.0).await;
    }
}

fn fragile(supervision: Supervision) -> (SpawnOptions, impl FnMut() -> Fragile + Send + 'static) {
    let mut incarnation = 0;
    let make = move || {
        incarnation += 1;
        Fragile(incarnation)
    };
    (SpawnOptions::new().name("fragile").supervision(supervision), make)
}

fn restart(restarts: u32) -> Supervision {
    Supervision::Restart { backoff: Backoff::NONE, budget: Budget { restarts, within: LONG } }
}

#[tokio::test]
async fn a_panic_stops_the_actor_and_hurts_nobody_else() {
    let system = system().await;
    let (mut letters, mut events) = (system.dead_letters(), system.events());
    let (options, make) = fragile(Supervision::Stop);
    let fragile = system.spawn_with(options, make).unwrap();
    let adder = system.spawn("adder", Adder).unwrap();
    system.send(fragile, 0).await.unwrap();
    let letter = letters.recv_async().await.unwrap();
    assert_eq!((letter.reason, letter.envelope.message), (DeadLetterReason::Panicked, 0));
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let event = events.recv_async().await.unwrap();
        if event.address == fragile {
            kinds.push(event.kind);
        }
    }
    assert_eq!(kinds[0], ActorEventKind::Started);
    assert!(matches!(&kinds[1], ActorEventKind::Panicked(text) if text.contains("on purpose")));
    assert_eq!(kinds[2], ActorEventKind::Stopped(StopCause::Panicked));
    assert_eq!(system.request::<u64>(adder, 1, LONG).await.unwrap().message, 2);
    shut(&system).await;
}

#[tokio::test]
async fn restarts_within_their_budget() {
    let system = system().await;
    let mut events = system.events();
    let (options, make) = fragile(restart(2));
    let fragile = system.spawn_with(options.keep_mailbox(true), make).unwrap();
    for incarnation in 1..=3 {
        let reply = system.request::<u64>(fragile, 1, LONG).await.unwrap();
        assert_eq!(reply.message, incarnation);
        system.send(fragile, 0).await.unwrap();
    }
    let mut restarts = 0;
    loop {
        match events.recv_async().await.unwrap().kind {
            ActorEventKind::Restarted { restarts: n, .. } => restarts = n,
            ActorEventKind::Stopped(cause) => {
                assert_eq!(cause, StopCause::Panicked);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(restarts, 2);
    shut(&system).await;
}

#[tokio::test]
async fn a_mailbox_survives_a_restart_only_if_told_to() {
    for keep in [false, true] {
        let system = system().await;
        let mut letters = system.dead_letters();
        // What is sent to itself while it handles the fatal message is in its mailbox when it panics.
        let (sender, mut told) = tasks::unbounded_channel();
        let registry = system.registry().clone();
        let options = SpawnOptions::new().supervision(restart(5)).keep_mailbox(keep);
        let address = system.spawn_with(options, move || {
            let (sender, registry) = (sender.clone(), registry.clone());
            does(move |envelope, ctx| {
                if envelope.message == 0 {
                    let own = registry.resolve(&ctx.address()).unwrap();
                    own.try_send(MessageEnvelope::new(7)).unwrap();
                    panic!("on purpose");
                }
                sender.send(envelope.message).unwrap();
            })
        });
        let address = address.unwrap();
        system.send(address, 0).await.unwrap();
        assert_eq!(letters.recv_async().await.unwrap().envelope.message, 0);
        if keep {
            assert_eq!(told.recv().await, Some(7));
        } else {
            let letter = letters.recv_async().await.unwrap();
            assert_eq!((letter.reason, letter.envelope.message), (DeadLetterReason::Panicked, 7));
        }
        system.send(address, 8).await.unwrap();
        assert_eq!(told.recv().await, Some(8));
        shut(&system).await;
    }
}

#[tokio::test]
async fn a_child_escalates_to_its_parent_and_ends_with_it() {
    struct Once(Option<oneshot::Sender<ActorAddress>>, tasks::UnboundedSender<ActorPanic>);
    impl Actor<u64, Broker> for Once {
        async fn on_start(&mut self, ctx: &mut ActorContext<u64, Broker>) {
            if let Some(child) = self.0.take() {
                let (options, make) = fragile(Supervision::Escalate);
                child.send(ctx.spawn_with(options, make).unwrap()).unwrap();
            }
        }
        async fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            let _ = ctx.reply(&e, 1).await;
        }
        async fn on_panic(&mut self, panic: &ActorPanic, _: &mut ActorContext<u64, Broker>) {
            self.1.send(panic.clone()).unwrap();
        }
    }
    let system = system().await;
    let (sender, mut panics) = tasks::unbounded_channel();
    let (born, child) = oneshot::channel();
    let mut first = Some(born);
    let options = SpawnOptions::new().name("parent").supervision(restart(1));
    let parent = system.spawn_with(options, move || Once(first.take(), sender.clone())).unwrap();
    let child = child.await.unwrap();
    system.send(child, 0).await.unwrap();
    let panic = panics.recv().await.unwrap();
    assert_eq!((panic.child, panic.panics), (Some(child), 1));
    assert_eq!(system.request::<u64>(parent, 1, LONG).await.unwrap().message, 1);
    assert!(system.registry().resolve(&child).is_none());
    shut(&system).await;
}

#[tokio::test]
async fn children_end_with_their_parent() {
    struct Parent(Option<oneshot::Sender<ActorAddress>>);
    impl Actor<u64, Broker> for Parent {
        async fn on_start(&mut self, ctx: &mut ActorContext<u64, Broker>) {
            self.0.take().unwrap().send(ctx.spawn("child", Adder).unwrap()).unwrap();
        }
        async fn handle(&mut self, _: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            ctx.stop_self();
        }
    }
    let system = system().await;
    let mut events = system.events();
    let (born, child) = oneshot::channel();
    let parent = system.spawn("parent", Parent(Some(born))).unwrap();
    let child = child.await.unwrap();
    system.send(parent, 1).await.unwrap();
    loop {
        let event = events.recv_async().await.unwrap();
        if event.address == child && event.kind == ActorEventKind::Stopped(StopCause::Stopped) {
            break;
        }
    }
    shut(&system).await;
}

#[tokio::test]
async fn watchers_are_told_also_of_those_who_have_gone() {
    struct Watcher(ActorAddress, tasks::UnboundedSender<Terminated>);
    impl Actor<u64, Broker> for Watcher {
        async fn on_start(&mut self, ctx: &mut ActorContext<u64, Broker>) {
            ctx.watch(self.0);
            ctx.send(self.0, 0).await.unwrap();
        }
        async fn handle(&mut self, _: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            ctx.watch(self.0);
        }
        async fn on_terminated(&mut self, end: Terminated, _: &mut ActorContext<u64, Broker>) {
            self.1.send(end).unwrap();
        }
    }
    let system = system().await;
    let (options, make) = fragile(Supervision::Stop);
    let fragile = system.spawn_with(options, make).unwrap();
    let (sender, mut ends) = tasks::unbounded_channel();
    let watcher = system.spawn("watcher", Watcher(fragile, sender)).unwrap();
    let end = ends.recv().await.unwrap();
    assert_eq!((end.address, end.cause), (fragile, Some(StopCause::Panicked)));
    system.send(watcher, 1).await.unwrap();
    assert_eq!(ends.recv().await.unwrap().cause, None);
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

// ===== the end =====

#[tokio::test]
async fn shutdown_handles_what_was_sent_and_gives_back_what_comes_later() {
    struct Last(Arc<AtomicU64>);
    impl Actor<u64, Broker> for Last {
        async fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {}
        async fn on_stop(&mut self, _: &mut ActorContext<u64, Broker>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let system = system().await;
    let stops = Arc::new(AtomicU64::new(0));
    let last = system.spawn("last", Last(Arc::clone(&stops))).unwrap();
    for number in 0..1_000 {
        system.send(last, number).await.unwrap();
    }
    let (one, two) = tokio::join!(shut(&system), shut(&system));
    assert!(Arc::ptr_eq(&one, &two));
    let actor = one.actor("last").unwrap();
    assert_eq!((actor.handled, actor.left, actor.cause), (1_000, 0, StopCause::Drained));
    assert_eq!(stops.load(Ordering::Relaxed), 1);
    match system.send(last, 7).await {
        Err(SendError::NotRunning { envelope, state: SystemState::Stopped }) => {
            assert_eq!(envelope.message, 7);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(system.spawn("late", Adder), Err(SpawnError::NotRunning(_))));
    assert!(Arc::ptr_eq(&shut(&system).await, &one));
    assert!(!system.broker().is_closed());
}

#[tokio::test]
async fn what_is_not_handled_in_time_becomes_dead_letters() {
    let system = system().await;
    let (address, _never, _told) = held(&system, 16, MailboxPolicy::DropNewest).await;
    for number in 1..=5 {
        system.send(address, number).await.unwrap();
    }
    routed(&system).await;
    let report = system.shutdown(Drain::Within(Duration::from_millis(1))).await;
    assert_eq!((report.actors[0].cause, report.actors[0].left), (StopCause::Dropped, 6));
    assert_eq!(report.dead_letters, 6);
}

#[test]
fn no_task_and_no_thread_is_left() {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut names_before = Vec::new();
    let names = || -> Vec<String> {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok());
        names.filter(|name| name.starts_with("leaky")).collect()
    };
    names_before.extend(names());
    assert!(threads() == 0 || names_before.is_empty());
    runtime.block_on(async {
        let config = SystemConfig { name: "leaky".into(), routers: 2, ..SystemConfig::default() };
        let config = SystemConfig { route_on: RouteOn::Threads, ..config };
        let broker = Broker::builder().build();
        let system = ActorSystem::new(config, broker).await.unwrap();
        for n in 0..100 {
            system.spawn(format!("{n}"), Adder).unwrap();
        }
        struct Idle;
        impl SyncActor<u64, Broker> for Idle {
            fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {}
        }
        system.spawn_sync(SpawnOptions::new(), || Idle).unwrap();
        shut(&system).await;
        // The task of the shutdown itself ends with its next turn.
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(names(), Vec::<String>::new());
}

#[test]
fn dropping_a_system_stops_its_actors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let system = system().await;
        system.spawn("adder", Adder).unwrap();
        let clone = system.clone();
        drop(system);
        assert_eq!(clone.state(), SystemState::Running);
        drop(clone);
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    });
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
