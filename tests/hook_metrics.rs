//! `Metrics`: an exporter is told what the broker does.

use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use stentor::{
    DeadLetterReason, Hook, InMemoryMessageBroker, MessageEnvelope, Metrics, Overflow, Rejection,
    SubscribeOptions, TryRecvError,
};

/// Rejects one number.
struct Not(u64);

impl Hook<u64> for Not {
    fn before_publish(&self, envelope: &mut MessageEnvelope<u64>) -> Result<(), Rejection> {
        if envelope.message == self.0 { Err(Rejection::new("not", "not this")) } else { Ok(()) }
    }
}

type Broker = InMemoryMessageBroker<u64, (Metrics, Not)>;

/// A broker of 4 places, and the page of its exporter.
fn broker() -> (Broker, PrometheusHandle) {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    let metrics = metrics::with_local_recorder(&exporter, || Metrics::new("b"));
    let builder = InMemoryMessageBroker::builder().capacity(4);
    (builder.hooks((metrics, Not(7))).build(), page)
}

#[track_caller]
fn assert_says(page: &PrometheusHandle, lines: &[&str]) {
    let page = page.render();
    for line in lines {
        assert!(page.lines().any(|found| found == *line), "no line {line:?} in\n{page}");
    }
}

#[test]
fn messages_are_counted() {
    let (broker, page) = broker();
    let lossy = SubscribeOptions::new().overflow(Overflow::DropOldest);
    let mut slow = broker.subscribe_with(lossy).unwrap();
    let mut quick = broker.subscribe_blocking().unwrap();
    for n in 10..16 {
        broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
        quick.try_recv().unwrap();
    }
    let mut received = 6;
    loop {
        match slow.try_recv() {
            Ok(_) => received += 1,
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    assert_eq!(received + slow.missed(), 12);
    assert_ne!(slow.missed(), 0);
    broker.publish_blocking(MessageEnvelope::new(7)).unwrap_err();
    broker.report_dead_letter(MessageEnvelope::new(1), DeadLetterReason::MailboxFull);
    assert_says(
        &page,
        &[
            r#"stentor_published_total{broker="b"} 6"#,
            r#"stentor_unpublished_total{broker="b"} 1"#,
            &format!(r#"stentor_delivered_total{{broker="b"}} {received}"#),
            &format!(r#"stentor_missed_total{{broker="b"}} {}"#, slow.missed()),
            r#"stentor_dead_letters_total{broker="b",reason="rejected"} 1"#,
            r#"stentor_dead_letters_total{broker="b",reason="mailbox_full"} 1"#,
            r#"stentor_dead_letters_total{broker="b",reason="panicked"} 0"#,
        ],
    );
}

#[test]
fn requests_are_measured_by_their_end() {
    let (broker, page) = broker();
    let mut requests = broker.subscribe_blocking().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let request = requests.recv_blocking().unwrap();
            broker.publish_blocking(request.reply(2)).unwrap();
        });
        let wait = Duration::from_secs(600);
        broker.request_blocking::<u64>(MessageEnvelope::new(1), wait).unwrap();
    });
    broker.request_blocking::<u64>(MessageEnvelope::new(1), Duration::ZERO).unwrap_err();
    assert_says(
        &page,
        &[
            r#"stentor_request_seconds_count{broker="b",outcome="answered"} 1"#,
            r#"stentor_request_seconds_count{broker="b",outcome="timed_out"} 1"#,
        ],
    );
}

#[test]
fn lag_is_recorded_by_subscription() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    metrics::with_local_recorder(&exporter, || {
        let hooks = Metrics::new("b");
        let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
        let _slow = broker.subscribe_with(SubscribeOptions::new().name("slow")).unwrap();
        for n in 0..3 {
            broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
        }
        broker.hooks().record(&broker.metrics());
    });
    assert_says(
        &page,
        &[
            r#"stentor_lag{broker="b",subscription="slow"} 3"#,
            r#"stentor_pending_requests{broker="b"} 0"#,
        ],
    );
}
