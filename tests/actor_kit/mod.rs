//! What the tests of actors have in common: a system, and actors that tell, add, or do what a closure says.

#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MailboxPolicy,
    MessageBroker, MessageEnvelope, RouteOn, SpawnOptions, SystemConfig,
};
use tokio::sync::{mpsc as tasks, oneshot};

/// Long enough for any machine.
pub const LONG: Duration = Duration::from_secs(600);

pub type Broker = InMemoryMessageBroker<u64>;
pub type System = ActorSystem<u64, Broker>;

pub async fn system() -> System {
    system_on(RouteOn::default()).await
}

pub async fn system_on(route_on: RouteOn) -> System {
    let broker = Broker::builder().capacity(256).dead_letters(4096).dead_letter_logs(0).build();
    let config = SystemConfig { route_on, ..SystemConfig::default() };
    ActorSystem::new(config, broker).await.unwrap()
}

pub async fn shut(system: &System) -> Arc<stentor::SystemReport> {
    system.shutdown(Drain::Within(LONG)).await
}

/// Tells what it is told.
pub struct Probe(pub tasks::UnboundedSender<u64>);

impl<B: MessageBroker<u64>> Actor<u64, B> for Probe {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, _: &mut ActorContext<u64, B>) {
        let _ = self.0.send(envelope.message);
    }
}

pub fn probe() -> (Probe, tasks::UnboundedReceiver<u64>) {
    let (sender, receiver) = tasks::unbounded_channel();
    (Probe(sender), receiver)
}

/// Replies with one more.
pub struct Adder;

impl<B: MessageBroker<u64>> Actor<u64, B> for Adder {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        let _ = ctx.reply(&envelope, envelope.message + 1).await;
    }
}

/// Does what a closure says.
pub struct Does<F>(pub F);

impl<B, F> Actor<u64, B> for Does<F>
where
    B: MessageBroker<u64>,
    F: FnMut(MessageEnvelope<u64>, &mut ActorContext<u64, B>) + Send + 'static,
{
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        (self.0)(envelope, ctx);
    }
}

pub fn does<F>(f: F) -> Does<F>
where
    F: FnMut(MessageEnvelope<u64>, &mut ActorContext<u64, Broker>) + Send + 'static,
{
    Does(f)
}

/// An actor that waits in its first message until it is let go, then tells what it is told.
pub async fn held(
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
pub async fn routed(system: &System) {
    let echo = system.spawn("echo", Adder).unwrap();
    system.request::<u64>(echo, 0, LONG).await.unwrap();
    system.stop(echo).await;
}
