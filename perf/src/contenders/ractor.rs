//! ractor: an actor that is called.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call};

use crate::{
    contract::{Answer, Ask},
    entry::Entry,
    workload::Message,
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![Entry::new("ractor", "an actor with an unbounded mailbox, call").requests::<Answering>()]
}

/// The actor.
struct Answering;

/// What it is called with.
struct Call(Message, RpcReplyPort<Message>);

impl Actor for Answering {
    type Msg = Call;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Call>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Call>,
        Call(message, reply): Call,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        reply.send(message.answer())?;
        Ok(())
    }
}

impl Answer for Answering {
    type Asker = ActorRef<Call>;

    async fn start() -> Self::Asker {
        let (actor, _) = Self::spawn(None, Self, ()).await.expect("it starts");
        actor
    }
}

impl Ask for ActorRef<Call> {
    async fn ask(&self, message: Message) -> Message {
        call!(self, Call, message).expect("an answer")
    }
}
