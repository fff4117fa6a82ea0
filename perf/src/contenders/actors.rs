//! Stentor's actors: a system that routes on tasks, and one that routes on threads.

use std::{marker::PhantomData, time::Duration};

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, InMemoryMessageBroker, MessageEnvelope,
    RouteOn, SpawnOptions, SystemConfig,
};

use crate::{
    actors::{Actors, Books, Tell},
    contract::Ask,
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// The entry of routers on threads; those on tasks, the default, are Stentor's own.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("stentor-threads", "actors over one ring, routed on a thread")
            .actors::<Routed<OnThreads>>(),
    ]
}

/// How long a request waits: it is never answered late here.
const TIME_OUT: Duration = Duration::from_secs(60);

/// What messages go over.
type Broker = InMemoryMessageBroker<Message>;
/// What actors are spawned in.
type System = ActorSystem<Message, Broker>;

/// What a system routes on.
pub trait On: 'static {
    /// That.
    const ROUTE_ON: RouteOn;
}

/// Tasks.
pub struct OnTasks;

impl On for OnTasks {
    const ROUTE_ON: RouteOn = RouteOn::Tasks;
}

/// Threads.
struct OnThreads;

impl On for OnThreads {
    const ROUTE_ON: RouteOn = RouteOn::Threads;
}

/// Actors of a system that routes on `O`. All else is as it is unless said, and so are the mailboxes of
/// [`CAPACITY`].
pub struct Routed<O>(PhantomData<O>);

/// The actor.
struct Recorder(Books);

impl Actor<Message, Broker> for Recorder {
    async fn handle(
        &mut self,
        envelope: MessageEnvelope<Message>,
        ctx: &mut ActorContext<Message, Broker>,
    ) {
        if envelope.metadata.correlation_id.is_some() {
            let answer = envelope.message.answer();
            ctx.reply(&envelope, answer).await.expect("the broker is open");
        } else {
            self.0.enter(&envelope.message);
        }
    }
}

/// An actor, and its system.
#[derive(Clone)]
pub struct Address {
    /// The system.
    system: System,
    /// The actor.
    actor: ActorAddress,
}

impl<O: On> Actors for Routed<O> {
    type System = System;
    type Address = Address;

    async fn system() -> System {
        let broker = Broker::builder().capacity(CAPACITY).build();
        let config = SystemConfig { route_on: O::ROUTE_ON, ..SystemConfig::default() };
        ActorSystem::new(config, broker).await.expect("it starts")
    }

    async fn spawn(system: &System, books: Books) -> Address {
        let mut books = Some(books);
        let make = move || Recorder(books.take().expect("it does not restart"));
        let actor = system.spawn_with(SpawnOptions::new(), make).expect("it runs");
        Address { system: system.clone(), actor }
    }

    async fn stop(system: &System, actor: Address) {
        system.stop(actor.actor).await.expect("it had not ended");
    }
}

impl Tell for Address {
    async fn tell(&self, message: Message) {
        self.system.send(self.actor, message).await.expect("it runs");
    }
}

impl Ask for Address {
    async fn ask(&self, message: Message) -> Message {
        let reply = self.system.request::<Message>(self.actor, message, TIME_OUT).await;
        reply.expect("an answer").message
    }
}
