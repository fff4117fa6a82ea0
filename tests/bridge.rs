//! A bridge between brokers: what crosses it, what does not, and what becomes of the rest. The remote brokers here
//! are of this process; `bridge_nats` and `bridge_redis` have servers.

mod bridging;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bridging::{Broker, PATIENCE, about, between, broker, broker_of, end, next, numbers, until};
use stentor::{
    Bridge, BridgeError, BridgePolicy, BrokerError, Hook, InMemoryMessageBroker, MessageBroker,
    MessageEnvelope, Origin, Rejection, Timestamp, Topic,
};
use tokio::time::timeout;

// ===== what crosses =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_a_pattern_is_one_bus() {
    let (remote, left, right) = (broker(), broker(), broker());
    let (mut at_left, mut at_right) =
        (left.subscribe().await.unwrap(), right.subscribe().await.unwrap());
    let from_left = between(&left, &remote).share("orders.>").start().await.unwrap();
    let from_right = between(&right, &remote).share("orders.>").start().await.unwrap();
    for number in 0..100 {
        left.publish(about("orders.left", number)).await.unwrap();
        left.publish(about("news", 7_777)).await.unwrap();
        left.publish(MessageEnvelope::new(8_888)).await.unwrap();
        right.publish(about("orders.right", 1_000 + number)).await.unwrap();
    }
    let mut seen = numbers(&mut at_left, 400).await;
    seen.sort_unstable();
    let orders = || (0..100).chain(1_000..1_100);
    assert!(seen.into_iter().eq(orders().chain([7_777; 100]).chain([8_888; 100])));
    let mut seen = numbers(&mut at_right, 200).await;
    seen.sort_unstable();
    assert!(seen.into_iter().eq(orders()));
    for bridge in [from_left, from_right] {
        // What comes back is dropped when it comes, not when it goes.
        until(&bridge, |stats| stats.dropped.echoes == 100).await;
        let stats = end(bridge).await;
        assert_eq!((stats.exported, stats.imported, stats.dropped.on_export()), (100, 100, 0));
    }
    assert!(at_left.try_recv().is_err() && at_right.try_recv().is_err(), "nothing comes twice");
    assert_eq!(remote.metrics().published, 200);
}

/// The broker of the process is faster than its bridge: it does not wait for it, and has delivered before.
#[tokio::test]
async fn local_subscribers_are_served_first() {
    let (remote, local) = (broker(), broker());
    let bridge = between(&local, &remote).export_all().start().await.unwrap();
    let (mut here, mut there) =
        (local.subscribe().await.unwrap(), remote.subscribe().await.unwrap());
    local.publish(MessageEnvelope::new(1)).await.unwrap();
    // There is one thread, and the bridge has not had it.
    assert_eq!(here.try_recv().unwrap().message, 1);
    assert!(there.try_recv().is_err());
    let (local_view, remote_view) = (None, next(&mut there).await.metadata.origin);
    assert!(remote_view.is_some() && remote_view != local_view);
    assert_eq!(end(bridge).await.exported, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_decide_what_goes_where() {
    let (remote, local) = (broker(), broker());
    let bridge = between(&local, &remote).export("out.>").import("in.a").import("in.b");
    let bridge = bridge.start().await.unwrap();
    let (mut here, mut there) =
        (local.subscribe().await.unwrap(), remote.subscribe().await.unwrap());
    for (number, topic) in ["out", "out.a", "in.a", "out.a.b"].into_iter().enumerate() {
        local.publish(about(topic, number as u64)).await.unwrap();
    }
    assert_eq!(numbers(&mut there, 2).await, [1, 3]);
    for (number, topic) in ["in.a", "in.c", "in", "out.a", "in.b"].into_iter().enumerate() {
        remote.publish(about(topic, 10 + number as u64)).await.unwrap();
    }
    assert_eq!(numbers(&mut here, 6).await, [0, 1, 2, 3, 10, 14]);
    let stats = end(bridge).await;
    assert_eq!((stats.exported, stats.imported), (2, 2));
    assert_eq!((stats.dropped.echoes, stats.dropped.unwanted), (2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_publisher_keeps_its_order() {
    const EACH: u64 = 2_000;
    let (remote, left, right) = (broker(), broker(), broker());
    let mut stream = right.subscribe().await.unwrap();
    let exports =
        between(&left, &remote).export(">").policy(BridgePolicy::Block).start().await.unwrap();
    let imports = between(&right, &remote).import(">").start().await.unwrap();
    let publishers = [1, 2, 3].map(|publisher| {
        let left = left.clone();
        std::thread::spawn(move || {
            for number in 0..EACH {
                left.publish_blocking(about("numbers", publisher << 32 | number)).unwrap();
            }
        })
    });
    let mut next_of = [0; 4];
    for number in numbers(&mut stream, 3 * EACH as usize).await {
        let (publisher, number) = ((number >> 32) as usize, number as u32 as u64);
        assert_eq!(number, next_of[publisher], "of publisher {publisher}");
        next_of[publisher] += 1;
    }
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    assert_eq!(end(exports).await.exported, 3 * EACH);
    assert_eq!(end(imports).await.imported, 3 * EACH);
}

// ===== no loops =====

/// Three rings, each joined to each by a broker of their own: who hears a message does not pass it on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_bridges_in_a_ring_carry_nothing_on() {
    let (rings, remotes) = ([broker(), broker(), broker()], [broker(), broker(), broker()]);
    let mut streams = Vec::new();
    let mut bridges = Vec::new();
    for (place, ring) in rings.iter().enumerate() {
        streams.push(ring.subscribe().await.unwrap());
        for remote in [&remotes[place], &remotes[(place + 1) % 3]] {
            let bridge = between(ring, remote).export_all().import_all();
            bridges.push(bridge.policy(BridgePolicy::Block).start().await.unwrap());
        }
    }
    for number in 0..300 {
        rings[number % 3].publish(MessageEnvelope::new(number as u64)).await.unwrap();
    }
    for stream in &mut streams {
        let mut seen = numbers(stream, 300).await;
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..300));
    }
    for bridge in bridges {
        until(&bridge, |stats| stats.dropped.echoes == 100 && stats.imported == 100).await;
        assert_eq!(end(bridge).await.exported, 100);
    }
    for remote in remotes {
        assert_eq!(remote.metrics().published, 200, "of the two rings that are joined to it");
    }
    for mut stream in streams {
        assert!(stream.try_recv().is_err(), "nothing comes twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_bridges_of_one_ring_do_not_take_each_others_for_foreign() {
    let (remote, local) = (broker(), broker());
    let mut here = local.subscribe().await.unwrap();
    let out = between(&local, &remote).name("out").export("a").start().await.unwrap();
    let back = between(&local, &remote).name("back").import_all().start().await.unwrap();
    local.publish(about("a", 1)).await.unwrap();
    until(&back, |stats| stats.dropped.echoes == 1).await;
    remote.publish(about("a", 2)).await.unwrap();
    assert_eq!(numbers(&mut here, 2).await, [1, 2]);
    until(&out, |stats| stats.lag == 0).await;
    assert_eq!(end(out).await.exported, 1, "what was imported by one is not exported by the other");
    assert_eq!(end(back).await.imported, 1);
    assert_eq!(remote.metrics().published, 2);
}

/// What a subscriber sends on as it is keeps its origin, and stays in the ring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_imported_is_not_exported_when_it_is_sent_on() {
    let (remote, local) = (broker(), broker());
    let mut here = local.subscribe().await.unwrap();
    let bridge = between(&local, &remote).share(">").start().await.unwrap();
    remote.publish(about("a", 1)).await.unwrap();
    let imported = next(&mut here).await;
    assert_eq!(imported.metadata.origin, Some(Origin::ELSEWHERE));
    local.publish(imported.with_topic(Topic::new("b").unwrap())).await.unwrap();
    local.publish(about("c", 2)).await.unwrap();
    until(&bridge, |stats| stats.exported == 1 && stats.lag == 0).await;
    assert_eq!(end(bridge).await.exported, 1);
    assert_eq!(remote.metrics().published, 2);
}

// ===== the remote broker is slow, refuses, or goes away =====

/// A remote broker that holds up its publishers as long as its stream is not read.
fn narrow() -> Broker {
    broker_of(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn block_holds_up_local_publishers_and_loses_nothing() {
    let remote = narrow();
    let local = broker_of(16);
    let mut there = remote.subscribe().await.unwrap();
    let bridge = between(&local, &remote).export_all().policy(BridgePolicy::Block);
    let bridge = bridge.start().await.unwrap();
    let mut published = 0;
    let deadline = Instant::now() + PATIENCE;
    // Full, for good: what the bridge has taken is bounded, too.
    let mut refused = 0;
    while refused < 50 {
        match local.try_publish(MessageEnvelope::new(published)) {
            Ok(()) => (published, refused) = (published + 1, 0),
            Err(BrokerError::Full(_)) => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "it never holds up anybody: {published}");
    }
    let stats = bridge.stats();
    assert_eq!(stats.exported + stats.in_flight as u64 + stats.lag, published);
    assert_eq!(numbers(&mut there, published as usize).await, (0..published).collect::<Vec<_>>());
    let stats = end(bridge).await;
    assert_eq!((stats.exported, stats.dropped), (published, Default::default()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_oldest_holds_up_nobody_and_counts_what_it_loses() {
    const COUNT: u64 = 5_000;
    let remote = narrow();
    let local = broker_of(16);
    let mut there = remote.subscribe().await.unwrap();
    let bridge = between(&local, &remote).export_all().policy(BridgePolicy::DropOldest);
    let bridge = bridge.start().await.unwrap();
    for number in 0..COUNT {
        timeout(PATIENCE, local.publish(MessageEnvelope::new(number)))
            .await
            .expect("no wait")
            .unwrap();
    }
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(envelope) = there.recv().await {
            seen.push(envelope.message);
        }
        seen
    });
    let stats = end(bridge).await;
    assert!(stats.dropped.lagged > 0);
    assert_eq!(stats.exported + stats.dropped.lagged, COUNT, "{stats:?}");
    remote.shutdown();
    let seen = reading.await.unwrap();
    assert_eq!(seen.len() as u64, stats.exported);
    assert!(
        seen.is_sorted() && seen.last() == Some(&(COUNT - 1)),
        "the newest are there, in order"
    );
}

/// Lets nobody publish odd numbers.
struct Even;

impl Hook<u64> for Even {
    fn before_publish(&self, envelope: &mut MessageEnvelope<u64>) -> Result<(), Rejection> {
        let is_even = envelope.message.is_multiple_of(2);
        if is_even { Ok(()) } else { Err(Rejection::new("even", "it is odd")) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_counted_by_reason() {
    let remote = InMemoryMessageBroker::<u64>::builder().hooks(Even).build();
    let local = InMemoryMessageBroker::<u64>::builder().hooks(Even).build();
    let feed = broker();
    let out = Bridge::builder(feed.clone(), remote.clone()).export_all().start().await.unwrap();
    for number in 0..10 {
        feed.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    let brief = MessageEnvelope::new(10).with_ttl(Duration::from_millis(1));
    let brief = brief.with_timestamp(Timestamp::from_nanos(1_000));
    // The ring would not take it: it is of no use any more.
    assert!(matches!(feed.publish(brief).await, Err(BrokerError::Expired(_))));
    let stats = end(out).await;
    assert_eq!((stats.exported, stats.dropped.rejected), (5, 5));
    assert_eq!((stats.dropped.on_export(), remote.metrics().dead_letters.rejected), (5, 5));

    let back = Bridge::builder(local.clone(), feed.clone()).import_all().start().await.unwrap();
    for number in 0..10 {
        feed.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    let stats = until(&back, |stats| stats.imported + stats.dropped.not_imported == 10).await;
    assert_eq!((stats.imported, stats.dropped.not_imported), (5, 5));
    let _ = end(back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_on_the_way_is_a_dead_letter() {
    let (remote, local) = (narrow(), broker());
    let mut there = remote.subscribe().await.unwrap();
    let bridge = between(&local, &remote).export_all().start().await.unwrap();
    for number in 0..200 {
        let brief = MessageEnvelope::new(number).with_ttl(Duration::from_millis(1));
        local.publish(brief).await.unwrap();
    }
    // The narrow broker takes three or so; by the time it takes more, the rest is of no use any more.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let reading = tokio::spawn(async move { while there.recv().await.is_some() {} });
    let stats = end(bridge).await;
    assert_eq!(stats.exported + stats.dropped.expired, 200);
    assert!(stats.dropped.expired > 0);
    let letters = local.metrics().dead_letters.expired + remote.metrics().dead_letters.expired;
    assert!(letters >= stats.dropped.expired);
    remote.shutdown();
    reading.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_remote_broker_is_closed_the_ring_is_free() {
    let remote = broker();
    let local = broker_of(16);
    let bridge = between(&local, &remote).share(">").policy(BridgePolicy::Block);
    let bridge = bridge.start().await.unwrap();
    remote.shutdown();
    for number in 0..1_000 {
        timeout(PATIENCE, local.publish(about("a", number))).await.expect("no wait").unwrap();
    }
    let stats = until(&bridge, |stats| !stats.running && stats.in_flight == 0).await;
    assert!(stats.dropped.closed > 0 && stats.exported == 0, "{stats:?}");
    assert_eq!(local.metrics().subscribers.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_local_broker_is_closed_what_is_there_goes_out() {
    let (remote, local) = (broker(), broker());
    let mut there = remote.subscribe().await.unwrap();
    let bridge = between(&local, &remote).share(">").start().await.unwrap();
    for number in 0..100 {
        local.publish(about("a", number)).await.unwrap();
    }
    local.shutdown();
    assert_eq!(numbers(&mut there, 100).await, (0..100).collect::<Vec<_>>());
    until(&bridge, |stats| !stats.running).await;
    assert!(matches!(between(&local, &remote).share(">").start().await, Err(BridgeError::Closed)));
}

// ===== its end =====

#[test]
fn no_task_is_left() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let tasks = runtime.handle().metrics();
    runtime.block_on(async {
        let remote = narrow();
        let _unread = remote.subscribe().await.unwrap();
        for is_dropped in [false, true] {
            let local = broker();
            let bridge = between(&local, &remote).export_all().import("a").start().await.unwrap();
            assert_eq!(tasks.num_alive_tasks(), 2);
            for number in 0..100 {
                local.publish(MessageEnvelope::new(number)).await.unwrap();
            }
            if is_dropped {
                drop(bridge);
            } else {
                let report = bridge.shutdown(Duration::from_millis(20)).await;
                assert!(!report.drained, "the remote broker takes no more");
                assert_eq!(report.stats.exported + report.left, 100);
            }
            let deadline = Instant::now() + PATIENCE;
            while tasks.num_alive_tasks() > 0 {
                assert!(Instant::now() < deadline, "{} tasks are left", tasks.num_alive_tasks());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(local.metrics().subscribers.len(), 0, "nor a subscription");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_exports_what_was_published_before() {
    let (remote, local) = (broker(), broker());
    let mut there = remote.subscribe().await.unwrap();
    let bridge = between(&local, &remote).export_all().policy(BridgePolicy::Block);
    let bridge = bridge.start().await.unwrap();
    let stops = Arc::new(AtomicBool::new(false));
    for number in 0..500 {
        local.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    // Others go on, which must not keep it.
    let (publisher, is_over) = (local.clone(), Arc::clone(&stops));
    let publishing = tokio::spawn(async move {
        while !is_over.load(Ordering::Relaxed) {
            publisher.publish(MessageEnvelope::new(9_999)).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let reading = tokio::spawn(async move { numbers(&mut there, 500).await });
    let remote_stays = remote.clone();
    let report = bridge.shutdown(PATIENCE).await;
    assert!(report.drained && report.stats.exported >= 500, "{report:?}");
    stops.store(true, Ordering::Relaxed);
    publishing.await.unwrap();
    assert_eq!(reading.await.unwrap(), (0..500).collect::<Vec<_>>());
    drop(remote_stays);
}
