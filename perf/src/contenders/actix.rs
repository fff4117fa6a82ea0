//! actix: actors that live on one thread, and are told from another.

use std::{future::Future, marker::PhantomData};

use actix::{Actor, ActorContext, Addr, Context, Handler, MessageResult, dev::SendError};
use actix_rt::System;
use tokio::task;

use crate::{
    actors::{Actors, Books, Tell},
    contract::Ask,
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("actix", "an actor of one thread: do_send, which knows no bound, and send")
            .actors_of_a_thread::<Actix<Unbounded>>()
            .unbounded(),
        Entry::new("actix-bounded", "an actor of one thread: try_send, yields while it is full")
            .told_on_a_thread::<Actix<Bounded>>(),
    ]
}

/// Actors that are told by `W`.
struct Actix<W>(PhantomData<W>);

/// A way to tell.
trait Way: 'static {
    /// Tells.
    fn tell(actor: &Addr<Recorder>, message: Message) -> impl Future<Output = ()> + Send;
}

/// Whatever is in the mailbox.
struct Unbounded;

impl Way for Unbounded {
    async fn tell(actor: &Addr<Recorder>, message: Message) {
        actor.do_send(Told(message));
    }
}

/// Only if there is room.
struct Bounded;

impl Way for Bounded {
    async fn tell(actor: &Addr<Recorder>, message: Message) {
        while let Err(SendError::Full(_)) = actor.try_send(Told(message)) {
            task::yield_now().await;
        }
    }
}

/// The actor.
struct Recorder(Books);

impl Actor for Recorder {
    type Context = Context<Self>;
}

/// What it is told.
struct Told(Message);

impl actix::Message for Told {
    type Result = ();
}

impl Handler<Told> for Recorder {
    type Result = ();

    fn handle(&mut self, Told(message): Told, _: &mut Context<Self>) {
        self.0.enter(&message);
    }
}

impl actix::Message for Message {
    type Result = Self;
}

impl Handler<Message> for Recorder {
    type Result = MessageResult<Message>;

    fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Self::Result {
        MessageResult(message.answer())
    }
}

/// Tells it to stop.
struct Stop;

impl actix::Message for Stop {
    type Result = ();
}

impl Handler<Stop> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop();
    }
}

/// An actor that is told by `W`.
struct Address<W> {
    /// The actor.
    actor: Addr<Recorder>,
    /// The way.
    way: PhantomData<fn() -> W>,
}

impl<W> Clone for Address<W> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), way: PhantomData }
    }
}

impl<W: Way> Actors for Actix<W> {
    type System = ();
    type Address = Address<W>;

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        System::new()
            .block_on(async { actix_rt::spawn(future).await.expect("the task has failed") })
    }

    async fn system() {}

    async fn spawn((): &(), books: Books) -> Self::Address {
        let actor = Recorder::create(|context| {
            context.set_mailbox_capacity(CAPACITY);
            Recorder(books)
        });
        Address { actor, way: PhantomData }
    }

    async fn stop((): &(), Address { actor, .. }: Self::Address) {
        actor.send(Stop).await.expect("it lives");
        while actor.connected() {
            task::yield_now().await;
        }
    }
}

impl<W: Way> Tell for Address<W> {
    async fn tell(&self, message: Message) {
        W::tell(&self.actor, message).await;
    }
}

impl<W: Way> Ask for Address<W> {
    async fn ask(&self, message: Message) -> Message {
        self.actor.send(message).await.expect("an answer")
    }
}
