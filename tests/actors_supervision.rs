//! Actors that panic, and those who are told; and the end of a system.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorEventKind, ActorPanic, ActorSystem, Backoff, Budget,
    DeadLetterReason, Drain, MailboxPolicy, MessageBroker, MessageEnvelope, RouteOn, SendError,
    SpawnError, SpawnOptions, StopCause, Supervision, SyncActor, SystemConfig, SystemState,
    Terminated,
};
use tokio::sync::{mpsc as tasks, oneshot};

mod actor_kit;
use actor_kit::{Adder, Broker, LONG, does, held, routed, shut, system};

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
