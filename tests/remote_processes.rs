//! More than one process on one server: actors ask each other, and a member of a group that is killed leaves its
//! work to others.

mod servers;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use servers::Server;
use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Drain, JetStream, MessageBroker,
    MessageEnvelope, NatsMessageBroker, RedisMessageBroker, RedisStreams, RemoteSubscribe,
    ReplayFrom, SystemConfig,
};
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(100);

/// Where the server of the tests in the other process is.
const URL: &str = "STENTOR_TEST_URL";

// ===== the other process =====

/// Another process: this test program, told to run one test alone, which then is the other process.
struct Other {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Other {
    fn start(test: &str, server: &Server) -> Self {
        let program = std::env::current_exe().expect("its own path");
        let mut process = Command::new(program)
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(URL, server.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let lines = BufReader::new(process.stdout.take().expect("its output"));
        Self { process, lines }
    }

    /// The rest of the next line that begins so.
    fn hear(&mut self, beginning: &str) -> String {
        for line in self.lines.by_ref().lines() {
            let line = line.expect("a line");
            // The test harness writes on the same line.
            if let Some((_, rest)) = line.split_once(beginning) {
                return rest.to_owned();
            }
        }
        panic!("the other process has ended, and said nothing of {beginning:?}")
    }

    /// As `kill -9` does it.
    fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// Tells it to end by closing its input; it must end well.
    fn end(mut self) {
        drop(self.process.stdin.take());
        while self.lines.by_ref().lines().next().is_some() {}
        assert!(self.process.wait().expect("it ends").success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn url() -> String {
    std::env::var(URL).expect("this test is the other process of another test")
}

/// Ready when the first process is, or wants this one to end.
async fn until_told() {
    let reading = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    reading.await.expect("a thread").expect("the input");
}

// ===== actors =====

/// Adds what it has. Whoever asks it with 0 is asked back: it asks the sender for more. What is more than it asks
/// for is an answer, which it does not answer.
struct Counter(u64);

const MORE: u64 = 5;

impl<B: MessageBroker<u64>> Actor<u64, B> for Counter {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        if envelope.message > MORE {
            return;
        }
        let mut sum = self.0 + envelope.message;
        if let (0, Some(asker)) = (envelope.message, envelope.metadata.sender) {
            let more = ctx.request::<u64>(asker, MORE, PATIENCE).await;
            sum += more.expect("the asker answers").message;
        }
        let _ = ctx.reply(&envelope, sum).await;
    }
}

/// Asks another actor when it is told to, and answers others meanwhile.
struct Asker(ActorAddress);

impl<B: MessageBroker<u64>> Actor<u64, B> for Asker {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        let answer = ctx.request::<u64>(self.0, envelope.message, PATIENCE).await;
        let _ = ctx.reply(&envelope, answer.expect("it is answered").message).await;
    }
}

/// The other process: one actor, until it is told to end.
async fn be_the_other_system<B: MessageBroker<u64>>(broker: B) {
    let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
    let counter = system.spawn("counter", Counter(40)).unwrap();
    println!("address: {counter}");
    until_told().await;
    let report = system.shutdown(Drain::Within(PATIENCE)).await;
    println!("handled: {}", report.actor("counter").unwrap().handled);
}

/// Asks the other process, from outside and from an actor, and is asked back.
async fn two_systems_ask_each_other<B: MessageBroker<u64>>(broker: B, test: &str, server: &Server) {
    let mut other = Other::start(test, server);
    let there: ActorAddress = other.hear("address: ").parse().expect("an address");
    let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
    let answer = system.request::<u64>(there, 2, PATIENCE).await.unwrap();
    assert_eq!(answer.message, 42);
    assert_eq!(answer.metadata.sender, Some(there));
    let asker = system.spawn("asker", Asker(there)).unwrap();
    let answer = system.request::<u64>(asker, 3, PATIENCE).await.unwrap();
    assert_eq!(answer.message, 43);
    // Nobody here is buried for being there, or the other way round.
    assert_eq!(system.metrics().dead_letters, 0);
    let report = system.shutdown(Drain::Within(PATIENCE)).await;
    assert_eq!(report.actor("asker").unwrap().handled, 1);
    drop(other.process.stdin.take());
    assert_eq!(other.hear("handled: "), "2");
    other.end();
}

/// Asks the other process something that it answers only once it has asked this one.
async fn the_other_asks_back<B: MessageBroker<u64>>(broker: B, test: &str, server: &Server) {
    let mut other = Other::start(test, server);
    let there: ActorAddress = other.hear("address: ").parse().expect("an address");
    let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
    let here = system.spawn("here", Counter(100)).unwrap();
    let request = MessageEnvelope::new(0).with_recipient(there).with_sender(here);
    let request = request.with_correlation_id(stentor::CorrelationId::new());
    let broker = system.broker().clone();
    let answer = broker.publish_request::<u64>(request, PATIENCE).await.unwrap().expect("in time");
    // 40 of there, and 100 + 5 of here.
    assert_eq!(answer.message, 145);
    let report = system.shutdown(Drain::Within(PATIENCE)).await;
    // What it was asked; and the answer, for it was asked in its name, unless the end came first.
    let handled = report.actor("here").unwrap().handled;
    assert!([1, 2].contains(&handled), "{handled} handled");
    other.end();
}

// ===== a member that is killed =====

/// How many messages it acknowledges before it stands still.
const HANDLED: u64 = 30;
const COUNT: u64 = 100;

fn workers() -> RemoteSubscribe {
    RemoteSubscribe::new().group("workers").from(ReplayFrom::Oldest)
}

const AGAIN_AFTER: Duration = Duration::from_secs(1);

async fn core(url: String) -> NatsMessageBroker<u64> {
    NatsMessageBroker::<u64>::builder(url).connect().await.unwrap()
}

async fn jetstream(url: String) -> NatsMessageBroker<u64> {
    let log = JetStream::new("LOG").ack_wait(AGAIN_AFTER);
    NatsMessageBroker::<u64>::builder(url).jetstream(log).connect().await.unwrap()
}

async fn pubsub(url: String) -> RedisMessageBroker<u64> {
    RedisMessageBroker::<u64>::builder(url).connect().await.unwrap()
}

async fn streams(url: String) -> RedisMessageBroker<u64> {
    let streams = RedisStreams::new().claim_after(AGAIN_AFTER);
    RedisMessageBroker::<u64>::builder(url).streams(streams).connect().await.unwrap()
}

macro_rules! tests {
    ($mode:ident, $server:expr $(, written_down: $crash:ident)?) => {
        mod $mode {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn actors_of_two_processes_ask_each_other() {
                let server = $server;
                let other = concat!(stringify!($mode), "::the_other_system");
                two_systems_ask_each_other($mode(server.url()).await, other, &server).await;
                the_other_asks_back($mode(server.url()).await, other, &server).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "the other process of a test"]
            async fn the_other_system() {
                be_the_other_system($mode(url()).await).await;
            }

            $(
                /// Killed between handling and acknowledging: what it had not acknowledged is handled here, what it had
                /// is not handled again.
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $crash() {
                    let server = $server;
                    let broker = $mode(server.url()).await;
                    for number in 0..COUNT {
                        broker.publish(MessageEnvelope::new(number)).await.unwrap();
                    }
                    let other = concat!(stringify!($mode), "::the_other_member");
                    let mut other = Other::start(other, &server);
                    let (mut there, mut here) = (BTreeSet::new(), BTreeSet::new());
                    for _ in 0..HANDLED {
                        there.insert(other.hear("handled and acknowledged: ").parse().unwrap());
                    }
                    let in_hand: u64 = other.hear("in hand: ").parse().unwrap();
                    other.kill();
                    let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                    while ((there.len() + here.len()) as u64) < COUNT {
                        let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                        let delivery = next.expect("a stream");
                        let number = delivery.envelope.message;
                        assert!(!there.contains(&number), "{number} is handled again");
                        if number == in_hand {
                            assert!(delivery.is_redelivered());
                        }
                        here.insert(number);
                        delivery.ack_confirmed().await.unwrap();
                    }
                    assert!(here.contains(&in_hand));
                    assert_eq!(&there | &here, (0..COUNT).collect());
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "the other process of a test"]
                async fn the_other_member() {
                    let broker = $mode(url()).await;
                    let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                    for _ in 0..HANDLED {
                        let delivery = stream.recv().await.unwrap();
                        let number = delivery.envelope.message;
                        delivery.ack_confirmed().await.unwrap();
                        println!("handled and acknowledged: {number}");
                    }
                    let delivery = stream.recv().await.unwrap();
                    println!("in hand: {}", delivery.envelope.message);
                    until_told().await;
                    panic!("it should have been killed before");
                }
            )?
        }
    };
}

tests!(core, Server::nats());
tests!(jetstream, Server::nats(), written_down: what_a_killed_member_leaves_is_handled);
tests!(pubsub, Server::redis());
tests!(streams, Server::redis(), written_down: what_a_killed_member_leaves_is_handled);
