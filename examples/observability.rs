//! A service that can be watched: its numbers are a page for Prometheus, its spans are exported by OpenTelemetry, here
//! to the standard output. It answers a few questions, scrapes itself, and ends. With an address it stays, and
//! `docs/grafana/stentor.json` is a dashboard for it:
//!
//! ```text
//! cargo run --example observability --features metrics,tracing -- 127.0.0.1:9464
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use stentor::{
    InMemoryMessageBroker, MessageBroker, MessageEnvelope, Metrics, Overflow, SubscribeOptions,
    Topic, TraceContext, Tracing, TryRecvError,
};
use tracing::{Instrument, Level, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

type Broker = InMemoryMessageBroker<u64, (Metrics, Tracing)>;
type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let wish: Option<SocketAddr> = std::env::args().nth(1).map(|text| text.parse()).transpose()?;
    let address = wish.map_or_else(free_address, Ok)?;
    let spans = export_spans();
    serve_metrics(address)?;
    let broker = start()?;
    loop {
        work(&broker).await?;
        if wish.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let page = tokio::task::spawn_blocking(move || scrape(address)).await??;
    let is_told = |line: &&str| line.starts_with("stentor_") && !line.ends_with(" 0");
    page.lines().filter(is_told).for_each(|line| println!("{line}"));
    broker.shutdown();
    Ok(spans.shutdown()?)
}

/// Exports each span when it ends. A service would send them in batches, by OTLP.
fn export_spans() -> SdkTracerProvider {
    let exporter = opentelemetry_stdout::SpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("squares"));
    let wanted = Targets::new()
        .with_target("stentor::messages", Level::TRACE) // the spans of handling
        .with_default(Level::INFO);
    tracing_subscriber::registry().with(layer.with_filter(wanted)).init();
    provider
}

/// The current span, as OpenTelemetry calls it: what a message carries to whoever handles it, wherever that is.
fn current_context() -> Option<TraceContext> {
    let context = Span::current().context();
    let span = context.span();
    let (trace, id) = (span.span_context().trace_id(), span.span_context().span_id());
    let flags = span.span_context().trace_flags().to_u8();
    TraceContext::new(
        u128::from_be_bytes(trace.to_bytes()),
        u64::from_be_bytes(id.to_bytes()),
        flags,
    )
}

/// Before the broker is made, whose hook looks its counters up then.
pub fn serve_metrics(address: SocketAddr) -> Outcome<()> {
    // With buckets, quantiles can be computed over several processes; the dashboard does.
    let seconds = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];
    let requests = Matcher::Full("stentor_request_seconds".into());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(requests, &seconds)?;
    Ok(builder.with_http_listener(address).install()?)
}

/// A broker, and a task that answers with squares what it is asked.
pub fn start() -> Outcome<Broker> {
    let hooks = (Metrics::new("squares"), Tracing::with_context(current_context));
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(8).hooks(hooks).build();
    let questions = SubscribeOptions::new().name("service").topic("squares");
    let mut questions = broker.subscribe_with(questions)?;
    let service = broker.clone();
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let span = service.hooks().1.handling(&question); // linked to the span of who asks
            let square = question.reply(question.message.pow(2));
            if service.publish(square).instrument(span).await.is_err() {
                break; // shut down
            }
        }
    });
    Ok(broker)
}

/// Ten questions, one that nobody answers, and a monitor that does not keep up.
pub async fn work(broker: &Broker) -> Outcome<()> {
    let monitor = SubscribeOptions::new().name("monitor").overflow(Overflow::DropOldest);
    let mut monitor = broker.subscribe_with(monitor)?;
    let ask = |number, topic, within| async move {
        let question = MessageEnvelope::new(number).with_topic(Topic::new(topic)?);
        let answer = broker.request::<u64>(question, within);
        Outcome::Ok(answer.instrument(info_span!("ask", number)).await?)
    };
    for number in 1..=10 {
        ask(number, "squares", Duration::from_secs(10)).await?;
    }
    ask(2, "cubes", Duration::from_millis(1)).await.expect_err("nobody knows cubes");
    broker.hooks().0.record(&broker.metrics()); // the gauges
    while !matches!(monitor.try_recv(), Err(TryRecvError::Empty)) {}
    Ok(())
}

/// What Prometheus would read.
pub fn scrape(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    connection.read_to_string(&mut page)?;
    Ok(page)
}

/// An address that nobody has.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
