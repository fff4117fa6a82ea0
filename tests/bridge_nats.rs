//! Bridges over a real `nats-server`: three processes as one bus, requests, a server that goes away and comes back.

mod bridging;
mod servers;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use bridging::{
    Broker, PATIENCE, about, all_is_exported, answer, broker, broker_of, end, next, numbers,
    numbers_before, sums, until,
};
use servers::Server;
use stentor::{
    Backoff, Bridge, BridgePolicy, BridgeStats, ConnectionState, CorrelationId, JetStream,
    MessageBroker, MessageEnvelope, NatsBuilder, NatsMessageBroker, Outage, RemoteConfig,
    RemoteSubscribe, ReplayFrom, SubscribeOptions,
};
use tokio::time::timeout;

type Nats = NatsMessageBroker<u64>;

fn config() -> RemoteConfig {
    RemoteConfig {
        outage: Outage::Wait(Duration::from_millis(200)),
        confirm: Duration::from_secs(2),
        ping_interval: Duration::from_millis(200),
        backoff: Backoff { first: Duration::from_millis(10), most: Duration::from_millis(200) },
        ..RemoteConfig::default()
    }
}

fn at(server: &Server) -> NatsBuilder<u64> {
    Nats::builder(server.url()).config(config())
}

async fn connect(server: &Server) -> Nats {
    at(server).connect().await.unwrap()
}

// ===== while all is well =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rings_are_one_bus() {
    const EACH: u64 = 1_000;
    let server = Server::nats();
    let (left, right) = (broker(), broker());
    let remotes = [connect(&server).await, connect(&server).await];
    let mut bridges = Vec::new();
    for (ring, remote) in [&left, &right].into_iter().zip(&remotes) {
        let bridge = Bridge::builder(ring.clone(), remote.clone()).share("orders.>");
        bridges.push(bridge.policy(BridgePolicy::Block).start().await.unwrap());
    }
    let mut streams = [left.subscribe().await.unwrap(), right.subscribe().await.unwrap()];
    // What is of no pattern does not even come over the wire.
    let outsider = connect(&server).await;
    outsider.publish(about("news", 9_999)).await.unwrap();
    for number in 0..EACH {
        left.publish(about("orders.left", number)).await.unwrap();
        right.publish(about("orders.right", 1 << 32 | number)).await.unwrap();
    }
    for stream in &mut streams {
        let mut next_of = [0, 0];
        for number in numbers(stream, 2 * EACH as usize).await {
            let (from, number) = ((number >> 32) as usize, number as u32 as u64);
            assert_eq!(number, next_of[from], "of ring {from}");
            next_of[from] += 1;
        }
    }
    for (bridge, remote) in bridges.into_iter().zip(remotes) {
        let stats = until(&bridge, |stats| stats.dropped.echoes == EACH).await;
        assert_eq!(stats.remote, Some(ConnectionState::Connected));
        assert_eq!(remote.metrics().received, 2 * EACH, "its own and the other's");
        let stats = end(bridge).await;
        assert_eq!((stats.exported, stats.imported), (EACH, EACH));
        assert_eq!((stats.dropped.on_export(), stats.dropped.lagged), (0, 0));
    }
}

/// With a confirmation for each, many are in flight, and keep their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_in_flight_keep_their_order() {
    const COUNT: u64 = 5_000;
    let server = Server::nats();
    for remote in
        [at(&server).flush_each(), at(&server).prefix("log").jetstream(JetStream::new("LOG"))]
    {
        let remote = remote.connect().await.unwrap();
        let mut there = remote.subscribe().await.unwrap();
        let local = broker();
        let bridge = Bridge::builder(local.clone(), remote).export(">").policy(BridgePolicy::Block);
        let bridge = bridge.start().await.unwrap();
        let publishing = tokio::spawn(async move {
            for number in 0..COUNT {
                local.publish(about("numbers", number)).await.unwrap();
            }
        });
        assert!(numbers(&mut there, COUNT as usize).await.into_iter().eq(0..COUNT));
        publishing.await.unwrap();
        assert_eq!(end(bridge).await.exported, COUNT);
    }
}

/// Who is not there when a message is published gets it later, and one that was not handled again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_imports_what_was_written_down() {
    let server = Server::nats();
    let remote = at(&server).jetstream(JetStream::new("LOG")).connect().await.unwrap();
    let group = || RemoteSubscribe::new().group("rings").from(ReplayFrom::Oldest);
    for number in 0..10 {
        remote.publish(about("a", number)).await.unwrap();
    }
    let mut seen = Vec::new();
    for round in 1..=2 {
        let local = broker();
        let mut here = local.subscribe().await.unwrap();
        let stream = remote.subscribe_with(group()).await.unwrap();
        let bridge =
            Bridge::builder(local, remote.clone()).import_from(stream).start().await.unwrap();
        seen.extend(numbers(&mut here, 10).await);
        until(&bridge, |stats| stats.imported == 10).await;
        // The last is handled when the next is asked for, which the bridge has done by then or not.
        let _ = end(bridge).await;
        for number in 10 * round..10 * (round + 1) {
            remote.publish(about("a", number)).await.unwrap();
        }
    }
    seen.dedup();
    assert!(seen.is_sorted() && (0..19).all(|number| seen.contains(&number)), "{seen:?}");
}

// ===== requests =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_over_the_server() {
    let server = Server::nats();
    let (left, right) = (broker(), broker());
    let asks = Bridge::builder(left.clone(), connect(&server).await).export("sums.>");
    let asks = asks.start().await.unwrap();
    let answers = Bridge::builder(right.clone(), connect(&server).await).import("sums.>");
    let answers = answers.start().await.unwrap();
    let answering = answer(&right, sums(&right), 20);
    for number in 0..20 {
        let mut request = about("sums.of", number);
        if number % 2 == 1 {
            request = request.with_correlation_id(CorrelationId::new());
        }
        let reply = left.request::<u64>(request, PATIENCE).await.unwrap();
        assert_eq!(reply.message, number + 1);
    }
    answering.await.unwrap();
    assert_eq!(end(answers).await.exported, 20);
    // Without a bridge: who is on the server answers.
    let plain = connect(&server).await;
    let topic = RemoteSubscribe::new().topic("sums.>").unwrap();
    let answering = answer(&plain, plain.subscribe_with(topic).await.unwrap(), 1);
    let reply = left.request::<u64>(about("sums.of", 41), PATIENCE).await.unwrap();
    assert_eq!(reply.message, 42);
    answering.await.unwrap();
    let stats = end(asks).await;
    assert_eq!((stats.exported, stats.answered, stats.imported), (21, 21, 21));
}

/// Those here may still answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_nobody_hears_beyond_waits_for_those_here() {
    let server = Server::nats();
    let local = broker();
    let bridge = Bridge::builder(local.clone(), connect(&server).await).export("sums.>");
    let bridge = bridge.start().await.unwrap();
    let mut requests = sums(&local);
    let asking = tokio::spawn({
        let local = local.clone();
        async move { local.request::<u64>(about("sums.of", 1), PATIENCE).await }
    });
    let request = next(&mut requests).await;
    until(&bridge, |stats| stats.exported == 1 && stats.asking == 0).await;
    local.publish(request.reply(2)).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap().message, 2);
    let stats = end(bridge).await;
    assert_eq!((stats.answered, stats.dropped.on_export()), (0, 0));
}

// ===== the server goes away =====

async fn until_lost(bridge: &Bridge) {
    until(bridge, |stats| stats.remote == Some(ConnectionState::Reconnecting)).await;
}

/// Killed three times, and restarted: nothing is lost, the order is kept, nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_block_nothing_is_lost_when_the_server_is_killed() {
    const COUNT: u64 = 400;
    let mut server = Server::nats();
    let remote = at(&server).jetstream(JetStream::new("LOG")).connect().await.unwrap();
    let local = broker_of(64);
    let bridge = Bridge::builder(local.clone(), remote.clone()).export("a").in_flight(1);
    let bridge = bridge.policy(BridgePolicy::Block).start().await.unwrap();
    for number in 0..COUNT {
        if number % 100 == 50 {
            tokio::task::block_in_place(|| server.kill());
            until_lost(&bridge).await;
            // The ring has room for some.
            local.publish(about("a", number)).await.unwrap();
            tokio::task::block_in_place(|| server.start());
        } else {
            timeout(PATIENCE, local.publish(about("a", number))).await.expect("room").unwrap();
        }
    }
    let stats = end(bridge).await;
    assert_eq!((stats.exported, stats.dropped), (COUNT, Default::default()));
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut written = remote.subscribe_with(oldest).await.unwrap();
    remote.publish(about("a", COUNT)).await.unwrap();
    assert!(numbers_before(&mut written, COUNT).await.into_iter().eq(0..COUNT));
}

/// The same with many in flight: nothing is lost, and nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_many_in_flight_nothing_is_lost_either() {
    const COUNT: u64 = 3_000;
    let mut server = Server::nats();
    let remote = at(&server).jetstream(JetStream::new("LOG")).connect().await.unwrap();
    let local = broker_of(64);
    let bridge = Bridge::builder(local.clone(), remote.clone()).export("a");
    let bridge = bridge.policy(BridgePolicy::Block).start().await.unwrap();
    all_is_exported(local, bridge, COUNT, || server.restart()).await;
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut written = remote.subscribe_with(oldest).await.unwrap();
    remote.publish(about("a", COUNT)).await.unwrap();
    let written = numbers_before(&mut written, COUNT).await;
    assert_eq!(written.len() as u64, COUNT, "nothing is there twice");
    assert_eq!(written.into_iter().collect::<HashSet<_>>().len() as u64, COUNT);
}

/// Every message has one entry: the remote broker has taken it, or it is counted as lost.
fn balance(stats: &BridgeStats, published: u64) {
    let entries = stats.exported + stats.dropped.lagged + stats.dropped.on_export();
    assert_eq!(entries, published, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_drop_oldest_nobody_waits_for_a_server_that_is_gone() {
    const COUNT: u64 = 2_000;
    let mut server = Server::nats();
    let remote = at(&server).flush_each().connect().await.unwrap();
    let (local, reader) = (broker_of(64), connect(&server).await);
    let mut there = reader.subscribe().await.unwrap();
    let bridge = Bridge::builder(local.clone(), remote).export("a").start().await.unwrap();
    for number in 0..10 {
        local.publish(about("a", number)).await.unwrap();
    }
    until(&bridge, |stats| stats.exported == 10).await;
    tokio::task::block_in_place(|| server.kill());
    until_lost(&bridge).await;
    for number in 10..COUNT {
        timeout(PATIENCE, local.publish(about("a", number))).await.expect("no wait").unwrap();
    }
    tokio::task::block_in_place(|| server.start());
    let mut state = reader.state();
    state.wait_for(|state| *state == ConnectionState::Connected).await.unwrap();
    // Until its subscription is there again, too: the bridge comes back in its own time.
    let stats = end(bridge).await;
    balance(&stats, COUNT);
    assert!(stats.dropped.lagged > 0);
    let late = connect(&server).await;
    while late.publish(about("a", COUNT)).await.is_err() {}
    late.flush().await.unwrap();
    let seen = numbers_before(&mut there, COUNT).await;
    assert!(seen.is_sorted() && seen.starts_with(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), "{seen:?}");
    assert!(seen.len() as u64 <= stats.exported + stats.dropped.unconfirmed, "{seen:?}");
}

/// Stopped for longer than the ping interval: what is published meanwhile waits in the ring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_nothing_with_block() {
    const COUNT: u64 = 100;
    let server = Server::nats();
    let remote = at(&server).flush_each().connect().await.unwrap();
    let local = broker_of(256);
    let reader = connect(&server).await;
    let mut there = reader.subscribe().await.unwrap();
    let bridge = Bridge::builder(local.clone(), remote).export("a");
    let bridge = bridge.policy(BridgePolicy::Block).start().await.unwrap();
    local.publish(about("a", 0)).await.unwrap();
    until(&bridge, |stats| stats.exported == 1).await;
    server.freeze();
    for number in 1..COUNT {
        local.publish(about("a", number)).await.unwrap();
    }
    until_lost(&bridge).await;
    server.thaw();
    let stats = end(bridge).await;
    assert_eq!((stats.exported, stats.dropped), (COUNT, Default::default()));
    assert!(stats.retries > 0);
    // The reader may have missed some while it was reconnecting; nothing else.
    let last = connect(&server).await;
    last.publish(about("a", COUNT)).await.unwrap();
    last.flush().await.unwrap();
    let seen: HashSet<u64> = numbers_before(&mut there, COUNT).await.into_iter().collect();
    assert!(seen.contains(&0) && seen.iter().all(|number| *number < COUNT), "{seen:?}");
}

// ===== processes =====

const PROCESSES: u64 = 3;
const EACH: u64 = 500;

/// What one of the three processes does; started by `three_processes_are_one_bus`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the processes of `three_processes_are_one_bus`"]
async fn one_process_of_three() {
    // By itself it is none of them.
    let Ok(url) = std::env::var("BRIDGE_TEST_URL") else { return };
    let me: u64 = std::env::var("BRIDGE_TEST_PROCESS").expect("a number").parse().unwrap();
    let local: Broker = broker();
    let remote = Nats::builder(url).config(config()).connect().await.unwrap();
    let bridge = Bridge::builder(local.clone(), remote).share("numbers.>").share("sums.>");
    let bridge = bridge.policy(BridgePolicy::Block).start().await.unwrap();
    let mine = SubscribeOptions::new().topic(&format!("sums.{me}"));
    let answering = answer(&local, local.subscribe_with(mine).unwrap(), 1);
    let numbered = SubscribeOptions::new().topic("numbers.>");
    let mut stream = local.subscribe_with(numbered).unwrap();
    say("ready");
    hear("go");

    let publisher = local.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..EACH {
            let topic = format!("numbers.{me}");
            publisher.publish(about(&topic, me << 32 | number)).await.unwrap();
        }
    });
    let mut next_of = [0; PROCESSES as usize];
    for number in numbers(&mut stream, (PROCESSES * EACH) as usize).await {
        let (from, number) = ((number >> 32) as usize, number as u32 as u64);
        assert_eq!(number, next_of[from], "of process {from}, in process {me}");
        next_of[from] += 1;
    }
    publishing.await.unwrap();
    // The next process is asked, and the one before asks.
    let question = about(&format!("sums.{}", (me + 1) % PROCESSES), 100 * me);
    let reply = local.request::<u64>(question, PATIENCE).await.unwrap();
    assert_eq!(reply.message, 100 * me + 1);
    answering.await.unwrap();
    say("heard");
    hear("end");

    let stats = end(bridge).await;
    assert!(stream.try_recv().is_err(), "nothing comes twice");
    assert_eq!(stats.exported, EACH + 2, "its numbers, a question and an answer");
    assert_eq!(stats.answered, 1);
    assert_eq!(stats.dropped.on_export() + stats.dropped.lagged, 0);
    say("fine");
}

fn say(word: &str) {
    println!("\nprocess: {word}");
    std::io::stdout().flush().unwrap();
}

fn hear(word: &str) {
    let mut line = String::new();
    tokio::task::block_in_place(|| std::io::stdin().read_line(&mut line)).unwrap();
    assert_eq!(line.trim_end(), word);
}

struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Process {
    fn start(number: u64, url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "one_process_of_three", "--nocapture"])
            .env("BRIDGE_TEST_URL", url)
            .env("BRIDGE_TEST_PROCESS", number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        let hears = child.stdin.take().unwrap();
        Self { child, says, hears }
    }

    fn until(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim_end() != format!("process: {word}") {
            line.clear();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "it ended before it was {word}");
        }
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.hears, "{word}").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_are_one_bus() {
    let server = Server::nats();
    let observer = connect(&server).await;
    let mut everything = observer.subscribe().await.unwrap();
    let mut processes: Vec<_> =
        (0..PROCESSES).map(|number| Process::start(number, &server.url())).collect();
    tokio::task::block_in_place(|| {
        for (word, answer) in [("ready", "go"), ("heard", "end")] {
            processes.iter_mut().for_each(|process| process.until(word));
            processes.iter_mut().for_each(|process| process.tell(answer));
        }
        processes.iter_mut().for_each(|process| process.until("fine"));
        for process in &mut processes {
            assert!(process.child.wait().unwrap().success());
        }
    });
    // Each message went over the server once: nobody has passed on what it had imported.
    observer.publish(MessageEnvelope::new(u64::MAX)).await.unwrap();
    let seen = numbers_before(&mut everything, u64::MAX).await;
    assert_eq!(seen.len() as u64, PROCESSES * (EACH + 2));
}
