//! Request-reply: who is answered by what, how requests end, and that their places come back.

use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use stentor::{
    ActorAddress, BrokerError, CorrelationId, DeadLetterReason, InMemoryMessageBroker,
    MessageBroker, MessageEnvelope, MessageStream, RequestError,
};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(600);
/// Time enough to time out.
const SHORT: Duration = Duration::from_millis(5);

type Broker = InMemoryMessageBroker<u64>;

fn broker() -> Broker {
    Broker::builder().pending_requests(4).build()
}

/// Answers every request with a number larger by one, on a thread of its own.
fn adder(broker: &Broker) -> thread::JoinHandle<()> {
    let mut requests = broker.subscribe_blocking().unwrap();
    let bus = broker.clone();
    thread::spawn(move || {
        while let Some(request) = requests.recv_blocking() {
            if bus.pending(&request).is_some() {
                let _ = bus.publish_blocking(request.reply(request.message + 1));
            }
        }
    })
}

fn question() -> MessageEnvelope<u64> {
    MessageEnvelope::new(1).with_correlation_id(CorrelationId::new())
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A request that is published, and its envelope as subscribers see it.
macro_rules! asked {
    ($broker:ident, $stream:ident, $envelope:expr => $request:ident, $seen:ident) => {
        let mut $request = pin!($broker.request::<u64>($envelope, LONG));
        assert!(poll_once($request.as_mut()).is_pending());
        let $seen = $stream.try_recv().unwrap();
    };
}

#[test]
fn requests_are_answered_with_ids_of_the_caller_and_of_the_broker() {
    let broker = broker();
    let adding = adder(&broker);
    for number in 0..1_000 {
        let envelope = MessageEnvelope::new(number);
        let reply = broker.request_blocking::<u64>(envelope.clone(), LONG).unwrap();
        assert_eq!(reply.message, number + 1);
        let id = CorrelationId::new();
        let envelope = MessageEnvelope::new(number).with_correlation_id(id);
        let reply = broker.request_blocking::<u64>(envelope, LONG).unwrap();
        assert_eq!((reply.message, reply.metadata.correlation_id), (number + 1, Some(id)));
    }
    let requests = broker.metrics().requests;
    assert_eq!((requests.answered, requests.pending), (2_000, 0));
    broker.shutdown();
    adding.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_ask_at_a_time() {
    let broker = Broker::builder().pending_requests(64).build();
    let adding = adder(&broker);
    let asking: Vec<_> = (0..64u64)
        .map(|task| {
            let broker = broker.clone();
            tokio::spawn(async move {
                for turn in 0..100 {
                    let number = task * 1_000 + turn;
                    let envelope = MessageEnvelope::new(number);
                    let reply = broker.request::<u64>(envelope, LONG).await.unwrap();
                    assert_eq!(reply.message, number + 1);
                    let envelope = question();
                    let reply = broker.publish_request::<u64>(envelope, LONG).await.unwrap();
                    assert_eq!(reply.unwrap().message, 2);
                }
            })
        })
        .collect();
    for task in asking {
        task.await.unwrap();
    }
    let metrics = broker.metrics();
    assert_eq!((metrics.requests.answered, metrics.requests.pending), (12_800, 0));
    assert_eq!(metrics.dead_letters.total(), 0);
    broker.shutdown();
    adding.join().unwrap();
}

#[test]
fn a_reply_is_seen_by_all_subscribers() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    asked!(broker, stream, question() => request, seen);
    broker.publish_blocking(seen.reply(2)).unwrap();
    assert_eq!(stream.try_recv().unwrap().message, 2);
    assert!(
        matches!(poll_once(request.as_mut()), std::task::Poll::Ready(Ok(reply)) if reply.message == 2)
    );
}

#[test]
fn what_is_not_the_reply_does_not_answer() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let (me, you) = (ActorAddress::new(), ActorAddress::new());
    let question = question().with_sender(me).with_reply_to(me).with_recipient(you);
    asked!(broker, stream, question => request, seen);
    let id = seen.metadata.correlation_id.unwrap();
    // The request itself, brought back by a bridge, say.
    broker.publish_blocking(seen.clone()).unwrap();
    // Sent on to somebody else.
    let other = MessageEnvelope::new(3).with_correlation_id(id).with_recipient(ActorAddress::new());
    broker.publish_blocking(other).unwrap();
    // A question about the question.
    let other = MessageEnvelope::new(4).with_correlation_id(id).with_reply_to(you);
    broker.publish_blocking(other).unwrap();
    // Another conversation.
    let other = MessageEnvelope::new(5).with_correlation_id(CorrelationId::new());
    broker.publish_blocking(other).unwrap();
    assert!(poll_once(request.as_mut()).is_pending());
    // The plainest form of a reply.
    broker.publish_blocking(MessageEnvelope::new(6).with_correlation_id(id)).unwrap();
    assert!(
        matches!(poll_once(request.as_mut()), std::task::Poll::Ready(Ok(reply)) if reply.message == 6)
    );
    assert_eq!(broker.metrics().dead_letters.total(), 0);
}

/// Sees to it that exactly one dead letter is there: the late reply of this number.
fn expect_late(letters: &mut stentor::Subscriber<stentor::DeadLetter<u64>>, message: u64) {
    let letter = letters.try_recv().unwrap();
    assert_eq!((letter.reason, letter.envelope.message), (DeadLetterReason::LateReply, message));
    assert!(letters.try_recv().is_err());
}

#[test]
fn a_second_reply_is_a_dead_letter() {
    let broker = broker();
    let (mut stream, mut letters) = (broker.subscribe_blocking().unwrap(), broker.dead_letters());
    for envelope in [question(), MessageEnvelope::new(1)] {
        {
            asked!(broker, stream, envelope => request, seen);
            broker.publish_blocking(seen.reply(2)).unwrap();
            broker.publish_blocking(seen.reply(3)).unwrap();
            expect_late(&mut letters, 3);
            assert!(poll_once(request.as_mut()).is_ready());
            broker.publish_blocking(seen.reply(4)).unwrap();
            expect_late(&mut letters, 4);
        }
        while stream.try_recv().is_ok() {}
    }
}

#[test]
fn a_dropped_request_gives_its_place_back_and_its_reply_is_late() {
    let broker = broker();
    let (mut stream, mut letters) = (broker.subscribe_blocking().unwrap(), broker.dead_letters());
    for envelope in [question(), MessageEnvelope::new(1)] {
        let seen = {
            asked!(broker, stream, envelope => request, seen);
            assert!(broker.pending(&seen).is_some());
            assert_eq!(broker.metrics().requests.pending, 1);
            seen
        };
        assert_eq!(broker.metrics().requests.pending, 0);
        assert!(broker.pending(&seen).is_none());
        broker.publish_blocking(seen.reply(2)).unwrap();
        expect_late(&mut letters, 2);
        stream.try_recv().unwrap();
    }
    assert_eq!(broker.metrics().requests.abandoned, 2);
}

#[test]
fn a_reply_that_its_caller_never_looked_at_is_a_dead_letter() {
    let broker = broker();
    let (mut stream, mut letters) = (broker.subscribe_blocking().unwrap(), broker.dead_letters());
    {
        asked!(broker, stream, question() => request, seen);
        broker.publish_blocking(seen.reply(2)).unwrap();
        assert!(letters.try_recv().is_err());
        assert!(broker.pending(&seen).is_none());
        std::hint::black_box(&mut request);
    }
    expect_late(&mut letters, 2);
}

#[test]
fn ten_thousand_abandoned_requests_leave_room() {
    let broker = broker();
    let _stream = broker
        .subscribe_with(stentor::SubscribeOptions::new().overflow(stentor::Overflow::DropOldest))
        .unwrap();
    for turn in 0..10_000 {
        let envelope = if turn % 2 == 0 { question() } else { MessageEnvelope::new(1) };
        let mut request = pin!(broker.request::<u64>(envelope, LONG));
        assert!(poll_once(request.as_mut()).is_pending());
    }
    assert_eq!(broker.metrics().requests.pending, 0);
}

#[test]
fn an_unpolled_request_takes_no_place() {
    let broker = broker();
    let _stream = broker.subscribe_blocking().unwrap();
    let _requests: Vec<_> = (0..10).map(|_| broker.request::<u64>(question(), LONG)).collect();
    assert_eq!(broker.metrics().requests.pending, 0);
    assert_eq!(broker.metrics().published, 0);
}

#[test]
fn a_full_table_names_its_limit() {
    let broker = broker();
    let _stream = broker.subscribe_blocking().unwrap();
    let mut pending: Vec<_> =
        (0..4).map(|_| Box::pin(broker.request::<u64>(question(), LONG))).collect();
    assert!(pending.iter_mut().all(|request| poll_once(request.as_mut()).is_pending()));
    let error = broker.request_blocking::<u64>(MessageEnvelope::new(9), LONG).unwrap_err();
    assert_eq!(error.to_string(), "4 requests are pending, which is the limit");
    assert_eq!(error.into_envelope().unwrap().message, 9);
    assert_eq!(broker.metrics().published, 4);
    pending.pop();
    let error = broker.request_blocking::<u64>(MessageEnvelope::new(9), SHORT).unwrap_err();
    assert!(matches!(error, RequestError::TimedOut(_)));
}

#[test]
fn the_same_id_twice_is_refused() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let question = question();
    asked!(broker, stream, question.clone() => request, seen);
    let error = broker.request_blocking::<u64>(question.clone(), LONG).unwrap_err();
    assert!(matches!(
        error,
        RequestError::NotPublished(BrokerError::DuplicateCorrelationId(envelope)) if envelope == question
    ));
    broker.publish_blocking(seen.reply(2)).unwrap();
    assert!(poll_once(request.as_mut()).is_ready());
}

#[test]
fn an_id_that_the_broker_gave_may_be_used_again() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let given = {
        asked!(broker, stream, MessageEnvelope::new(1) => request, seen);
        std::hint::black_box(&mut request);
        seen.metadata.correlation_id.unwrap()
    };
    // In the meantime another request is where it was.
    asked!(broker, stream, MessageEnvelope::new(2) => other, _seen);
    asked!(broker, stream, MessageEnvelope::new(3).with_correlation_id(given) => request, seen);
    broker.publish_blocking(seen.reply(4)).unwrap();
    assert!(poll_once(request.as_mut()).is_ready());
    assert!(poll_once(other.as_mut()).is_pending());
}

#[test]
fn a_thread_whose_time_is_out_has_its_request_back() {
    let broker = broker();
    let _stream = broker.subscribe_blocking().unwrap();
    for timeout in [SHORT, Duration::ZERO] {
        match broker.request_blocking::<u64>(MessageEnvelope::new(7), timeout).unwrap_err() {
            RequestError::TimedOut(request) => assert_eq!(request.message, 7),
            other => panic!("{other}"),
        }
    }
    assert_eq!(broker.metrics().requests.timed_out, 2);
    assert_eq!(broker.metrics().requests.pending, 0);
}

#[test]
fn a_task_whose_time_is_out_gets_none_without_a_runtime() {
    let broker = broker();
    for timeout in [SHORT, Duration::ZERO, SHORT] {
        let asking = broker.publish_request::<u64>(question(), timeout);
        assert!(futures_executor::block_on(asking).unwrap().is_none());
    }
    let _stream = broker.subscribe_blocking().unwrap();
    let asking = broker.request::<u64>(MessageEnvelope::new(7), SHORT);
    match futures_executor::block_on(asking).unwrap_err() {
        RequestError::TimedOut(request) => assert_eq!(request.message, 7),
        other => panic!("{other}"),
    }
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn the_timers_of_tokio_can_be_used() {
    let broker = Broker::builder().timer(stentor::Timer::Tokio).build();
    let started = tokio::time::Instant::now();
    let reply = broker.publish_request::<u64>(question(), LONG).await.unwrap();
    assert!(reply.is_none());
    assert!(started.elapsed() >= LONG);
}

#[test]
fn the_time_for_a_request_includes_waiting_for_room() {
    let broker = Broker::builder().capacity(1).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    broker.publish_blocking(MessageEnvelope::new(0)).unwrap();
    let error = broker.request_blocking::<u64>(MessageEnvelope::new(7), SHORT).unwrap_err();
    assert!(matches!(error, RequestError::TimedOut(_)));
    let asking = broker.request::<u64>(MessageEnvelope::new(7), SHORT);
    let error = futures_executor::block_on(asking).unwrap_err();
    assert!(matches!(error, RequestError::TimedOut(_)));
    assert_eq!(stream.try_recv().unwrap().message, 0);
    assert!(stream.try_recv().is_err());
}

#[test]
fn without_subscribers_a_request_fails_at_once() {
    let broker = broker();
    let error = broker.request_blocking::<u64>(MessageEnvelope::new(7), LONG).unwrap_err();
    assert!(matches!(error, RequestError::NoSubscribers(request) if request.message == 7));
    assert_eq!(broker.metrics().published, 0);
}

#[test]
fn a_request_without_an_id_is_refused_by_the_trait() {
    let broker = broker();
    let asking = broker.publish_request::<u64>(MessageEnvelope::new(7), LONG);
    let error = futures_executor::block_on(asking).unwrap_err();
    assert!(matches!(error, BrokerError::MissingCorrelationId(request) if request.message == 7));
}

#[test]
fn shutdown_ends_pending_requests() {
    let broker = broker();
    let stream: MessageStream<u64> = broker.subscribe_blocking().unwrap();
    thread::scope(|scope| {
        let thread = scope.spawn(|| broker.request_blocking::<u64>(MessageEnvelope::new(1), LONG));
        let task = scope.spawn(|| {
            let asking = broker.publish_request::<u64>(question(), LONG);
            futures_executor::block_on(asking)
        });
        while broker.metrics().published < 2 {
            thread::yield_now();
        }
        broker.shutdown();
        assert!(
            matches!(thread.join().unwrap(), Err(RequestError::Closed(request)) if request.message == 1)
        );
        assert!(
            matches!(task.join().unwrap(), Err(BrokerError::Closed(request)) if request.message == 1)
        );
    });
    assert_eq!(futures_executor::block_on_stream(stream).count(), 2);
    let error = broker.request_blocking::<u64>(MessageEnvelope::new(9), LONG).unwrap_err();
    assert!(matches!(error, RequestError::Closed(request) if request.message == 9));
}

/// Only even numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Even(u64);

impl TryFrom<u64> for Even {
    type Error = ();

    fn try_from(number: u64) -> Result<Self, ()> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(()) }
    }
}

#[test]
fn a_reply_of_another_type_comes_back() {
    let broker = broker();
    let adding = adder(&broker);
    let reply = broker.request_blocking::<Even>(MessageEnvelope::new(1), LONG).unwrap();
    assert_eq!(reply.message, Even(2));
    match broker.request_blocking::<Even>(MessageEnvelope::new(2), LONG).unwrap_err() {
        RequestError::Unexpected(reply) => assert_eq!(reply.message, 3),
        other => panic!("{other}"),
    }
    let asking = broker.publish_request::<Even>(
        MessageEnvelope::new(2).with_correlation_id(CorrelationId::new()),
        LONG,
    );
    match futures_executor::block_on(asking).unwrap_err() {
        BrokerError::Unexpected(reply) => assert_eq!(reply.message, 3),
        other => panic!("{other}"),
    }
    broker.shutdown();
    adding.join().unwrap();
}

#[test]
fn who_answers_sees_the_deadline() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let before = std::time::Instant::now();
    asked!(broker, stream, question() => request, seen);
    let deadline = broker.pending(&seen).unwrap().deadline.unwrap();
    // A long time-out is counted from a tick of the system's clock, of 10 ms at most, and is never early.
    let latest = std::time::Instant::now() + LONG + Duration::from_millis(10);
    assert!(deadline >= before + LONG && deadline <= latest);
    std::hint::black_box(&mut request);
}

#[test]
fn a_request_may_wait_for_as_long_as_it_takes() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let mut request = pin!(broker.request::<u64>(question(), Duration::MAX));
    assert!(poll_once(request.as_mut()).is_pending());
    let seen = stream.try_recv().unwrap();
    assert_eq!(broker.pending(&seen).unwrap().deadline, None);
    broker.publish_blocking(seen.reply(2)).unwrap();
    assert!(poll_once(request.as_mut()).is_ready());
}

#[test]
fn futures_can_be_sent_to_other_threads() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let broker = broker();
    drop(sent(broker.request::<u64>(question(), LONG)));
    drop(sent(broker.publish_request::<u64>(question(), LONG)));
    drop(sent(broker.publish(question())));
    drop(sent(broker.subscribe()));
}
