//! Dead letters: counted by reason, a stream that blocks nobody, and log lines that neither fail nor flood.

use std::io;
use std::sync::{Arc, Mutex};

use stentor::{DeadLetterReason, InMemoryMessageBroker, MessageEnvelope, RecvError, TryRecvError};

type Broker = InMemoryMessageBroker<u64>;

fn report(broker: &Broker, count: u64) {
    for message in 0..count {
        let reason = DeadLetterReason::MailboxFull;
        broker.report_dead_letter(MessageEnvelope::new(message), reason);
    }
}

#[test]
fn all_are_counted_whether_or_not_somebody_listens() {
    let broker = Broker::builder().dead_letters(4).build();
    report(&broker, 100);
    let mut letters = broker.dead_letters();
    report(&broker, 100);
    let reason = DeadLetterReason::Panicked;
    broker.report_dead_letter(MessageEnvelope::new(7), reason.clone());
    let counts = broker.metrics().dead_letters;
    assert_eq!((counts.mailbox_full, counts.panicked, counts.total()), (200, 1, 201));
    assert_eq!(letters.try_recv().unwrap_err(), TryRecvError::Lagged(97));
    assert_eq!(letters.try_recv().unwrap().envelope.message, 97);
    let last = std::iter::from_fn(|| letters.try_recv().ok()).last().unwrap();
    assert_eq!((last.envelope.message, last.reason), (7, reason));
}

#[test]
fn a_listener_that_holds_a_batch_blocks_nobody() {
    let broker = Broker::builder().dead_letters(4).build();
    let mut letters = broker.dead_letters();
    report(&broker, 4);
    let batch = letters.try_read(4).unwrap();
    report(&broker, 100); // would wait for ever if it waited for the batch
    drop(batch);
    assert_eq!(broker.metrics().dead_letters.total(), 104);
}

#[test]
fn the_stream_ends_with_the_broker() {
    let broker = Broker::builder().build();
    let mut letters = broker.dead_letters();
    report(&broker, 1);
    drop(broker);
    assert_eq!(letters.recv().unwrap().envelope.message, 0);
    assert_eq!(letters.recv().unwrap_err(), RecvError::Closed);
}

/// Log lines, for a test to look at.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn some_are_logged_and_the_others_are_counted_in_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let broker = Broker::builder().dead_letter_logs(3).build();
        report(&broker, 1_000);
        // A new second, whenever that is: the next letter that is logged tells of those that were not.
        let logged = || lines.0.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count();
        let before = logged();
        assert!(before >= 3, "{before} lines");
        while logged() == before {
            report(&broker, 1);
            std::thread::yield_now();
        }
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("stentor::dead_letters: dead letter: mailbox full id="), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.last().unwrap();
    let suppressed: u64 = last.split("suppressed=").nth(1).unwrap().trim().parse().unwrap();
    assert!(suppressed > 0, "{last}");
}
