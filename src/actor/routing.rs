//! The routers of a system: on the bus of a broker of this process tasks, or a pinned [`Router`]; tasks on any
//! other's streams.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::actor::config::RouteOn;
use crate::actor::context::Counted;
use crate::actor::error::SystemError;
use crate::actor::shard::{Overflow, Shard};
use crate::actor::shared::Shared;
use crate::broker::{Message, MessageBroker, MessageStream};
use crate::bus::{Bus, Subscriber, TryRecvError};
use crate::envelope::MessageEnvelope;
use crate::router::{Drain, OnPanic, Router};
use crate::sync::Instant;
use crate::wait::block_on::block_on;

/// The routers of a system.
pub(crate) enum Routing<M> {
    Threads(Router<MessageEnvelope<M>>),
    /// Setting it lets the tasks end once they find nothing more.
    Tasks(watch::Sender<bool>),
}

/// The most messages that a task reads at a time.
const BATCH: usize = 256;

impl<M: Message> Routing<M> {
    pub(crate) async fn start<B: MessageBroker<M>>(
        shared: &Arc<Shared<M, B>>,
    ) -> Result<Self, SystemError<B::Error>> {
        if let Some(local) = shared.broker.local()
            && shared.config.route_on == RouteOn::Threads
        {
            return start_threads(shared, local.bus()).map_err(SystemError::Router);
        }
        let routers = shared.config.routers;
        let (until, _) = watch::channel(false);
        for index in 0..routers {
            let shard = Shard::new(shared, (index, routers));
            let (counted, until) = (Counted::new(shared), until.subscribe());
            if let Some(local) = shared.broker.local() {
                let subscriber = local.bus().subscribe();
                shared.runtime.spawn(async move {
                    let _counted = counted;
                    route_bus(subscriber, shard, until).await;
                });
            } else {
                let stream = shared.broker.subscribe().await.map_err(SystemError::Broker)?;
                shared.runtime.spawn(async move {
                    let _counted = counted;
                    route_stream(stream, shard, until).await;
                });
            }
        }
        Ok(Self::Tasks(until))
    }

    /// Routes what has been published, then ends. Dropped before, ends at once where it can.
    pub(crate) async fn end(self) {
        match self {
            Self::Threads(router) => end_threads(router).await,
            Self::Tasks(until) => {
                until.send_replace(true);
                until.closed().await;
            }
        }
    }
}

/// Ends router threads, on a thread of its own, for that blocks one. (One of tokio's would live on.)
async fn end_threads<T: Send + Sync + 'static>(router: Router<T>) {
    let (done, ended) = oneshot::channel::<()>();
    let end = move || {
        let _done = done;
        drop(router.shutdown(Drain::Yes));
    };
    // Where the system gives no thread, the closure is dropped, and with it the router.
    if let Ok(thread) = std::thread::Builder::new().name("actors-end".into()).spawn(end) {
        // An error: the sender is dropped, which is the sign.
        let _ = ended.await;
        let _ = thread.join();
    }
}

fn start_threads<M: Message, B: MessageBroker<M>>(
    shared: &Arc<Shared<M, B>>,
    bus: &Bus<MessageEnvelope<M>>,
) -> Result<Routing<M>, crate::router::RouterError> {
    let config = &shared.config;
    let router = Router::builder(bus).name(config.name.clone()).threads(config.routers);
    let router = router.pin(config.pin.clone()).wait(config.wait.clone()).start()?;
    for index in 0..config.routers {
        let mut shard = Shard::new(shared, (index, config.routers));
        let strategy = config.wait.clone();
        let wait = move |shard: &mut Shard<M, B>, overflow: Overflow<M>| {
            let deadline = Instant::now().checked_add(overflow.patience);
            let mut waiting = Some(overflow);
            while let Some(overflow) = waiting.take() {
                let room = poll_fn(|cx| shard.poll_room(&overflow, cx));
                if block_on(room, &strategy, deadline).is_none() {
                    shard.give_up(overflow);
                } else {
                    waiting = shard.retry(overflow);
                }
            }
            shard.flush();
        };
        let handler = router.handler(format!("mailboxes-{index}")).on_thread(index);
        handler.on_panic(OnPanic::Continue).try_handle_batch(move |batch| {
            let mut messages = batch.iter();
            while let Some(overflow) = shard.route_batch(&mut messages) {
                wait(&mut shard, overflow);
            }
            shard.flush();
        })?;
    }
    Ok(Routing::Threads(router))
}

/// Routes a stream until it ends, or until it is told to end and finds nothing more.
async fn route_stream<M: Message, B: MessageBroker<M>>(
    mut stream: MessageStream<M>,
    mut shard: Shard<M, B>,
    mut until: watch::Receiver<bool>,
) {
    // The sender is dropped: the system is gone, or in a hurry.
    let is_over = until.clone();
    let mut ends = pin!(until.wait_for(|ends| *ends));
    let (mut is_ending, mut found_nothing) = (false, false);
    while is_over.has_changed().is_ok() {
        let mut receiving = pin!(stream.recv());
        let received = poll_fn(|cx| match receiving.as_mut().poll(cx) {
            Poll::Pending if is_ending => Poll::Ready(Err(())),
            Poll::Pending => ends.as_mut().poll(cx).map(|_| Err(())),
            Poll::Ready(received) => Poll::Ready(Ok(received)),
        });
        let envelope = match received.await {
            Ok(Some(envelope)) => envelope,
            Err(()) if !found_nothing => {
                // The stream may only have let others run.
                (is_ending, found_nothing) = (true, true);
                tokio::task::yield_now().await;
                continue;
            }
            Ok(None) | Err(()) => return,
        };
        found_nothing = false;
        if let Some(overflow) = shard.route_one(envelope) {
            find_room(&mut shard, overflow).await;
        }
        shard.flush();
    }
}

/// Routes what is read in place on a bus, until that is closed, or until it is told to end and finds nothing more.
async fn route_bus<M: Message, B: MessageBroker<M>>(
    mut subscriber: Subscriber<MessageEnvelope<M>>,
    mut shard: Shard<M, B>,
    mut until: watch::Receiver<bool>,
) {
    let (mut ends, mut is_over) = (pin!(until.wait_for(|ends| *ends)), false);
    loop {
        if !is_over {
            is_over = poll_fn(|cx| match subscriber.poll_look(cx) {
                Poll::Pending => ends.as_mut().poll(cx).map(|_| true),
                Poll::Ready(_) => Poll::Ready(false),
            })
            .await;
        }
        match subscriber.try_read(BATCH) {
            Ok(batch) => {
                let mut messages = batch.iter();
                while let Some(overflow) = shard.route_batch(&mut messages) {
                    find_room(&mut shard, overflow).await;
                }
                shard.flush();
            }
            Err(TryRecvError::Empty) if !is_over => {}
            Err(_) => return,
        }
    }
}

/// Waits for room for a message as a task does, and gives up in time.
async fn find_room<M: Message, B: MessageBroker<M>>(
    shard: &mut Shard<M, B>,
    overflow: Overflow<M>,
) {
    let mut waiting = Some(overflow);
    while let Some(overflow) = waiting.take() {
        shard.flush();
        let room = poll_fn(|cx| shard.poll_room(&overflow, cx));
        match timeout(overflow.patience, room).await {
            Ok(()) => waiting = shard.retry(overflow),
            Err(_) => shard.give_up(overflow),
        }
    }
}
