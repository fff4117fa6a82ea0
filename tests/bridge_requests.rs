//! Requests that are answered on the other side of a bridge.

mod bridging;

use std::time::Duration;

use bridging::{Broker, PATIENCE, about, answer, broker, end, next, numbers, sums, until};
use stentor::{ActorAddress, Bridge, BridgeBuilder, CorrelationId, MessageBroker};

fn between(local: &Broker, remote: &Broker) -> BridgeBuilder<u64, (), Broker> {
    Bridge::builder(local.clone(), remote.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered_beyond() {
    let (remote, left, right) = (broker(), broker(), broker());
    let asks = between(&left, &remote).export("sums.>").start().await.unwrap();
    let answers = between(&right, &remote).import("sums.>").start().await.unwrap();
    let answering = answer(&right, sums(&right), 3);
    let me = ActorAddress::new();
    for (number, request) in [
        about("sums.plain", 0),
        about("sums.addressed", 1).with_sender(me).with_reply_to(me),
        about("sums.named", 2).with_correlation_id(CorrelationId::new()),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = left.request::<u64>(request.clone(), PATIENCE).await.unwrap();
        assert_eq!(reply.message, number as u64 + 1);
        assert_eq!(reply.metadata.recipient, request.metadata.reply_to);
        if let Some(id) = request.metadata.correlation_id {
            assert_eq!(reply.metadata.correlation_id, Some(id));
        }
        assert!(reply.metadata.origin.is_some(), "it came over a bridge");
    }
    answering.await.unwrap();
    let stats = end(asks).await;
    assert_eq!((stats.exported, stats.answered, stats.imported), (3, 3, 3));
    let stats = end(answers).await;
    assert_eq!((stats.imported, stats.exported), (3, 3));
}

/// Where everything is shared, replies come by two ways; one of them counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_comes_once() {
    const COUNT: usize = 50;
    let (remote, left, right) = (broker(), broker(), broker());
    let mut at_left = left.subscribe().await.unwrap();
    let asks = between(&left, &remote).export_all().import_all().start().await.unwrap();
    let answers = between(&right, &remote).export_all().import_all().start().await.unwrap();
    let answering = answer(&right, sums(&right), COUNT);
    for number in 0..COUNT as u64 {
        let reply = left.request::<u64>(about("sums.all", number), PATIENCE).await.unwrap();
        assert_eq!(reply.message, number + 1);
    }
    answering.await.unwrap();
    let stats = until(&asks, |stats| stats.dropped.duplicates == COUNT as u64).await;
    assert_eq!((stats.answered, stats.imported), (COUNT as u64, COUNT as u64));
    assert_eq!(numbers(&mut at_left, 2 * COUNT).await.len(), 2 * COUNT);
    assert!(at_left.try_recv().is_err(), "a request and a reply each");
    assert_eq!(left.metrics().dead_letters, Default::default());
    assert_eq!(end(asks).await.asking, 0);
    let _ = end(answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_nearer_answers_first() {
    let (remote, local) = (broker(), broker());
    let bridge = between(&local, &remote).export("sums.>").start().await.unwrap();
    let (here, mut there) = (sums(&local), sums(&remote));
    let answering = answer(&local, here, 1);
    let reply = local.request::<u64>(about("sums.near", 1), PATIENCE).await.unwrap();
    assert_eq!((reply.message, reply.metadata.origin), (2, None));
    answering.await.unwrap();
    // Whether it was asked or published, it is there; a reply that comes now is late.
    let request = next(&mut there).await;
    remote.publish(request.reply(3)).await.unwrap();
    let report = bridge.shutdown(PATIENCE).await;
    assert_eq!(report.stats.exported, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_nobody_answers_times_out() {
    let (remote, local) = (broker(), broker());
    let bridge = between(&local, &remote).export("sums.>").start().await.unwrap();
    let limit = Duration::from_millis(50);
    let request = about("sums.none", 1).with_correlation_id(CorrelationId::new());
    assert!(local.publish_request::<u64>(request, limit).await.unwrap().is_none());
    let stats = until(&bridge, |stats| stats.exported == 1 && stats.asking == 0).await;
    assert_eq!((stats.answered, stats.imported), (0, 0));
    let _ = end(bridge).await;
}
