//! The async handles work on any executor, and let other tasks run.

use futures_util::{SinkExt, StreamExt, stream};
use std::sync::Arc;
use stentor::{Bus, Overflow, RecvError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_reach_four_subscribers() {
    const EACH: u64 = 10_000;
    let bus = Bus::new(64);
    let publishers = [bus.publisher(), bus.publisher()];
    let readers: Vec<_> = (0..4)
        .map(|_| bus.subscribe())
        .map(|mut subscriber| {
            tokio::spawn(async move {
                let mut next = [0; 2];
                while let Ok((id, number)) = subscriber.recv_async().await {
                    assert_eq!(number, next[id]);
                    next[id] += 1;
                }
                next
            })
        })
        .collect();
    for (id, publisher) in publishers.into_iter().enumerate() {
        tokio::spawn(async move {
            for number in 0..EACH {
                publisher.publish_async((id, number)).await.unwrap();
            }
        });
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), [EACH; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_share_one_publisher() {
    let bus = Bus::new(8);
    let publisher = Arc::new(bus.publisher());
    let subscriber = bus.subscribe();
    for _ in 0..4 {
        let publisher = Arc::clone(&publisher);
        tokio::spawn(async move {
            for number in 1..=1_000u64 {
                publisher.publish_async(number).await.unwrap();
            }
        });
    }
    drop(publisher);
    let sum = StreamExt::fold(subscriber, 0, async |sum, number| sum + number).await;
    assert_eq!(sum, 4 * 500_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_and_tasks_meet_on_one_bus() {
    let bus = Bus::new(16);
    let (of_thread, of_task) = (bus.publisher(), bus.publisher());
    let by_thread = bus.subscribe();
    let by_task = bus.subscribe();
    let publishing =
        std::thread::spawn(move || (0..5_000).for_each(|n| of_thread.publish(n).unwrap()));
    let reading = std::thread::spawn(move || Iterator::collect::<Vec<u32>>(by_thread));
    tokio::spawn(async move {
        for number in 0..5_000 {
            of_task.publish_async(number).await.unwrap();
        }
    });
    let seen: Vec<u32> = StreamExt::collect(by_task).await;
    publishing.join().unwrap();
    assert_eq!(seen.len(), 10_000);
    assert!(seen == reading.join().unwrap(), "a thread and a task saw different orders");
}

#[tokio::test]
async fn a_sink_takes_a_stream() {
    let bus = Bus::new(4);
    let mut sink = bus.publisher();
    let subscriber = bus.subscribe();
    let reading = tokio::spawn(StreamExt::collect::<Vec<_>>(subscriber));
    sink.send_all(&mut stream::iter((0..1_000).map(Ok))).await.unwrap();
    sink.close().await.unwrap();
    drop(sink);
    assert!(reading.await.unwrap().into_iter().eq(0..1_000));
}

#[tokio::test]
async fn a_sink_gives_the_message_back_when_closed() {
    let bus = Bus::new(4);
    let mut sink = bus.publisher();
    bus.close();
    assert_eq!(sink.send(1).await.unwrap_err().into_inner(), 1);
}

#[tokio::test]
async fn a_stream_ends_when_the_bus_closes() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_async(1).await.unwrap();
    drop(publisher);
    assert_eq!(StreamExt::next(&mut subscriber).await, Some(1));
    assert_eq!(StreamExt::next(&mut subscriber).await, None);
    assert_eq!(subscriber.recv_async().await, Err(RecvError::Closed));
}

#[test]
fn no_executor_in_particular_is_needed() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            futures_executor::block_on(publisher.publish_batch_async(0..1_000)).unwrap();
        });
        futures_executor::block_on(async {
            let mut seen = 0;
            while seen < 1_000 {
                let batch = subscriber.read_async(16).await.unwrap();
                for &message in &batch {
                    assert_eq!(message, seen);
                    seen += 1;
                }
            }
        });
    });
}

#[tokio::test(flavor = "current_thread")]
async fn one_thread_runs_both_sides() {
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    let publishing = tokio::spawn(async move {
        for number in 0..1_000 {
            publisher.publish_async(number).await.unwrap();
        }
    });
    for number in 0..1_000 {
        assert_eq!(subscriber.recv_async().await, Ok(number));
    }
    publishing.await.unwrap();
}

/// Reads a bus that always has a message (the reader publishes it), by `recv_async` or as a `Stream`,
/// until another task of the thread stops it.
async fn read_without_end(as_stream: bool) {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let other = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move { stop.store(true, std::sync::atomic::Ordering::Relaxed) }
    });
    let mut received = 0;
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        publisher.publish(received).unwrap();
        let message = if as_stream {
            StreamExt::next(&mut subscriber).await.unwrap()
        } else {
            subscriber.recv_async().await.unwrap()
        };
        assert_eq!(message, received);
        received += 1;
        assert!(received < 1_000_000, "the other task never got to run");
    }
    other.await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_receiver_lets_other_tasks_run() {
    read_without_end(false).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_stream_lets_other_tasks_run() {
    read_without_end(true).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_async_lossy_subscriber_is_told_too() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    publisher.publish_batch_async(0..10).await.unwrap();
    assert_eq!(slow.recv_async().await, Err(RecvError::Lagged(6)));
    assert_eq!(slow.recv_async().await, Ok(6));
}
