//! What a broker does, as a page for Prometheus. It scrapes itself once, prints what it finds, and ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use metrics_exporter_prometheus::PrometheusBuilder;
use stentor::{InMemoryMessageBroker, MessageEnvelope, Metrics, SubscribeOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Before the hook is made, which looks its counters up then. A service would take a fixed port.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    PrometheusBuilder::new().with_http_listener(address).install()?;

    let broker = InMemoryMessageBroker::builder().hooks(Metrics::new("orders")).build();
    let mut quick = broker.subscribe_with(SubscribeOptions::new().name("quick"))?;
    let _slow = broker.subscribe_with(SubscribeOptions::new().name("slow"))?;
    for order in 0..100 {
        broker.publish_blocking(MessageEnvelope::new(order))?;
        quick.recv_blocking();
    }
    // The gauges; a service would do so every few seconds.
    broker.hooks().record(&broker.metrics());

    let page = tokio::task::spawn_blocking(move || scrape(address)).await??;
    for line in page.lines().filter(|line| line.starts_with("stentor_")) {
        println!("{line}");
    }
    Ok(())
}

/// What Prometheus would read.
fn scrape(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    connection.read_to_string(&mut page)?;
    Ok(page)
}
