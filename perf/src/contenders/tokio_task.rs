//! A task of tokio's with a bounded queue: what an actor is without a library.

use tokio::{
    sync::{
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    task::JoinHandle,
};

use crate::{
    actors::{Actors, Books, Tell},
    contract::Ask,
    entry::Entry,
    workload::{CAPACITY, Message, READ},
};

/// Its entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("tokio-task", "a task with a bounded queue, recv, a oneshot channel per ask")
            .actors::<OneByOne>(),
        Entry::new("tokio-task-many", "the same, recv_many").actors::<Many>(),
    ]
}

/// What a task is sent.
enum Sent {
    /// Something it is told.
    Told(Message),
    /// Something it is asked.
    Asked(Message, oneshot::Sender<Message>),
}

impl Sent {
    /// Handles it.
    #[inline(always)]
    fn handle(self, books: &mut Books) {
        match self {
            Self::Told(message) => books.enter(&message),
            Self::Asked(message, reply) => {
                reply.send(message.answer()).expect("somebody waits for it");
            }
        }
    }
}

/// A task that takes messages one by one.
struct OneByOne;

/// A task that takes all that are there.
struct Many;

/// A task; it ends when the last sender is gone.
pub struct Task {
    /// Its queue.
    queue: Sender<Sent>,
    /// The task, with the first address of it.
    handle: Option<JoinHandle<()>>,
}

impl Clone for Task {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), handle: None }
    }
}

impl Task {
    /// Ends it.
    async fn stop(self) {
        drop(self.queue);
        self.handle.expect("the first address").await.expect("the task has failed");
    }
}

impl Actors for OneByOne {
    type System = ();
    type Address = Task;

    async fn system() {}

    async fn spawn((): &(), mut books: Books) -> Task {
        let (queue, mut sent) = channel::<Sent>(CAPACITY);
        let handle = tokio::spawn(async move {
            while let Some(sent) = sent.recv().await {
                sent.handle(&mut books);
            }
        });
        Task { queue, handle: Some(handle) }
    }

    async fn stop((): &(), task: Task) {
        task.stop().await;
    }
}

impl Actors for Many {
    type System = ();
    type Address = Task;

    async fn system() {}

    async fn spawn((): &(), books: Books) -> Task {
        let (queue, sent) = channel(CAPACITY);
        Task { queue, handle: Some(tokio::spawn(handle_many(sent, books))) }
    }

    async fn stop((): &(), task: Task) {
        task.stop().await;
    }
}

/// The task that takes all that are there.
async fn handle_many(mut sent: Receiver<Sent>, mut books: Books) {
    let mut batch = Vec::new();
    while sent.recv_many(&mut batch, READ).await > 0 {
        batch.drain(..).for_each(|sent| sent.handle(&mut books));
    }
}

impl Tell for Task {
    async fn tell(&self, message: Message) {
        self.queue.send(Sent::Told(message)).await.expect("the task lives");
    }
}

impl Ask for Task {
    async fn ask(&self, message: Message) -> Message {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Sent::Asked(message, reply)).await.expect("the task lives");
        answer.await.expect("an answer")
    }
}
