//! What a record looks like.

use std::fmt::{self, Write};
use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};
use stentor::{JournalRecord, Timestamp};

const SEQUENCE: Style = AnsiColor::Yellow.on_default();
const NAME: Style = Style::new().dimmed();
const TOPIC: Style = AnsiColor::Cyan.on_default();
const DEAD: Style = AnsiColor::Red.on_default();

/// A time, to the nanosecond.
pub fn time(at: Timestamp) -> impl fmt::Display {
    humantime::format_rfc3339_nanos(SystemTime::from(at))
}

/// What is known of the message, by name.
fn metadata(record: &JournalRecord) -> Vec<(&'static str, String)> {
    let metadata = &record.metadata;
    let fields = [
        ("message_id", Some(metadata.message_id.to_string())),
        ("sender", metadata.sender.map(|id| id.to_string())),
        ("recipient", metadata.recipient.map(|id| id.to_string())),
        ("reply_to", metadata.reply_to.map(|id| id.to_string())),
        ("correlation_id", metadata.correlation_id.map(|id| id.to_string())),
        ("timestamp", metadata.timestamp.map(|at| time(at).to_string())),
        ("ttl", metadata.ttl.map(|ttl| humantime::format_duration(ttl.as_duration()).to_string())),
        ("trace", metadata.trace.map(|trace| trace.to_string())),
        ("origin", metadata.origin.map(|origin| format!("{origin:?}"))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The payload, if it is JSON.
fn payload(record: &JournalRecord) -> Option<Value> {
    if record.codec != "json" {
        return None;
    }
    serde_json::from_slice(&record.payload).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The record as one line for people. Its colours are taken out where no terminal reads it.
pub fn line(record: &JournalRecord) -> String {
    let mut line = format!("{SEQUENCE}{}{SEQUENCE:#} {}", record.sequence, time(record.at));
    let mut add = |style: Style, text: fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = write!(line, " {style}{text}{style:#}");
    };
    if let Some(topic) = &record.metadata.topic {
        add(TOPIC, format_args!("{topic}"));
    }
    if let Some(reason) = &record.dead_letter {
        add(DEAD, format_args!("[{reason}]"));
    }
    for (name, value) in metadata(record) {
        add(NAME, format_args!("{name}={value}"));
    }
    match payload(record) {
        Some(json) => add(Style::new(), format_args!("{json}")),
        None => add(Style::new(), format_args!("{}:{}", record.codec, hex(&record.payload))),
    }
    line
}

/// The record as JSON.
pub fn json(record: &JournalRecord) -> Value {
    let mut object = Map::new();
    object.insert("sequence".into(), json!(record.sequence));
    object.insert("journalled_at".into(), json!(time(record.at).to_string()));
    if let Some(topic) = &record.metadata.topic {
        object.insert("topic".into(), json!(topic.as_str()));
    }
    if let Some(reason) = &record.dead_letter {
        object.insert("dead_letter".into(), json!(reason));
    }
    for (name, value) in metadata(record) {
        object.insert(name.into(), json!(value));
    }
    object.insert("codec".into(), json!(record.codec));
    match payload(record) {
        Some(json) => object.insert("payload".into(), json),
        None => object.insert("payload_hex".into(), json!(hex(&record.payload))),
    };
    Value::Object(object)
}
