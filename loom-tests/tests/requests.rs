//! A request ends once: by its reply, by its time, by the broker, or by its caller; and its place comes
//! back. The caller is polled before the others start, so that its request is there, and its waker with it.

#![cfg(stentor_loom)]

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use loom::future::block_on;
use loom::thread::spawn;
use loom_tests::{broker, model, model_within};
use stentor::{
    ActorAddress, BrokerError, CorrelationId, DeadLetterReason, InMemoryMessageBroker,
    MessageBroker, MessageEnvelope, RequestError,
};

type Broker = InMemoryMessageBroker<u64>;

/// A wait that is never over.
const LONG: Duration = Duration::from_secs(60);
/// A wait that is over at the second look.
const SHORT: Duration = Duration::from_millis(1);

fn question() -> MessageEnvelope<u64> {
    MessageEnvelope::new(0).with_correlation_id(CorrelationId::new())
}

/// Publishes a reply, on a thread of its own.
fn reply(broker: &Broker, to: &MessageEnvelope<u64>, message: u64) -> loom::thread::JoinHandle<()> {
    let (broker, reply) = (broker.clone(), to.reply(message));
    spawn(move || broker.publish_blocking(reply).unwrap())
}

fn late(broker: &Broker) -> u64 {
    broker.metrics().dead_letters.late_reply
}

macro_rules! poll_once {
    ($future:ident) => {
        assert!($future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
}

/// Polls a request until it has left its waker: at first it only lets others run.
macro_rules! poll_until_listening {
    ($future:ident) => {
        poll_once!($future);
        poll_once!($future);
    };
}

/// The only place is free, and works.
fn expect_room(broker: &Broker) {
    let question = question();
    let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
    poll_once!(asking);
    broker.publish_blocking(question.reply(9)).unwrap();
    assert_eq!(block_on(asking).unwrap().unwrap().message, 9);
    assert_eq!(broker.metrics().requests.pending, 0);
}

#[test]
fn reply_wakes_its_caller() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
        poll_until_listening!(asking);
        let replying = reply(&broker, &question, 1);
        assert_eq!(block_on(asking).unwrap().unwrap().message, 1);
        replying.join().unwrap();
        assert_eq!(late(&broker), 0);
    });
}

#[test]
fn reply_against_caller_that_begins_to_listen() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
        poll_once!(asking);
        let replying = reply(&broker, &question, 1);
        assert_eq!(block_on(asking).unwrap().unwrap().message, 1);
        replying.join().unwrap();
        assert_eq!(late(&broker), 0);
    });
}

#[test]
fn reply_against_time_out() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let answer = {
            let mut asking = pin!(broker.publish_request::<u64>(question.clone(), SHORT));
            poll_until_listening!(asking);
            let replying = reply(&broker, &question, 1);
            let answer = block_on(asking).unwrap();
            replying.join().unwrap();
            answer
        };
        assert_eq!(late(&broker), u64::from(answer.is_none()));
        expect_room(&broker);
    });
}

#[test]
fn reply_against_caller_that_leaves() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let replying = {
            let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
            poll_until_listening!(asking);
            reply(&broker, &question, 1)
        };
        replying.join().unwrap();
        assert_eq!(late(&broker), 1);
        expect_room(&broker);
    });
}

#[test]
fn reply_never_answers_the_next_request() {
    model(|| {
        let broker = broker(1);
        let (first, second) = (question(), question());
        let replying = {
            let mut asking = pin!(broker.publish_request::<u64>(first.clone(), LONG));
            poll_until_listening!(asking);
            reply(&broker, &first, 1)
        };
        let mut asking = pin!(broker.publish_request::<u64>(second.clone(), LONG));
        let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let std::task::Poll::Ready(polled) = polled {
            // The reply is just being moved into the only place.
            assert!(matches!(polled, Err(BrokerError::TooManyRequests { limit: 1, .. })));
            return replying.join().unwrap();
        }
        broker.publish_blocking(second.reply(2)).unwrap();
        assert_eq!(block_on(asking).unwrap().unwrap().message, 2);
        replying.join().unwrap();
    });
}

#[test]
fn late_reply_is_known_though_its_place_is_taken_again() {
    model(|| {
        let broker = broker(1);
        let mut stream = broker.subscribe_blocking().unwrap();
        let ask = || {
            let question = MessageEnvelope::new(0).with_reply_to(ActorAddress::new());
            broker.request::<u64>(question, LONG)
        };
        let replying = {
            let mut asking = pin!(ask());
            poll_until_listening!(asking);
            let question = stream.try_recv().unwrap();
            reply(&broker, &question, 1)
        };
        let mut asking = pin!(ask());
        let _ = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        replying.join().unwrap();
        assert_eq!(late(&broker), 1);
    });
}

#[test]
fn one_of_two_replies_is_late() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
        poll_until_listening!(asking);
        let replying = reply(&broker, &question, 1);
        broker.publish_blocking(question.reply(2)).unwrap();
        let answer = block_on(asking).unwrap().unwrap().message;
        assert!(answer == 1 || answer == 2);
        replying.join().unwrap();
        assert_eq!(late(&broker), 1);
    });
}

/// Reports a request as a dead letter, on a thread of its own.
fn bury(broker: &Broker, request: &MessageEnvelope<u64>) -> loom::thread::JoinHandle<()> {
    let (broker, request) = (broker.clone(), request.clone());
    spawn(move || broker.report_dead_letter(request, DeadLetterReason::MailboxFull))
}

#[test]
fn dead_letter_wakes_its_caller() {
    model(|| {
        let broker = broker(1);
        let question = question();
        let mut asking = pin!(broker.publish_request::<u64>(question.clone(), LONG));
        poll_until_listening!(asking);
        let burying = bury(&broker, &question);
        assert!(matches!(block_on(asking), Err(BrokerError::Undeliverable { .. })));
        burying.join().unwrap();
        assert_eq!(broker.metrics().requests.pending, 0);
    });
}

#[test]
fn dead_letter_against_reply_and_time_out() {
    model_within(1, || {
        let broker = broker(1);
        let question = question();
        let is_answered = {
            let mut asking = pin!(broker.publish_request::<u64>(question.clone(), SHORT));
            poll_until_listening!(asking);
            let (burying, replying) = (bury(&broker, &question), reply(&broker, &question, 1));
            let is_answered = match block_on(asking) {
                Ok(answer) => answer.is_some(),
                Err(error) => {
                    assert!(matches!(error, BrokerError::Undeliverable { .. }));
                    false
                }
            };
            burying.join().unwrap();
            replying.join().unwrap();
            is_answered
        };
        // The reply is heard, or late; the request is a dead letter in any case.
        assert_eq!(late(&broker), u64::from(!is_answered));
        assert_eq!(broker.metrics().dead_letters.mailbox_full, 1);
        expect_room(&broker);
    });
}

#[test]
fn dead_letter_never_ends_the_next_request() {
    model(|| {
        let broker = broker(1);
        let (first, second) = (question(), question());
        let burying = {
            let mut asking = pin!(broker.publish_request::<u64>(first.clone(), LONG));
            poll_until_listening!(asking);
            bury(&broker, &first)
        };
        let mut asking = pin!(broker.publish_request::<u64>(second.clone(), LONG));
        let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let std::task::Poll::Ready(polled) = polled {
            // The reason is just being moved into the only place.
            assert!(matches!(polled, Err(BrokerError::TooManyRequests { limit: 1, .. })));
            return burying.join().unwrap();
        }
        broker.publish_blocking(second.reply(2)).unwrap();
        assert_eq!(block_on(asking).unwrap().unwrap().message, 2);
        burying.join().unwrap();
    });
}

#[test]
fn shutdown_wakes_callers() {
    model(|| {
        let broker = broker(1);
        let mut asking = pin!(broker.publish_request::<u64>(question(), LONG));
        poll_until_listening!(asking);
        let closing = {
            let broker = broker.clone();
            spawn(move || broker.shutdown())
        };
        assert!(matches!(block_on(asking), Err(BrokerError::Closed(_))));
        closing.join().unwrap();
        assert_eq!(broker.metrics().requests.pending, 0);
    });
}

#[test]
fn timer_never_misses_a_request() {
    model(|| {
        let broker = broker(2);
        let _stream = broker.subscribe_blocking().unwrap();
        // Their ids are given here: by those of the caller's, places would differ from run to run.
        let mut first = pin!(broker.request::<u64>(MessageEnvelope::new(0), SHORT));
        // From here on there is the timer's thread, which looks at the requests for the first time.
        poll_until_listening!(first);
        let second = {
            let broker = broker.clone();
            spawn(move || block_on(broker.request::<u64>(MessageEnvelope::new(1), SHORT)))
        };
        assert!(matches!(second.join().unwrap(), Err(RequestError::TimedOut(_))));
    });
}
