//! redis: Streams with a group that acknowledges each batch it has read, and requests made of them.

use redis::{
    AsyncConnectionConfig, Client as Redis,
    aio::MultiplexedConnection,
    cmd, pipe,
    streams::{StreamId, StreamReadReply},
};

use super::{
    redis::{ANSWERS, connect, frame, message_of, subscribe},
    waiting::Waiting,
};
use crate::{
    contract::{Ask, PublishAsync, ReceiveAsync},
    remote::{Backend, Remote},
    workload::{Message, READ, Sink},
};

/// The stream.
const STREAM: &str = "perf";
/// The group.
const GROUP: &str = "perf";
/// The field of an entry that has the frame.
const FIELD: &str = "f";
/// How long the server waits for entries, in milliseconds.
const BLOCK: u64 = 500;

/// The client.
pub struct Client;

/// What publishes: it waits until the server has written a message down.
#[derive(Clone)]
pub struct Publisher(MultiplexedConnection);

/// A member of the group.
pub struct Member {
    /// The connection on which it waits for entries.
    reading: MultiplexedConnection,
    /// The one on which it acknowledges them.
    acknowledging: MultiplexedConnection,
}

/// What asks: it listens to answers by Pub/Sub.
#[derive(Clone)]
pub struct Asker {
    /// What publishes.
    connection: MultiplexedConnection,
    /// Who waits.
    waiting: Waiting,
}

impl Member {
    /// Makes the group and joins it.
    async fn join(url: &str) -> Self {
        let mut acknowledging = connect(url).await;
        let mut group = cmd("XGROUP");
        group.arg("CREATE").arg(STREAM).arg(GROUP).arg("$").arg("MKSTREAM");
        group.query_async::<()>(&mut acknowledging).await.expect("a group");
        let client = Redis::open(url).expect("a url");
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let reading = client.get_multiplexed_async_connection_with_config(&config).await;
        Self { reading: reading.expect("a connection"), acknowledging }
    }

    /// Waits for entries; none if none came in time.
    async fn read(&mut self) -> Vec<StreamId> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("member").arg("COUNT").arg(READ).arg("BLOCK").arg(BLOCK);
        read.arg("STREAMS").arg(STREAM).arg(">");
        let reply: Option<StreamReadReply> =
            read.query_async(&mut self.reading).await.expect("it is connected");
        reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect()
    }

    /// Acknowledges them.
    async fn acknowledge(&mut self, entries: &[StreamId]) {
        if entries.is_empty() {
            return;
        }
        let mut ack = cmd("XACK");
        ack.arg(STREAM).arg(GROUP);
        entries.iter().for_each(|entry| {
            ack.arg(&entry.id);
        });
        ack.query_async::<u64>(&mut self.acknowledging).await.expect("it is connected");
    }
}

impl Remote for Client {
    const BACKEND: Backend = Backend::RedisStreams;
    type Publisher = Publisher;
    type Subscriber = Member;
    type Asker = Asker;

    async fn open(url: &str) -> (Publisher, Member) {
        (Publisher(connect(url).await), Member::join(url).await)
    }

    async fn answer(url: &str) -> Asker {
        let (mut replier, mut member) = (connect(url).await, Member::join(url).await);
        let waiting = Waiting::default();
        subscribe(url, ANSWERS).await.hand_to(waiting.clone());
        tokio::spawn(async move {
            loop {
                let entries = member.read().await;
                for entry in &entries {
                    reply(&mut replier, &message_of(&entry.map[FIELD])).await;
                }
                member.acknowledge(&entries).await;
            }
        });
        Asker { connection: connect(url).await, waiting }
    }
}

/// Replies to a request, unless it is an answer itself: writes it down, and tells who waits.
async fn reply(connection: &mut MultiplexedConnection, request: &Message) {
    if request.is_answer() {
        return;
    }
    let frame = frame(&request.answer());
    let mut both = pipe();
    both.cmd("XADD").arg(STREAM).arg("*").arg(FIELD).arg(&frame);
    both.cmd("PUBLISH").arg(ANSWERS).arg(&frame);
    both.query_async::<(String, u64)>(connection).await.expect("it is connected");
}

/// Publishes.
async fn publish(connection: &mut MultiplexedConnection, message: &Message) {
    let mut add = cmd("XADD");
    add.arg(STREAM).arg("*").arg(FIELD).arg(frame(message));
    add.query_async::<String>(connection).await.expect("it is connected");
}

impl PublishAsync for Publisher {
    async fn publish(&mut self, message: Message) {
        publish(&mut self.0, &message).await;
    }
}

impl ReceiveAsync for Member {
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let entries = self.read().await;
        entries.iter().for_each(|entry| sink.take(&message_of(&entry.map[FIELD])));
        self.acknowledge(&entries).await;
        true
    }
}

impl Ask for Asker {
    async fn ask(&self, message: Message) -> Message {
        let answer = self.waiting.for_answer_to(&message);
        publish(&mut self.connection.clone(), &message).await;
        answer.await.expect("an answer")
    }
}
