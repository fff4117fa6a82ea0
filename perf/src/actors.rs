//! What an actor library has to say about itself, and the books that its actors keep.

use std::{
    future::Future,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::runtime::{Builder, Runtime};

use crate::{
    contract::{Answer, Ask},
    crew::OnLoan,
    workload::{Ledger, Message},
};

/// An actor library. Its actors enter what they are told in their [`Books`], and answer what they are asked with
/// [`Message::answer`].
pub trait Actors: 'static {
    /// What actors are spawned in.
    type System: Clone + Send + Sync + 'static;
    /// What an actor is told and asked with.
    type Address: Tell + Ask;

    /// Runs a future as a task on this thread, with a runtime on which actors can be spawned.
    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let runtime = one_thread();
        runtime.block_on(async { tokio::spawn(future).await.expect("the task has failed") })
    }

    /// Makes the system, on the runtime that this is called on.
    fn system() -> impl Future<Output = Self::System> + Send;

    /// Spawns an actor, with a mailbox of [`crate::workload::CAPACITY`] where it is bounded.
    fn spawn(system: &Self::System, books: Books) -> impl Future<Output = Self::Address> + Send;

    /// Stops an actor, and waits for its end.
    fn stop(system: &Self::System, actor: Self::Address) -> impl Future<Output = ()> + Send;
}

/// A runtime for the thread that it is made on.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Tells an actor something.
pub trait Tell: Clone + Send + Sync + 'static {
    /// Tells it; waits for room, where the mailbox is bounded.
    fn tell(&self, message: Message) -> impl Future<Output = ()> + Send;
}

/// An actor of the library `C` that is asked.
pub struct Asked<C>(PhantomData<C>);

impl<C: Actors> Answer for Asked<C> {
    type Asker = Asker<C>;

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        C::run(future)
    }

    async fn start() -> Self::Asker {
        let system = C::system().await;
        let actor = C::spawn(&system, Books::default()).await;
        Asker { system, actor }
    }
}

/// Asks an actor, and keeps its system.
pub struct Asker<C: Actors> {
    /// The system.
    system: C::System,
    /// The actor.
    actor: C::Address,
}

impl<C: Actors> Clone for Asker<C> {
    fn clone(&self) -> Self {
        Self { system: self.system.clone(), actor: self.actor.clone() }
    }
}

impl<C: Actors> Ask for Asker<C> {
    async fn ask(&self, message: Message) -> Message {
        self.actor.ask(message).await
    }
}

/// The books of an actor: what it was told, until the last message of each teller. Without a ledger they hold
/// nothing.
#[derive(Default)]
pub struct Books {
    /// What it was told.
    told: Option<Box<Told>>,
    /// How many actors have ended.
    ended: Option<Arc<AtomicU64>>,
}

/// What an actor was told.
struct Told {
    /// The ledger; handed in when nobody tells it anything more.
    ledger: OnLoan<Ledger>,
    /// How many have not told it their last message yet.
    tellers: usize,
}

impl Books {
    /// Books that are closed after the last message of so many tellers.
    pub fn new(ledger: OnLoan<Ledger>, tellers: usize) -> Self {
        Self { told: Some(Box::new(Told { ledger, tellers })), ended: None }
    }

    /// Books that count the actors that have ended.
    pub fn counted(ended: &Arc<AtomicU64>) -> Self {
        Self { told: None, ended: Some(Arc::clone(ended)) }
    }

    /// Enters a message.
    #[inline]
    pub fn enter(&mut self, message: &Message) {
        if message.is_last() {
            self.close();
        } else if let Some(told) = &mut self.told {
            told.ledger.take(message);
        }
    }

    /// One teller is through; after the last of them, hands the ledger in.
    #[cold]
    fn close(&mut self) {
        if let Some(told) = &mut self.told {
            told.tellers -= 1;
            if told.tellers == 0 {
                self.told = None;
            }
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        if let Some(ended) = &self.ended {
            // Release: whoever sees the count knows that these actors are gone.
            ended.fetch_add(1, Ordering::Release);
        }
    }
}
