//! What a broker beyond the process says of itself, through the `metrics` facade.

use metrics::{counter, gauge};

use crate::broker::ConnectionState;
use crate::hook::Metrics;
use crate::remote::metrics::RemoteMetrics;

impl Metrics {
    /// Tells the exporter what a broker beyond the process says of itself. Call it every few seconds, or before each
    /// scrape. What the hook counts by itself needs none of it.
    ///
    /// | metric | kind | is |
    /// |---|---|---|
    /// | `stentor_remote_state` | gauge, by `state` | 1 for `connected`, `reconnecting` or `closed`, 0 for the others |
    /// | `stentor_remote_connections_lost_total` | counter | [`connections_lost`](RemoteMetrics::connections_lost) |
    /// | `stentor_remote_interruptions_total` | counter | [`interruptions`](RemoteMetrics::interruptions) |
    /// | `stentor_remote_published_total` | counter | [`published`](RemoteMetrics::published) |
    /// | `stentor_remote_buffered_total` | counter | [`buffered`](RemoteMetrics::buffered) |
    /// | `stentor_remote_buffer_messages`, `_bytes` | gauges | [`buffer_messages`](RemoteMetrics::buffer_messages), [`buffer_bytes`](RemoteMetrics::buffer_bytes) |
    /// | `stentor_remote_received_total` | counter | [`received`](RemoteMetrics::received) |
    /// | `stentor_remote_dropped_total` | counter | [`dropped`](RemoteMetrics::dropped) |
    /// | `stentor_remote_undecodable_total` | counter | [`undecodable`](RemoteMetrics::undecodable) |
    /// | `stentor_remote_redelivered_total` | counter | [`redelivered`](RemoteMetrics::redelivered) |
    /// | `stentor_remote_failed_acks_total` | counter | [`failed_acks`](RemoteMetrics::failed_acks) |
    /// | `stentor_remote_streams` | gauge | [`streams`](RemoteMetrics::streams) |
    /// | `stentor_pending_requests` | gauge | requests that wait |
    ///
    /// All have the label `broker`.
    pub fn record_remote(&self, now: &RemoteMetrics) {
        let total = |name: &'static str, count: u64| {
            counter!(name, "broker" => self.broker()).absolute(count);
        };
        total("stentor_remote_connections_lost_total", now.connections_lost);
        total("stentor_remote_interruptions_total", now.interruptions);
        total("stentor_remote_published_total", now.published);
        total("stentor_remote_buffered_total", now.buffered);
        total("stentor_remote_received_total", now.received);
        total("stentor_remote_dropped_total", now.dropped);
        total("stentor_remote_undecodable_total", now.undecodable);
        total("stentor_remote_redelivered_total", now.redelivered);
        total("stentor_remote_failed_acks_total", now.failed_acks);
        let level = |name: &'static str, value: usize| {
            gauge!(name, "broker" => self.broker()).set(value as f64);
        };
        level("stentor_remote_buffer_messages", now.buffer_messages);
        level("stentor_remote_buffer_bytes", now.buffer_bytes);
        level("stentor_remote_streams", now.streams);
        level("stentor_pending_requests", now.requests.pending);
        self.record_state(now.state);
    }

    fn record_state(&self, now: ConnectionState) {
        for (state, name) in [
            (ConnectionState::Connected, "connected"),
            (ConnectionState::Reconnecting, "reconnecting"),
            (ConnectionState::Closed, "closed"),
        ] {
            let is_it = f64::from(u8::from(state == now));
            gauge!("stentor_remote_state", "broker" => self.broker(), "state" => name).set(is_it);
        }
    }
}
