//! Who waits for an answer, by what the answer carries: for clients without requests of their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;

use crate::workload::Message;

/// Those who wait.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<Waiters>>);

/// By the task that asks; each asks once at a time.
type Waiters = HashMap<u64, oneshot::Sender<Message>>;

impl Waiting {
    /// Waits for the answer to a message that will be asked.
    pub fn for_answer_to(&self, message: &Message) -> oneshot::Receiver<Message> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().expect("not poisoned").insert(message.publisher, sender);
        receiver
    }

    /// Hands an answer over.
    pub fn answer(&self, answer: Message) {
        let waiter = self.0.lock().expect("not poisoned").remove(&answer.publisher);
        waiter.expect("somebody waits").send(answer).expect("it still does");
    }
}
