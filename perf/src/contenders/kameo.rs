//! kameo: an actor that is asked.

use std::convert::Infallible;

use kameo::{
    actor::{Actor, ActorRef, Spawn},
    message::{Context, Message as Handle},
};

use crate::{
    contract::{Answer, Ask},
    entry::Entry,
    workload::Message,
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![Entry::new("kameo", "an actor with a bounded mailbox, ask").requests::<Answering>()]
}

/// The actor.
struct Answering;

impl Actor for Answering {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(state: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(state)
    }
}

impl Handle<Message> for Answering {
    type Reply = Result<Message, Infallible>;

    async fn handle(
        &mut self,
        message: Message,
        _: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        Ok(message.answer())
    }
}

impl Answer for Answering {
    type Asker = ActorRef<Self>;

    async fn start() -> Self::Asker {
        let actor = Self::spawn(Self);
        actor.wait_for_startup().await;
        actor
    }
}

impl Ask for ActorRef<Answering> {
    async fn ask(&self, message: Message) -> Message {
        ActorRef::ask(self, message).await.expect("an answer")
    }
}
