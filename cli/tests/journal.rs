//! The real command, on journals of this process and with a real server.

#[path = "../../tests/servers/mod.rs"]
mod servers;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use servers::Server;
use stentor::{
    ActorAddress, DeadLetterReason, InMemoryMessageBroker, Journal, JournalConfig, Json,
    MessageBroker, MessageEnvelope, NatsMessageBroker, ReplayQuery, Topic,
};

struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stentor-cli-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn journal(&self) -> Journal<String> {
        let config = JournalConfig { segment_bytes: 4096, ..JournalConfig::default() };
        Journal::open_with(&self.0, config, Json).unwrap()
    }

    /// A journal of so many messages of two topics.
    fn filled(test: &str, count: usize) -> Self {
        let dir = Self::new(test);
        let journal = dir.journal();
        for n in 0..count {
            let topic = Topic::new(if n % 2 == 0 { "orders.eu" } else { "news" }).unwrap();
            let envelope = MessageEnvelope::new(format!("message {n}")).with_topic(topic);
            journal.append(&envelope).unwrap();
        }
        dir
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(command: &str, path: &Path, arguments: &[&str]) -> Command {
    let mut stentor = Command::new(env!("CARGO_BIN_EXE_stentor"));
    stentor.args(["journal", command]).args(arguments).arg(path);
    stentor
}

fn run(name: &str, dir: &Dir, arguments: &[&str]) -> Output {
    command(name, &dir.0, arguments).output().unwrap()
}

/// What it has printed, if it ended with this code.
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn info_says_what_is_there() {
    let dir = Dir::filled("info", 100);
    let text = printed(&run("info", &dir, &["--segments"]), 0);
    assert!(text.contains("records    100\nsequences  0 to 100\n"), "{text}");
    assert!(text.contains("open       no\n"), "{text}");
    let json: Value = serde_json::from_str(&printed(&run("info", &dir, &["--json"]), 0)).unwrap();
    assert_eq!((&json["first"], &json["next"]), (&0.into(), &100.into()));
    assert!(json["segments"].as_array().unwrap().len() > 1);
    let _journal = dir.journal();
    assert!(printed(&run("info", &dir, &[]), 0).contains("open       yes\n"));
}

#[test]
fn cat_prints_metadata_and_payloads_and_selects() {
    let dir = Dir::filled("cat", 10);
    let text = printed(&run("cat", &dir, &["--topic", "orders.*", "--from", "4"]), 0);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("4 20") && lines[0].ends_with(r#""message 4""#), "{text}");
    assert!(lines[0].contains(" orders.eu message_id="), "{text}");
    let json = printed(&run("cat", &dir, &["--json", "-n", "1", "--since", "1h"]), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["sequence"], &json["payload"]), (&0.into(), &"message 0".into()));
    assert_eq!((&json["codec"], &json["topic"]), (&"json".into(), &"orders.eu".into()));
    // No terminal reads it.
    assert!(!text.contains('\x1b'));
}

#[test]
fn other_codecs_are_shown_in_hexadecimal_digits() {
    let dir = Dir::new("hex");
    let journal = Journal::<u64>::open(&dir.0, JournalConfig::default()).unwrap();
    journal.append(&MessageEnvelope::new(300).with_sender(ActorAddress::new())).unwrap();
    assert!(printed(&run("cat", &dir, &[]), 0).ends_with(" postcard:ac02\n"));
    let json: Value = serde_json::from_str(&printed(&run("cat", &dir, &["--json"]), 0)).unwrap();
    assert_eq!(json["payload_hex"], "ac02");
    assert_eq!(json["sender"].as_str().unwrap().len(), 32);
}

#[test]
fn grep_finds_and_says_by_its_code_whether() {
    let dir = Dir::filled("grep", 100);
    let output = command("grep", Path::new("message 7"), &[]).arg(&dir.0).output().unwrap();
    assert_eq!(printed(&output, 0).lines().count(), 11);
    let output = command("grep", Path::new("message 7"), &["-c"]).arg(&dir.0).output().unwrap();
    assert_eq!(printed(&output, 0), "11\n");
    let output = command("grep", Path::new("nowhere"), &[]).arg(&dir.0).output().unwrap();
    assert_eq!(printed(&output, 3), "");
}

#[test]
fn tail_prints_the_last_and_follows_across_segments() {
    let dir = Dir::filled("tail", 100);
    let text = printed(&run("tail", &dir, &["-n", "2"]), 0);
    assert_eq!(text.lines().map(|line| &line[..3]).collect::<Vec<_>>(), ["98 ", "99 "]);
    let mut tail = command("tail", &dir.0, &["-f", "-n", "1", "--json"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || {
        let json: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        json["sequence"].as_u64().unwrap()
    };
    assert_eq!(next(), 99);
    let journal = dir.journal();
    for n in 100..200 {
        journal.append(&MessageEnvelope::new(format!("message {n}"))).unwrap();
        assert_eq!(next(), n);
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn verify_finds_what_is_broken_and_cuts_it_off() {
    let dir = Dir::filled("verify", 300);
    let text = printed(&run("verify", &dir, &[]), 0);
    assert!(text.starts_with("300 records in "), "{text}");
    let mut segments: Vec<_> = fs::read_dir(&dir.0)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .collect();
    segments.sort();
    let mut bytes = fs::read(&segments[2]).unwrap();
    bytes[1000] ^= 1;
    fs::write(&segments[2], &bytes).unwrap();
    let text = printed(&run("verify", &dir, &[]), 3);
    assert!(text.contains(&format!("{} is corrupt at offset ", segments[2].display())), "{text}");
    let text = printed(&run("verify", &dir, &["--cut"]), 3);
    assert!(text.contains("it ends before sequence "), "{text}");
    assert_eq!(fs::read(segments[2].with_extension("journal.cut")).unwrap(), bytes);
    assert_eq!(run("verify", &dir, &[]).status.code(), Some(0));
    let journal = dir.journal();
    let left = journal.stats().next;
    assert!((1..300).contains(&left));
    journal.append(&MessageEnvelope::new("goes on".into())).unwrap();
    assert_eq!(journal.replay(ReplayQuery::new()).unwrap().count() as u64, left + 1);
}

#[test]
fn compact_deletes_what_is_not_to_be_kept() {
    let dir = Dir::filled("compact", 300);
    assert_eq!(run("compact", &dir, &[]).status.code(), Some(2), "what to keep is to be said");
    let text = printed(&run("compact", &dir, &["--records", "50"]), 0);
    assert!(text.starts_with("deleted "), "{text}");
    let first = dir.journal().stats().first;
    assert!((150..=250).contains(&first), "{first}");
}

#[test]
fn errors_name_the_path_and_help_is_there() {
    let dir = Dir::new("none");
    let output = run("cat", &dir, &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = "is no journal: expected a directory with segments\n";
    assert_eq!(error, format!("error: {} {expected}", dir.0.display()));
    let output = run("replay", &dir, &["--to", "http://x"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("expected nats://host:port"));
    for name in ["info", "cat", "tail", "grep", "replay", "requeue", "verify", "compact"] {
        assert!(printed(&run(name, &dir, &["--help"]), 0).contains("Usage: stentor journal"));
    }
}

#[tokio::test]
async fn replay_and_requeue_publish_at_a_server() {
    let server = Server::nats();
    let broker =
        NatsMessageBroker::<String>::with_codec(server.url(), Json).connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    let dir = Dir::filled("replay", 20);
    let arguments = ["--to", &server.url(), "--topic", "orders.eu"];
    let run = async |name: &'static str| {
        let (path, arguments) = (dir.0.clone(), arguments.map(str::to_owned));
        let work = move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            command(name, &path, &arguments).output().unwrap()
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    assert_eq!(printed(&run("replay").await, 0), "published 10 messages\n");
    for n in (0..20).step_by(2) {
        let envelope = stream.recv().await.unwrap();
        assert_eq!(envelope.message, format!("message {n}"));
        assert_eq!(envelope.metadata.topic.unwrap().as_str(), "orders.eu");
    }

    let local = InMemoryMessageBroker::<String>::builder().build();
    let journal = dir.journal();
    let letters = journal.keep_dead_letters(&local).unwrap();
    let letter = MessageEnvelope::new("lost".to_owned());
    let letter = letter.with_topic(Topic::new("orders.eu").unwrap());
    local.report_dead_letter(letter.clone(), DeadLetterReason::UnknownRecipient);
    drop(local);
    letters.join();
    let output = run("requeue").await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("is open already; close that journal first"), "{error}");
    drop(journal);
    assert_eq!(printed(&run("requeue").await, 0), "published 1 dead letters again\n");
    // It has got a timestamp, for it was never published before.
    let again = stream.recv().await.unwrap();
    assert_eq!(again.metadata.message_id, letter.metadata.message_id);
    assert_eq!((again.message, again.metadata.topic), (letter.message, letter.metadata.topic));
    assert_eq!(printed(&run("requeue").await, 0), "published 0 dead letters again\n");
}
