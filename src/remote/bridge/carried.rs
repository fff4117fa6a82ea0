//! What a bridge remembers of requests and replies that it has carried.

use parking_lot::Mutex;

use crate::envelope::{ActorAddress, CorrelationId, MessageId, MessageMetadata};
use crate::remote::bridge::recent::Recent;

#[derive(Default)]
pub(crate) struct Carried {
    /// Requests of here, and whether their replies are waited for beyond.
    asked: Mutex<Recent<CorrelationId, bool>>,
    /// Replies to them that have come.
    replies: Mutex<Recent<MessageId, ()>>,
    /// Requests that were imported, and not answered here yet.
    imported: Mutex<Recent<CorrelationId, Asker>>,
}

/// By what a reply is told from the request, and from the request sent on.
struct Asker {
    message_id: MessageId,
    /// Where the reply goes, if the request says it.
    back: Option<ActorAddress>,
}

impl Carried {
    /// A request of here is asked beyond; false if one of the same correlation id is, already.
    pub(crate) fn ask(&self, id: CorrelationId) -> bool {
        self.asked.lock().insert(id, true) != Some(true)
    }

    /// It is over.
    pub(crate) fn end_asking(&self, id: CorrelationId) {
        self.asked.lock().insert(id, false);
    }

    /// A message is imported: if it is a request, its reply will go back. False if it is a reply to a request of
    /// here, and has come before.
    pub(crate) fn import(&self, metadata: &MessageMetadata) -> bool {
        let Some(id) = metadata.correlation_id else { return true };
        if self.asked.lock().get(&id).is_some() {
            return self.replies.lock().insert(metadata.message_id, ()).is_none();
        }
        let back = metadata.reply_to.or(metadata.sender);
        self.imported.lock().insert(id, Asker { message_id: metadata.message_id, back });
        true
    }

    /// Whether a message of here is the reply to a request that was imported. Each has one.
    pub(crate) fn is_reply(&self, metadata: &MessageMetadata) -> bool {
        let Some(id) = metadata.correlation_id else { return false };
        let mut imported = self.imported.lock();
        let is_reply = imported.get(&id).is_some_and(|asker| asker.is_answered_by(metadata));
        if is_reply {
            imported.remove(&id);
        }
        is_reply
    }
}

impl Asker {
    /// As the broker tells it, see `broker::slot`.
    fn is_answered_by(&self, metadata: &MessageMetadata) -> bool {
        if self.message_id == metadata.message_id {
            return false;
        }
        match (metadata.recipient, self.back) {
            (Some(to), Some(back)) => to == back,
            _ => metadata.reply_to.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::MessageEnvelope;

    fn request() -> MessageEnvelope<u64> {
        MessageEnvelope::new(1).with_correlation_id(CorrelationId::new())
    }

    #[test]
    fn the_reply_to_an_imported_request_goes_back_once() {
        let carried = Carried::default();
        let (me, you) = (ActorAddress::new(), ActorAddress::new());
        for request in [request(), request().with_reply_to(me), request().with_sender(me)] {
            let reply = request.reply(2).metadata;
            assert!(!carried.is_reply(&reply), "nothing was imported");
            assert!(carried.import(&request.metadata));
            assert!(carried.import(&request.metadata), "asked once more");
            assert!(!carried.is_reply(&request.metadata), "it is the request itself");
            let mut sent_on = MessageEnvelope::new(1).with_recipient(you).with_reply_to(you);
            sent_on.metadata.correlation_id = request.metadata.correlation_id;
            assert!(!carried.is_reply(&sent_on.metadata), "it is sent on");
            assert!(carried.is_reply(&reply));
            assert!(!carried.is_reply(&reply), "once");
        }
        assert!(carried.import(&MessageEnvelope::new(1).metadata));
    }

    #[test]
    fn a_reply_comes_by_one_way_only() {
        let carried = Carried::default();
        let request = request();
        let id = request.metadata.correlation_id.unwrap();
        let (reply, other) = (request.reply(2), request.reply(3));
        assert!(carried.ask(id));
        assert!(!carried.ask(id), "it is asked already");
        assert!(carried.import(&reply.metadata));
        carried.end_asking(id);
        assert!(!carried.import(&reply.metadata), "it has come");
        assert!(carried.import(&other.metadata), "this has not");
        assert!(!carried.is_reply(&request.reply(4).metadata), "no request was imported");
        assert!(carried.ask(id), "once more");
    }
}
