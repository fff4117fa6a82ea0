//! kameo: actors with bounded mailboxes, or with unbounded ones.

use std::{convert::Infallible, marker::PhantomData};

use kameo::{
    actor::{Actor, ActorRef, Spawn},
    mailbox::{self, MailboxReceiver, MailboxSender},
    message::{Context, Message as Handle},
};

use crate::{
    actors::{Actors, Asked, Books, Tell},
    contract::Ask,
    entry::Entry,
    workload::{CAPACITY, Message},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("kameo", "an actor with a bounded mailbox: tell, ask")
            .requests::<Asked<Kameo<Bounded>>>()
            .actors::<Kameo<Bounded>>(),
        Entry::new("kameo-unbounded", "an actor with an unbounded mailbox: tell, ask")
            .actors::<Kameo<Unbounded>>()
            .unbounded(),
    ]
}

/// A kind of mailbox.
trait Mailbox: 'static {
    /// Makes one.
    fn mailbox() -> (MailboxSender<Recorder>, MailboxReceiver<Recorder>);
}

/// Bounded.
struct Bounded;

impl Mailbox for Bounded {
    fn mailbox() -> (MailboxSender<Recorder>, MailboxReceiver<Recorder>) {
        mailbox::bounded(CAPACITY)
    }
}

/// Unbounded.
struct Unbounded;

impl Mailbox for Unbounded {
    fn mailbox() -> (MailboxSender<Recorder>, MailboxReceiver<Recorder>) {
        mailbox::unbounded()
    }
}

/// Actors with mailboxes of kind `K`.
struct Kameo<K>(PhantomData<K>);

/// The actor.
struct Recorder(Books);

/// What it is told; what it is asked is the message itself.
struct Told(Message);

impl Actor for Recorder {
    type Args = Books;
    type Error = Infallible;

    async fn on_start(books: Books, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self(books))
    }
}

impl Handle<Told> for Recorder {
    type Reply = ();

    async fn handle(&mut self, Told(message): Told, _: &mut Context<Self, ()>) {
        self.0.enter(&message);
    }
}

impl Handle<Message> for Recorder {
    type Reply = Result<Message, Infallible>;

    async fn handle(
        &mut self,
        message: Message,
        _: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        Ok(message.answer())
    }
}

impl<K: Mailbox> Actors for Kameo<K> {
    type System = ();
    type Address = ActorRef<Recorder>;

    async fn system() {}

    async fn spawn((): &(), books: Books) -> Self::Address {
        Recorder::spawn_with_mailbox(books, K::mailbox())
    }

    async fn stop((): &(), actor: Self::Address) {
        actor.stop_gracefully().await.expect("it lives");
        actor.wait_for_shutdown().await;
    }
}

impl Tell for ActorRef<Recorder> {
    async fn tell(&self, message: Message) {
        ActorRef::tell(self, Told(message)).await.expect("it lives");
    }
}

impl Ask for ActorRef<Recorder> {
    async fn ask(&self, message: Message) -> Message {
        ActorRef::ask(self, message).await.expect("an answer")
    }
}
