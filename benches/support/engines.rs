//! The engines that are compared, each with room for [`CAPACITY`] messages per reader.
//!
//! All receive one message at a time, cloned or moved out; only [`InPlace`] reads batches where they lie.

use std::{
    future::Future,
    hint::black_box,
    sync::{Arc, RwLock},
};

use stentor::{Batch, Bus, Publisher, RecvError, Subscriber};
use tokio::sync::{broadcast, mpsc};

/// Slots of every ring, and of every bounded queue.
pub const CAPACITY: usize = 1024;

/// The longest batch that is read in place.
const MOST: usize = 64;

/// What can be published.
pub trait Message: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Message for T {}

/// A way to bring every message to every reader.
pub trait Engine<T: Message> {
    const NAME: &'static str;
    /// Publishers do not wait for readers, who may miss messages.
    const IS_LOSSY: bool = false;
    type Publisher: Clone + Send + 'static;
    type Reader: Send + 'static;

    fn open(readers: usize) -> (Self::Publisher, Vec<Self::Reader>);

    /// Publishes; waits for room.
    fn publish(publisher: &Self::Publisher, message: T);

    /// Publishes several: one by one, unless the engine can do better.
    fn publish_batch(publisher: &Self::Publisher, messages: impl ExactSizeIterator<Item = T>) {
        messages.for_each(|message| Self::publish(publisher, message));
    }

    /// Waits for messages and says how many it was given; `None` once all publishers are gone.
    fn recv(reader: &mut Self::Reader) -> Option<u64>;

    /// The same without waiting: 0 where there is nothing.
    fn try_recv(reader: &mut Self::Reader) -> u64;
}

/// The same for tasks.
pub trait TaskEngine<T: Message>: Engine<T> {
    fn publish_async(publisher: &Self::Publisher, message: T) -> impl Future<Output = ()> + Send;

    fn recv_async(reader: &mut Self::Reader) -> impl Future<Output = Option<u64>> + Send;
}

/// A message has arrived.
fn one<T>(message: T) -> u64 {
    black_box(message);
    1
}

/// Sends a message to each of them, the last of which needs no clone.
fn to_each<S, T: Message>(senders: &[S], message: T, send: impl Fn(&S, T)) {
    if let Some((last, others)) = senders.split_last() {
        others.iter().for_each(|sender| send(sender, message.clone()));
        send(last, message);
    }
}

// ===== stentor =====

pub struct Stentor;

/// Stentor, read in place.
pub struct InPlace;

fn open_bus<T: Message>(readers: usize) -> (Publisher<T>, Vec<Subscriber<T>>) {
    let bus = Bus::new(CAPACITY);
    (bus.publisher(), (0..readers).map(|_| bus.subscribe()).collect())
}

fn expect_published<E>(result: Result<(), E>) {
    assert!(result.is_ok(), "the bus is closed");
}

fn count_batch<T>(batch: Result<Batch<'_, T>, RecvError>) -> Option<u64> {
    let batch = batch.ok()?;
    batch.iter().for_each(|message| {
        black_box(message);
    });
    Some(batch.len() as u64)
}

impl<T: Message> Engine<T> for Stentor {
    const NAME: &'static str = "stentor";
    type Publisher = Publisher<T>;
    type Reader = Subscriber<T>;

    fn open(readers: usize) -> (Publisher<T>, Vec<Subscriber<T>>) {
        open_bus(readers)
    }

    fn publish(publisher: &Publisher<T>, message: T) {
        expect_published(publisher.publish(message));
    }

    fn publish_batch(publisher: &Publisher<T>, messages: impl ExactSizeIterator<Item = T>) {
        expect_published(publisher.publish_batch(messages));
    }

    fn recv(reader: &mut Subscriber<T>) -> Option<u64> {
        reader.recv().ok().map(one)
    }

    fn try_recv(reader: &mut Subscriber<T>) -> u64 {
        reader.try_recv().map_or(0, one)
    }
}

impl<T: Message> TaskEngine<T> for Stentor {
    async fn publish_async(publisher: &Publisher<T>, message: T) {
        expect_published(publisher.publish_async(message).await);
    }

    async fn recv_async(reader: &mut Subscriber<T>) -> Option<u64> {
        reader.recv_async().await.ok().map(one)
    }
}

impl<T: Message> Engine<T> for InPlace {
    const NAME: &'static str = "stentor, in place";
    type Publisher = Publisher<T>;
    type Reader = Subscriber<T>;

    fn open(readers: usize) -> (Publisher<T>, Vec<Subscriber<T>>) {
        open_bus(readers)
    }

    fn publish(publisher: &Publisher<T>, message: T) {
        Stentor::publish(publisher, message);
    }

    fn publish_batch(publisher: &Publisher<T>, messages: impl ExactSizeIterator<Item = T>) {
        Stentor::publish_batch(publisher, messages);
    }

    fn recv(reader: &mut Subscriber<T>) -> Option<u64> {
        count_batch(reader.read(MOST))
    }

    fn try_recv(reader: &mut Subscriber<T>) -> u64 {
        reader.try_read(MOST).map_or(0, |batch| count_batch(Ok(batch)).unwrap_or(0))
    }
}

impl<T: Message> TaskEngine<T> for InPlace {
    async fn publish_async(publisher: &Publisher<T>, message: T) {
        Stentor::publish_async(publisher, message).await;
    }

    async fn recv_async(reader: &mut Subscriber<T>) -> Option<u64> {
        count_batch(reader.read_async(MOST).await)
    }
}

// ===== a queue for each reader =====

pub struct Crossbeam;

impl<T: Message> Engine<T> for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";
    type Publisher = Vec<crossbeam_channel::Sender<T>>;
    type Reader = crossbeam_channel::Receiver<T>;

    fn open(readers: usize) -> (Self::Publisher, Vec<Self::Reader>) {
        (0..readers).map(|_| crossbeam_channel::bounded(CAPACITY)).unzip()
    }

    fn publish(senders: &Self::Publisher, message: T) {
        to_each(senders, message, |sender, message| sender.send(message).unwrap());
    }

    fn recv(reader: &mut Self::Reader) -> Option<u64> {
        reader.recv().ok().map(one)
    }

    fn try_recv(reader: &mut Self::Reader) -> u64 {
        reader.try_recv().map_or(0, one)
    }
}

pub struct TokioMpsc;

impl<T: Message> Engine<T> for TokioMpsc {
    const NAME: &'static str = "tokio mpsc";
    type Publisher = Vec<mpsc::Sender<T>>;
    type Reader = mpsc::Receiver<T>;

    fn open(readers: usize) -> (Self::Publisher, Vec<Self::Reader>) {
        (0..readers).map(|_| mpsc::channel(CAPACITY)).unzip()
    }

    fn publish(senders: &Self::Publisher, message: T) {
        to_each(senders, message, |sender, message| sender.blocking_send(message).unwrap());
    }

    fn recv(reader: &mut Self::Reader) -> Option<u64> {
        reader.blocking_recv().map(one)
    }

    fn try_recv(reader: &mut Self::Reader) -> u64 {
        reader.try_recv().map_or(0, one)
    }
}

impl<T: Message> TaskEngine<T> for TokioMpsc {
    async fn publish_async(senders: &Self::Publisher, message: T) {
        let Some((last, others)) = senders.split_last() else { return };
        for sender in others {
            sender.send(message.clone()).await.unwrap();
        }
        last.send(message).await.unwrap();
    }

    async fn recv_async(reader: &mut Self::Reader) -> Option<u64> {
        reader.recv().await.map(one)
    }
}

/// The reference design: a lock, and for each subscriber a clone and an unbounded queue.
pub struct Reference;

impl<T: Message> Engine<T> for Reference {
    const NAME: &'static str = "RwLock<Vec<UnboundedSender>>";
    type Publisher = Arc<RwLock<Vec<mpsc::UnboundedSender<T>>>>;
    type Reader = mpsc::UnboundedReceiver<T>;

    fn open(readers: usize) -> (Self::Publisher, Vec<Self::Reader>) {
        let (senders, readers) = (0..readers).map(|_| mpsc::unbounded_channel()).unzip();
        (Arc::new(RwLock::new(senders)), readers)
    }

    fn publish(senders: &Self::Publisher, message: T) {
        let senders = senders.read().unwrap();
        to_each(&senders, message, |sender, message| sender.send(message).unwrap());
    }

    fn recv(reader: &mut Self::Reader) -> Option<u64> {
        reader.blocking_recv().map(one)
    }

    fn try_recv(reader: &mut Self::Reader) -> u64 {
        reader.try_recv().map_or(0, one)
    }
}

impl<T: Message> TaskEngine<T> for Reference {
    async fn publish_async(senders: &Self::Publisher, message: T) {
        Self::publish(senders, message);
    }

    async fn recv_async(reader: &mut Self::Reader) -> Option<u64> {
        reader.recv().await.map(one)
    }
}

// ===== a ring that overruns slow readers =====

pub struct TokioBroadcast;

fn count_broadcast<T>(received: Result<T, broadcast::error::RecvError>) -> Option<u64> {
    match received {
        Ok(message) => Some(one(message)),
        Err(broadcast::error::RecvError::Lagged(_)) => Some(0),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

impl<T: Message> Engine<T> for TokioBroadcast {
    const NAME: &'static str = "tokio broadcast (lossy)";
    const IS_LOSSY: bool = true;
    type Publisher = broadcast::Sender<T>;
    type Reader = broadcast::Receiver<T>;

    fn open(readers: usize) -> (Self::Publisher, Vec<Self::Reader>) {
        let sender = broadcast::Sender::new(CAPACITY);
        let readers = (0..readers).map(|_| sender.subscribe()).collect();
        (sender, readers)
    }

    fn publish(sender: &Self::Publisher, message: T) {
        // It fails only when all readers are gone, who stay until the end.
        let _ = sender.send(message);
    }

    fn recv(reader: &mut Self::Reader) -> Option<u64> {
        count_broadcast(reader.blocking_recv())
    }

    fn try_recv(reader: &mut Self::Reader) -> u64 {
        reader.try_recv().map_or(0, one)
    }
}

impl<T: Message> TaskEngine<T> for TokioBroadcast {
    async fn publish_async(sender: &Self::Publisher, message: T) {
        Self::publish(sender, message);
    }

    async fn recv_async(reader: &mut Self::Reader) -> Option<u64> {
        count_broadcast(reader.recv().await)
    }
}
