//! Dead letters in the log: lines that neither fail nor flood. A process of its own: what other threads log first, without
//! a listener, would not be listened to later.

use std::io;
use std::sync::{Arc, Mutex};

use stentor::{DeadLetterReason, InMemoryMessageBroker, MessageEnvelope};

type Broker = InMemoryMessageBroker<u64>;

fn report(broker: &Broker, count: u64) {
    for message in 0..count {
        let reason = DeadLetterReason::MailboxFull;
        broker.report_dead_letter(MessageEnvelope::new(message), reason);
    }
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
