//! Bridges over a real `redis-server`: Pub/Sub and Streams, requests, a server that goes away and comes back.

mod bridging;
mod servers;

use std::collections::HashSet;
use std::time::Duration;

use bridging::{
    PATIENCE, about, all_is_exported, answer, broker, broker_of, end, numbers, numbers_before,
    sums, until,
};
use servers::Server;
use stentor::{
    Backoff, Bridge, BridgePolicy, ConnectionState, MessageBroker, Outage, RedisBuilder,
    RedisMessageBroker, RedisStreams, RemoteConfig, RemoteSubscribe, ReplayFrom,
};
use tokio::time::timeout;

type Redis = RedisMessageBroker<u64>;

fn config() -> RemoteConfig {
    RemoteConfig {
        outage: Outage::Wait(Duration::from_millis(200)),
        confirm: Duration::from_secs(2),
        ping_interval: Duration::from_millis(200),
        backoff: Backoff { first: Duration::from_millis(10), most: Duration::from_millis(200) },
        // By Pub/Sub what finds no room is dropped.
        buffer: 16_384,
        ..RemoteConfig::default()
    }
}

fn at(server: &Server) -> RedisBuilder<u64> {
    Redis::builder(server.url()).config(config())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rings_are_one_bus() {
    const EACH: u64 = 1_000;
    let server = Server::redis();
    for is_stream in [false, true] {
        let (rings, mut bridges, mut streams) = ([broker(), broker()], Vec::new(), Vec::new());
        for ring in &rings {
            let remote = at(&server).prefix(if is_stream { "streams" } else { "pubsub" });
            let remote = if is_stream { remote.streams(RedisStreams::new()) } else { remote };
            let remote = remote.connect().await.unwrap();
            let bridge = Bridge::builder(ring.clone(), remote).share("a.>").share("a.b");
            bridges.push(bridge.policy(BridgePolicy::Block).start().await.unwrap());
            streams.push(ring.subscribe().await.unwrap());
        }
        for number in 0..EACH {
            rings[0].publish(about("a.b", number)).await.unwrap();
            rings[1].publish(about("a.c", 1 << 32 | number)).await.unwrap();
        }
        for stream in &mut streams {
            let mut next_of = [0, 0];
            for number in numbers(stream, 2 * EACH as usize).await {
                let (from, number) = ((number >> 32) as usize, number as u32 as u64);
                assert_eq!(number, next_of[from], "of ring {from}");
                next_of[from] += 1;
            }
        }
        for bridge in bridges {
            until(&bridge, |stats| stats.dropped.echoes == EACH).await;
            let stats = end(bridge).await;
            assert_eq!((stats.exported, stats.imported), (EACH, EACH));
            assert_eq!((stats.dropped.on_export(), stats.dropped.lagged), (0, 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_over_the_server() {
    let server = Server::redis();
    for streams in [None, Some(RedisStreams::new())] {
        let connect = || {
            let remote = at(&server).prefix(if streams.is_some() { "streams" } else { "pubsub" });
            streams.map_or(remote, |streams| at(&server).streams(streams)).connect()
        };
        let (left, right) = (broker(), broker());
        let asks = Bridge::builder(left.clone(), connect().await.unwrap()).export("sums.>");
        let asks = asks.start().await.unwrap();
        let answers = Bridge::builder(right.clone(), connect().await.unwrap()).import("sums.>");
        let answers = answers.start().await.unwrap();
        let answering = answer(&right, sums(&right), 20);
        for number in 0..20 {
            let reply = left.request::<u64>(about("sums.of", number), PATIENCE).await.unwrap();
            assert_eq!(reply.message, number + 1);
        }
        answering.await.unwrap();
        assert_eq!(end(asks).await.answered, 20);
        assert_eq!(end(answers).await.exported, 20);
    }
}

/// Killed and restarted, with many in flight: nothing is lost; what was not confirmed may be there twice, and comes
/// first in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_block_nothing_is_lost_when_the_server_is_killed() {
    const COUNT: u64 = 6_000;
    let mut server = Server::redis();
    let remote = at(&server).streams(RedisStreams::new()).connect().await.unwrap();
    let local = broker_of(64);
    let bridge = Bridge::builder(local.clone(), remote.clone()).export("a");
    let bridge = bridge.policy(BridgePolicy::Block).start().await.unwrap();
    all_is_exported(local, bridge, COUNT, || server.restart()).await;
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut written = remote.subscribe_with(oldest).await.unwrap();
    remote.publish(about("a", COUNT)).await.unwrap();
    let (mut seen, mut first) = (HashSet::new(), Vec::new());
    for number in numbers_before(&mut written, COUNT).await {
        if seen.insert(number) {
            first.push(number);
        }
    }
    assert!(first.is_sorted(), "each comes first in order");
    assert_eq!(first.len() as u64, COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_drop_oldest_nobody_waits_for_a_server_that_is_frozen() {
    const COUNT: u64 = 2_000;
    let server = Server::redis();
    let remote = at(&server).connect().await.unwrap();
    let local = broker_of(64);
    let bridge = Bridge::builder(local.clone(), remote.clone()).export("a").start().await.unwrap();
    let mut there = remote.subscribe().await.unwrap();
    for number in 0..10 {
        local.publish(about("a", number)).await.unwrap();
    }
    assert!(numbers(&mut there, 10).await.into_iter().eq(0..10));
    server.freeze();
    for number in 10..COUNT {
        timeout(PATIENCE, local.publish(about("a", number))).await.expect("no wait").unwrap();
    }
    until(&bridge, |stats| stats.remote == Some(ConnectionState::Reconnecting)).await;
    server.thaw();
    let stats = end(bridge).await;
    assert!(stats.dropped.lagged > 0);
    let entries = stats.exported + stats.dropped.lagged + stats.dropped.on_export();
    assert_eq!(entries, COUNT, "{stats:?}");
    // The stream may have been cut off meanwhile; what comes is in order, and comes once.
    let late = at(&server).connect().await.unwrap();
    let mut seen = Vec::new();
    'last: loop {
        late.publish(about("a", COUNT)).await.unwrap();
        while let Ok(received) = timeout(Duration::from_millis(100), numbers(&mut there, 1)).await {
            if received == [COUNT] {
                break 'last;
            }
            seen.extend(received);
        }
    }
    assert!(seen.is_sorted_by(|earlier, later| earlier < later), "{seen:?}");
}
