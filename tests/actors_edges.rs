//! Actors where things go wrong: panics in all code that is not the engine's, ends that meet, and shutdowns that
//! somebody holds up. Whatever happens, the books balance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, AskError, Backoff, Budget, DeadLetterProbe,
    DeadLetterReason, Drain, InMemoryMessageBroker, MailboxPolicy, Message, MessageBroker,
    MessageEnvelope, MessageStream, SpawnOptions, StopCause, Supervision, SystemConfig,
};
use tokio::sync::{mpsc, oneshot};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(600);

type Broker<M = u64> = InMemoryMessageBroker<M>;
type System<M = u64> = ActorSystem<M, Broker<M>>;

async fn system<M: Message>() -> System<M> {
    let broker = Broker::builder().capacity(256).dead_letters(4096).dead_letter_logs(0).build();
    ActorSystem::new(SystemConfig::default(), broker).await.unwrap()
}

fn restart() -> Supervision {
    Supervision::Restart { backoff: Backoff::NONE, budget: Budget { restarts: 100, within: LONG } }
}

/// Puts messages into a mailbox past the broker, so that they are there when this returns.
fn put<M>(system: &System<M>, to: ActorAddress, messages: impl IntoIterator<Item = M>)
where
    M: Message,
{
    let mailbox = system.registry().resolve(&to).unwrap();
    for message in messages {
        mailbox.try_send(MessageEnvelope::new(message)).unwrap();
    }
}

/// A message of which some copies, or the last of which, panic.
#[derive(Debug)]
struct Fuse {
    number: u64,
    /// So many copies may be made.
    copies: Arc<AtomicU64>,
    burns_at_end: bool,
}

impl Fuse {
    fn new(number: u64, copies: u64) -> Self {
        Self { number, copies: Arc::new(AtomicU64::new(copies)), burns_at_end: false }
    }

    fn burning_at_end(number: u64) -> Self {
        let mut fuse = Self::new(number, 9);
        fuse.burns_at_end = true;
        fuse
    }
}

impl Clone for Fuse {
    fn clone(&self) -> Self {
        let left =
            self.copies.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        left.expect("on purpose: no more copies");
        Self { copies: Arc::clone(&self.copies), ..*self }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.copies) == 1;
        assert!(!self.burns_at_end || !is_last || std::thread::panicking(), "on purpose: the end");
    }
}

/// Tells the numbers that it handles, and of panics.
struct Reader(mpsc::UnboundedSender<u64>);

/// What a reader tells of a panic.
const PANIC: u64 = u64::MAX;

impl<B: MessageBroker<Fuse>> Actor<Fuse, B> for Reader {
    async fn handle(&mut self, envelope: MessageEnvelope<Fuse>, _: &mut ActorContext<Fuse, B>) {
        let _ = self.0.send(envelope.message.number);
    }

    async fn on_panic(&mut self, _: &stentor::ActorPanic, _: &mut ActorContext<Fuse, B>) {
        let _ = self.0.send(PANIC);
    }
}

/// Starts when it is let, and panics at 0.
struct Held(Option<oneshot::Receiver<()>>);

impl<B: MessageBroker<u64>> Actor<u64, B> for Held {
    async fn on_start(&mut self, _: &mut ActorContext<u64, B>) {
        if let Some(start) = self.0.take() {
            let _ = start.await;
        }
    }

    async fn handle(&mut self, envelope: MessageEnvelope<u64>, _: &mut ActorContext<u64, B>) {
        assert_ne!(envelope.message, 0, "on purpose");
    }
}

// ===== what a panic leaves =====

#[tokio::test]
async fn what_a_panic_leaves_in_the_mailbox_says_so() {
    let system = system().await;
    let mut letters = DeadLetterProbe::new(&system);
    let (start, started) = oneshot::channel();
    let held = system.spawn("held", Held(Some(started))).unwrap();
    put(&system, held, [0, 1, 2]);
    start.send(()).unwrap();
    for number in 0..3 {
        let letter = letters.expect_within(LONG, &DeadLetterReason::Panicked).await;
        assert_eq!(letter.message, number);
    }
    system.shutdown(Drain::Within(LONG)).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_copied_to_its_mailbox_is_counted() {
    let system = system().await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let reader = system.spawn("reader", Reader(sender)).unwrap();
    system.send(reader, Fuse::new(1, 0)).await.unwrap();
    // Nor to the dead letters.
    system.send(ActorAddress::new(), Fuse::new(2, 0)).await.unwrap();
    system.send(reader, Fuse::new(3, 9)).await.unwrap();
    assert_eq!(told.recv().await, Some(3));
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!((report.handled, report.dead_letters, report.clone_panics), (1, 0, 2));
    assert_eq!(system.metrics().clone_panics, 2);
}

#[tokio::test]
async fn a_message_that_cannot_be_copied_to_its_handler_is_a_panic_like_any_other() {
    let system = system().await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let options = SpawnOptions::new().name("reader").supervision(restart()).keep_mailbox(true);
    let reader = system.spawn_with(options, move || Reader(sender.clone())).unwrap();
    put(&system, reader, [Fuse::new(1, 0), Fuse::new(2, 9)]);
    assert_eq!(told.recv().await, Some(PANIC));
    assert_eq!(told.recv().await, Some(2));
    let report = system.shutdown(Drain::Within(LONG)).await;
    let actor = report.actor("reader").unwrap();
    assert_eq!((actor.handled, actor.dropped, actor.panics, actor.restarts), (1, 1, 1, 1));
    // It cannot be copied for those who listen to dead letters either; it is one nevertheless.
    assert_eq!(report.dead_letters, 1);
}

#[tokio::test]
async fn a_message_whose_drop_panics_was_handled_all_the_same() {
    let system = system().await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let options = SpawnOptions::new().name("reader").supervision(restart()).keep_mailbox(true);
    let reader = system.spawn_with(options, move || Reader(sender.clone())).unwrap();
    put(&system, reader, [Fuse::burning_at_end(1), Fuse::new(2, 9)]);
    for number in [1, PANIC, 2] {
        assert_eq!(told.recv().await, Some(number));
    }
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!((report.handled, report.dead_letters), (2, 0));
}

#[tokio::test]
async fn what_cannot_be_copied_to_the_dead_letters_does_not_keep_the_others_from_them() {
    let system = system().await;
    let mut letters = system.dead_letters();
    let (sender, _told) = mpsc::unbounded_channel();
    let reader = system.spawn("reader", Reader(sender)).unwrap();
    put(&system, reader, [Fuse::new(1, 0), Fuse::new(2, 0), Fuse::new(3, 9)]);
    // The first panics when it is handled, and both when they become dead letters.
    assert_eq!(letters.recv_async().await.unwrap().envelope.message.number, 3);
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!((report.handled, report.dead_letters), (0, 3));
    assert!(system.registry().is_empty());
}

#[tokio::test]
async fn panics_about_panics_end_an_actor_like_others() {
    struct Hopeless;
    impl Actor<u64, Broker> for Hopeless {
        async fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            assert_ne!(e.message, 0, "on purpose");
            let _ = ctx.reply(&e, 2).await;
        }
        async fn on_panic(&mut self, _: &stentor::ActorPanic, _: &mut ActorContext<u64, Broker>) {
            panic!("on purpose, again");
        }
    }
    impl Drop for Hopeless {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "on purpose, at last");
        }
    }
    let system = system().await;
    let options = SpawnOptions::new().supervision(restart()).keep_mailbox(true);
    let hopeless = system.spawn_with(options, || Hopeless).unwrap();
    for _ in 0..2 {
        let asked = system.request::<u64>(hopeless, 0, LONG).await;
        let Err(AskError::Undeliverable { reason, .. }) = asked else { panic!("{asked:?}") };
        assert_eq!(reason, DeadLetterReason::Panicked);
    }
    assert_eq!(system.request::<u64>(hopeless, 1, LONG).await.unwrap().message, 2);
    let report = system.stop(hopeless).await.unwrap();
    // The last one's drop panics as well: that is no reason to restart what was told to stop.
    assert_eq!((report.cause, report.panics), (StopCause::Panicked, 3));
    assert_eq!(report.restarts, 2);
    system.shutdown(Drain::Within(LONG)).await;
}

#[tokio::test]
async fn panics_in_on_start_and_on_stop_are_supervised() {
    struct Edgy(bool);
    impl Actor<u64, Broker> for Edgy {
        async fn on_start(&mut self, _: &mut ActorContext<u64, Broker>) {
            assert!(self.0, "on purpose: at the start");
        }
        async fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            let _ = ctx.reply(&e, 1).await;
        }
        async fn on_stop(&mut self, _: &mut ActorContext<u64, Broker>) {
            panic!("on purpose: at the end");
        }
    }
    let system = system().await;
    let mut starts = 0;
    let options = SpawnOptions::new().supervision(restart()).keep_mailbox(true);
    let edgy = system.spawn_with(options, move || {
        starts += 1;
        Edgy(starts > 2)
    });
    let edgy = edgy.unwrap();
    assert_eq!(system.request::<u64>(edgy, 1, LONG).await.unwrap().message, 1);
    let options = SpawnOptions::new().supervision(restart());
    let other = system.spawn_with(options, || Edgy(true)).unwrap();
    let ended = system.stop(other).await.unwrap();
    assert_eq!((ended.cause, ended.panics, ended.restarts), (StopCause::Panicked, 1, 0));
    let report = system.shutdown(Drain::Within(LONG)).await;
    assert_eq!(report.actors[0].address, edgy);
    assert_eq!((report.handled, report.dead_letters), (1, 0));
    assert!(system.registry().is_empty());
}

// ===== lost messages =====

#[tokio::test]
async fn what_is_sent_to_where_requests_are_answered_is_a_dead_letter() {
    struct Confused(oneshot::Sender<ActorAddress>);
    let (sender, asked) = oneshot::channel();
    let mut sender = Some(Confused(sender));
    struct Asked(Box<dyn FnMut(ActorAddress) + Send>);
    impl Actor<u64, Broker> for Asked {
        async fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            let back = e.metadata.reply_to.unwrap();
            // No reply: it has no correlation id.
            ctx.send(back, 7).await.unwrap();
            (self.0)(back);
            ctx.reply(&e, 8).await.unwrap();
        }
    }
    let system = system().await;
    let mut letters = DeadLetterProbe::new(&system);
    let tell = move |back| sender.take().unwrap().0.send(back).unwrap();
    let actor = system.spawn("asked", Asked(Box::new(tell))).unwrap();
    assert_eq!(system.request::<u64>(actor, 1, LONG).await.unwrap().message, 8);
    let letter = letters.expect_within(LONG, &DeadLetterReason::UnknownRecipient).await;
    assert_eq!((letter.message, letter.metadata.recipient), (7, Some(asked.await.unwrap())));
    system.shutdown(Drain::Within(LONG)).await;
}

// ===== shutdowns that are held up =====

#[tokio::test]
async fn a_request_to_somebody_else_does_not_hold_up_a_shutdown() {
    let broker = Broker::builder().dead_letter_logs(0).build();
    let config = SystemConfig {
        foreign_recipients: stentor::ForeignRecipients::PassOver,
        farewell: Duration::from_millis(1),
        ..SystemConfig::default()
    };
    let system = ActorSystem::new(config, broker).await.unwrap();
    let asking = {
        let system = system.clone();
        tokio::spawn(
            async move { system.request::<u64>(ActorAddress::new(), 1, LONG).await.is_ok() },
        )
    };
    while system.broker().metrics().requests.pending == 0 {
        tokio::task::yield_now().await;
    }
    system.shutdown(Drain::Within(Duration::from_millis(1))).await;
    // It goes on, for the broker does.
    assert_eq!(system.broker().metrics().requests.pending, 1);
    assert!(!asking.is_finished());
    asking.abort();
    let _ = asking.await;
}

#[test]
fn a_shutdown_whose_runtime_ends_still_comes_to_an_end() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = build();
    let system = runtime.block_on(async {
        let system = system::<u64>().await;
        let (_start, started) = oneshot::channel();
        std::mem::forget(_start);
        system.spawn("held", Held(Some(started))).unwrap();
        let mut shutting = std::pin::pin!(system.shutdown(Drain::Yes));
        // Begun, and no more.
        std::future::poll_fn(|cx| {
            assert!(shutting.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        system.clone()
    });
    drop(runtime);
    build().block_on(system.shutdown(Drain::Yes));
    assert!(system.registry().is_empty());
}

#[tokio::test]
async fn an_actor_may_drop_the_last_handle_of_its_system() {
    struct Holder(Option<System>);
    impl Actor<u64, Broker> for Holder {
        async fn handle(&mut self, _: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
            drop(self.0.take());
            assert!(ctx.spawn("late", Held(None)).is_err());
        }
    }
    let system = system().await;
    let holder = system.spawn("holder", Holder(Some(system.clone()))).unwrap();
    let ended = system.stop(ActorAddress::new());
    assert!(ended.await.is_none());
    put(&system, holder, [1]);
    let registry = system.registry().clone();
    drop(system);
    while !registry.is_empty() {
        tokio::task::yield_now().await;
    }
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
        R: Message + TryFrom<u64>,
    {
        self.0.publish_request(e, timeout).await
    }
}

#[tokio::test]
async fn what_was_sent_over_another_broker_is_handled_before_a_shutdown() {
    let config = SystemConfig { routers: 2, ..SystemConfig::default() };
    let broker = Remote(Broker::builder().capacity(1024).build());
    let system = ActorSystem::new(config, broker).await.unwrap();
    // It has little room, so that the router has to wait for it.
    let options = SpawnOptions::new().mailbox(2, MailboxPolicy::Backpressure(LONG));
    let held = system.spawn_with(options, || Held(None)).unwrap();
    for number in 1..=500 {
        system.send(held, number).await.unwrap();
    }
    let report = system.shutdown(Drain::Yes).await;
    assert_eq!((report.handled, report.dead_letters), (500, 0));
}

#[tokio::test]
async fn a_stream_that_never_ends_does_not_hold_up_a_shutdown() {
    let config = SystemConfig { farewell: Duration::from_millis(1), ..SystemConfig::default() };
    let broker = Broker::builder().capacity(8).build();
    let system = ActorSystem::new(config, Remote(broker.clone())).await.unwrap();
    let publishing = tokio::spawn(async move {
        loop {
            // For another system; whenever the router looks there is one.
            broker.publish(MessageEnvelope::new(1)).await.unwrap();
            tokio::task::consume_budget().await;
        }
    });
    system.shutdown(Drain::Within(Duration::from_millis(1))).await;
    publishing.abort();
    let _ = publishing.await;
}
