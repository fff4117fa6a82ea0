//! What brokers beyond the process tell an exporter.

mod servers;

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use servers::Server;
use stentor::{
    ConnectionState, MessageBroker, MessageEnvelope, Metrics, NatsMessageBroker, Outage,
    RedisMessageBroker, RedisStreams, RemoteConfig, RemoteSubscribe,
};

/// One test, for there is one exporter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exporter_has_it_all() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    metrics::set_global_recorder(exporter).unwrap();
    let told = |broker: &str, name: &str, labels: &str, value: u64| {
        let line = format!("stentor_{name}{{broker=\"{broker}\"{labels}}} {value}");
        let page = page.render();
        assert!(page.lines().any(|found| found == line), "no {line} in\n{page}");
    };

    // NATS, with an outage.
    let mut server = Server::nats();
    let outage = Outage::Buffer { messages: 10, bytes: 10_000 };
    let config = RemoteConfig { outage, drain: Duration::ZERO, ..RemoteConfig::default() };
    let hook = Metrics::new("nats");
    let broker = NatsMessageBroker::<u64>::builder(server.url()).config(config).hooks(hook.clone());
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    let bare = async_nats::connect(server.url()).await.unwrap();
    bare.publish("stentor.-.-", "no message".into()).await.unwrap();
    bare.flush().await.unwrap();
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(stream.recv().await.unwrap().message, 1);
    hook.record_remote(&broker.metrics());
    told("nats", "remote_published_total", "", 1);
    told("nats", "remote_received_total", "", 1);
    told("nats", "remote_undecodable_total", "", 1);
    told("nats", "remote_streams", "", 1);
    told("nats", "remote_state", ",state=\"connected\"", 1);
    told("nats", "published_total", "", 1);
    told("nats", "delivered_total", "", 1);
    server.kill();
    let mut state = broker.state();
    state.wait_for(|state| *state == ConnectionState::Reconnecting).await.unwrap();
    broker.publish(MessageEnvelope::new(2)).await.unwrap();
    hook.record_remote(&broker.metrics());
    told("nats", "remote_state", ",state=\"connected\"", 0);
    told("nats", "remote_state", ",state=\"reconnecting\"", 1);
    told("nats", "remote_connections_lost_total", "", 1);
    told("nats", "remote_buffered_total", "", 1);
    told("nats", "remote_buffer_messages", "", 1);
    broker.shutdown().await;
    hook.record_remote(&broker.metrics());
    told("nats", "remote_state", ",state=\"closed\"", 1);
    told("nats", "remote_buffer_messages", "", 0);
    told("nats", "dead_letters_total", ",reason=\"unsent\"", 1);

    // Redis Streams, with a message that comes again.
    let server = Server::redis();
    let hook = Metrics::new("redis");
    let broker = RedisMessageBroker::<u64>::builder(server.url()).hooks(hook.clone());
    let broker = broker.streams(RedisStreams::new()).connect().await.unwrap();
    let workers = RemoteSubscribe::new().group("workers");
    let mut stream = broker.subscribe_acked(workers).await.unwrap();
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    stream.recv().await.unwrap().nack();
    stream.recv().await.unwrap().ack();
    hook.record_remote(&broker.metrics());
    told("redis", "remote_received_total", "", 2);
    told("redis", "remote_redelivered_total", "", 1);
    told("redis", "remote_failed_acks_total", "", 0);
    told("redis", "delivered_total", "", 2);
}
