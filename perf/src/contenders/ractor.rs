//! ractor: actors with unbounded mailboxes; it has no others.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call, cast};

use crate::{
    actors::{Actors, Asked, Books, Tell},
    contract::Ask,
    entry::Entry,
    workload::Message,
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("ractor", "an actor with an unbounded mailbox: cast, call")
            .requests::<Asked<Ractor>>()
            .actors::<Ractor>()
            .unbounded(),
    ]
}

/// The library.
struct Ractor;

/// The actor.
struct Recorder;

/// What it is sent.
enum Sent {
    /// Something it is told.
    Told(Message),
    /// Something it is asked.
    Asked(Message, RpcReplyPort<Message>),
}

impl Actor for Recorder {
    type Msg = Sent;
    type State = Books;
    type Arguments = Books;

    async fn pre_start(
        &self,
        _: ActorRef<Sent>,
        books: Books,
    ) -> Result<Books, ActorProcessingErr> {
        Ok(books)
    }

    async fn handle(
        &self,
        _: ActorRef<Sent>,
        sent: Sent,
        books: &mut Books,
    ) -> Result<(), ActorProcessingErr> {
        match sent {
            Sent::Told(message) => books.enter(&message),
            Sent::Asked(message, reply) => reply.send(message.answer())?,
        }
        Ok(())
    }
}

impl Actors for Ractor {
    type System = ();
    type Address = ActorRef<Sent>;

    async fn system() {}

    async fn spawn((): &(), books: Books) -> Self::Address {
        let (actor, _) = Actor::spawn(None, Recorder, books).await.expect("it starts");
        actor
    }

    async fn stop((): &(), actor: Self::Address) {
        actor.stop_and_wait(None, None).await.expect("it lives");
    }
}

impl Tell for ActorRef<Sent> {
    async fn tell(&self, message: Message) {
        cast!(self, Sent::Told(message)).expect("it lives");
    }
}

impl Ask for ActorRef<Sent> {
    async fn ask(&self, message: Message) -> Message {
        call!(self, Sent::Asked, message).expect("an answer")
    }
}
