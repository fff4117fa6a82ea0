//! `Tracing`: the context travels, handling is a new root that follows from the sender's span, and what nobody
//! listens to is not made.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use stentor::{InMemoryMessageBroker, MessageEnvelope, MessageStream, TraceContext, Tracing};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Span, Subscriber, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Writes down spans and links between them.
#[derive(Clone, Default)]
struct Spy {
    written: Arc<Mutex<Vec<String>>>,
}

impl Spy {
    fn write(&self, line: String) {
        self.written.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spy {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let span = cx.span(id).unwrap();
        let parent = span.parent().map_or("no parent", |parent| parent.name());
        self.write(format!("{} under {parent}", span.name()));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        // A span that has ended is not found any more.
        let name = |id| cx.span(id).map_or("nothing", |span| span.name());
        self.write(format!("{} follows {}", name(id), name(follows)));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        if event.metadata().target() == "stentor::messages" {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.write(message.0);
        }
    }
}

struct Fixture {
    tracing: Tracing,
    broker: InMemoryMessageBroker<u32, Tracing>,
    stream: MessageStream<u32>,
}

impl Fixture {
    fn new(tracing: Tracing) -> Self {
        let broker = InMemoryMessageBroker::builder().hooks(tracing.clone()).build();
        let stream = broker.subscribe_blocking().unwrap();
        Self { tracing, broker, stream }
    }

    /// A message as its subscriber gets it.
    fn send(&mut self, envelope: MessageEnvelope<u32>) -> MessageEnvelope<u32> {
        self.broker.publish_blocking(envelope).unwrap();
        self.stream.try_recv().unwrap()
    }

    fn context(&mut self) -> TraceContext {
        self.send(MessageEnvelope::new(0)).metadata.trace.unwrap()
    }
}

/// Runs a test while a spy listens to what is of this level at least.
fn listening(level: LevelFilter, test: impl FnOnce(&Spy)) {
    let spy = Spy::default();
    let subscriber = Registry::default().with(level).with(spy.clone());
    tracing::subscriber::with_default(subscriber, || test(&spy));
}

#[test]
fn handling_is_a_new_root_that_follows_from_the_senders_span() {
    listening(LevelFilter::TRACE, |spy| {
        let mut it = Fixture::new(Tracing::new());
        let sending = info_span!("sending");
        let envelope = sending.in_scope(|| it.send(MessageEnvelope::new(1)));
        spy.take();
        // Within another span, and still a root.
        info_span!("worker").in_scope(|| it.tracing.handling(&envelope));
        let expected =
            ["worker under no parent", "handle under no parent", "handle follows sending"];
        assert_eq!(spy.take(), expected);
    });
}

#[test]
fn a_conversation_is_a_chain_of_traces() {
    listening(LevelFilter::TRACE, |spy| {
        let mut it = Fixture::new(Tracing::new());
        let mut traces = HashSet::new();
        let mut envelope = it.send(MessageEnvelope::new(0));
        for n in 1..10 {
            let handling = it.tracing.handling(&envelope);
            spy.take();
            envelope = handling.in_scope(|| it.send(MessageEnvelope::new(n)));
            assert!(traces.insert(envelope.metadata.trace.unwrap().trace_id()));
            it.tracing.handling(&envelope);
            assert!(spy.take().contains(&"handle follows handle".to_owned()));
        }
    });
}

#[test]
fn messages_of_one_span_share_its_context() {
    listening(LevelFilter::TRACE, |_| {
        let mut it = Fixture::new(Tracing::new());
        let (one, other) = (info_span!("one"), info_span!("other"));
        let first = one.in_scope(|| it.context());
        assert_eq!(one.in_scope(|| it.context()), first);
        assert_ne!(other.in_scope(|| it.context()), first);
        assert_eq!(one.in_scope(|| it.context()), first);
        assert!(first.is_sampled());
    });
}

#[test]
fn each_message_outside_of_spans_begins_a_trace() {
    let mut it = Fixture::new(Tracing::new());
    let contexts: Vec<_> = (0..1000).map(|_| it.context()).collect();
    let different = |ids: Vec<u128>| ids.into_iter().collect::<HashSet<_>>().len();
    assert_eq!(different(contexts.iter().map(TraceContext::trace_id).collect()), 1000);
    assert_eq!(different(contexts.iter().map(|it| it.span_id().into()).collect()), 1000);
}

#[test]
fn a_context_that_is_there_stays() {
    let mut it = Fixture::new(Tracing::new());
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context: TraceContext = header.parse().unwrap();
    let envelope = it.send(MessageEnvelope::new(1).with_trace(context));
    assert_eq!(envelope.metadata.trace.unwrap().to_string(), header);
}

#[test]
fn another_library_may_name_the_spans() {
    listening(LevelFilter::TRACE, |spy| {
        let context = TraceContext::new(7, 8, 1);
        let mut it = Fixture::new(Tracing::with_context(move || context));
        let sending = info_span!("sending");
        let envelope = sending.in_scope(|| it.send(MessageEnvelope::new(1)));
        assert_eq!(envelope.metadata.trace, context);
        spy.take();
        it.tracing.handling(&envelope);
        assert_eq!(spy.take(), ["handle under no parent", "handle follows sending"]);
    });
}

#[test]
fn a_span_that_has_ended_is_not_kept_alive() {
    listening(LevelFilter::TRACE, |spy| {
        let mut it = Fixture::new(Tracing::new());
        let envelope = info_span!("sending").in_scope(|| it.send(MessageEnvelope::new(1)));
        spy.take();
        it.tracing.handling(&envelope);
        assert_eq!(spy.take(), ["handle under no parent", "handle follows nothing"]);
    });
}

#[test]
fn what_nobody_listens_to_is_not_made() {
    listening(LevelFilter::DEBUG, |spy| {
        let mut it = Fixture::new(Tracing::new());
        let envelope = it.send(MessageEnvelope::new(1));
        let handling: Span = it.tracing.handling(&envelope);
        assert!(handling.is_disabled());
        assert_eq!(spy.take(), [""; 0]);
    });
}

#[test]
fn what_happens_to_messages_is_told() {
    listening(LevelFilter::TRACE, |spy| {
        let mut it = Fixture::new(Tracing::new());
        it.send(MessageEnvelope::new(1));
        let wait = std::time::Duration::ZERO;
        it.broker.request_blocking::<u32>(MessageEnvelope::new(2), wait).unwrap_err();
        let request = it.stream.try_recv().unwrap();
        it.broker.publish_blocking(request.reply(3)).unwrap();
        it.broker.shutdown();
        it.broker.publish_blocking(MessageEnvelope::new(4)).unwrap_err();
        let told = spy.take();
        let expected = ["published", "delivered", "published", "timed out", "delivered"];
        assert_eq!(told[..5], expected);
        assert_eq!(told[5..], ["published", "dead letter", "not published"]);
    });
}
