//! A writer that is killed at any moment: what was acknowledged as durable is there, whole, without a hole.
//!
//! `STENTOR_CRASHES=n` sets how often it is killed.

mod journals;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use journals::{Dir, Random, child, told};
use stentor::{
    Durability, InMemoryMessageBroker, Journal, JournalConfig, MessageEnvelope, ReplayQuery,
};

/// The run, the publisher, and the number of its message. The text makes records of different lengths.
type Message = (u64, u64, u64, String);

fn config(run: u64) -> JournalConfig {
    let durability = match run % 3 {
        0 => Durability::EveryBatch,
        1 => Durability::Interval(Duration::from_millis(5)),
        _ => Durability::Os,
    };
    JournalConfig { durability, segment_bytes: 4096 << (run % 4), ..JournalConfig::default() }
}

/// How long the text of a message is: some take so long to write that the process is killed meanwhile.
fn length(number: u64) -> u64 {
    if number % 16 == 15 { number * 7919 % 400_000 } else { number * 37 % 300 }
}

/// Publishes without end, and says what is durable.
fn write(told: &Path) {
    let run: u64 = told.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let dir = told.parent().unwrap();
    let journal = Journal::<Message>::open(dir, config(run)).unwrap();
    let broker = InMemoryMessageBroker::builder().capacity(64).build();
    let stage = journal.stage(&broker).start().unwrap();
    thread::scope(|scope| {
        for publisher in 0..3 {
            let (broker, stage) = (&broker, &stage);
            scope.spawn(move || {
                for number in 0.. {
                    let text = "x".repeat(length(number) as usize);
                    let envelope = MessageEnvelope::new((run, publisher, number, text));
                    broker.publish_durable_blocking(envelope, stage).unwrap();
                    // One write to the pipe: a line is there, or it is not.
                    let line = format!("durable {run} {publisher} {number}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Kills a writer after a while. Gives what it had said to be durable.
fn killed(dir: &Path, run: u64, random: &mut Random) -> Vec<(u64, u64, u64)> {
    let told = dir.join(run.to_string());
    let mut child = child("what_was_durable_when_the_writer_was_killed_is_there", &told)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let durable = lines.filter_map(|line| {
            let mut numbers = line.strip_prefix("durable ")?.split(' ').map(|n| n.parse().unwrap());
            Some((numbers.next()?, numbers.next()?, numbers.next()?))
        });
        durable.collect::<Vec<_>>()
    });
    // From before it has opened the journal to many batches later.
    thread::sleep(Duration::from_micros(random.below(60_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn what_was_durable_when_the_writer_was_killed_is_there() {
    if let Some(told) = told() {
        return write(&told);
    }
    let runs = std::env::var("STENTOR_CRASHES").map_or(24, |runs| runs.parse().unwrap());
    let mut random = Random::new();
    let dir = Dir::new();
    std::fs::create_dir_all(dir.path()).unwrap();
    let (mut durable, mut cuts) = (Vec::new(), 0);
    for run in 0..runs {
        durable.extend(killed(dir.path(), run, &mut random));
        let journal = Journal::<Message>::open(dir.path(), config(run)).unwrap();
        cuts += u64::from(journal.recovery().cut > 0);
        let mut found = HashSet::new();
        for (next, journalled) in (0..).zip(journal.replay(ReplayQuery::new()).unwrap()) {
            let journalled = journalled.unwrap();
            assert_eq!(journalled.sequence, next);
            let (run, publisher, number, text) = journalled.envelope.message;
            assert_eq!(text.len() as u64, length(number));
            assert!(found.insert((run, publisher, number)), "twice: {run} {publisher} {number}");
        }
        let lost: Vec<_> = durable.iter().filter(|message| !found.contains(message)).collect();
        assert!(lost.is_empty(), "run {run}: {lost:?} were durable and are not there");
        if run % 50 == 49 {
            // So that reading it all again takes no longer and longer.
            drop(journal);
            std::fs::remove_dir_all(dir.path()).unwrap();
            std::fs::create_dir_all(dir.path()).unwrap();
            println!("{} runs, {} durable in the last, {cuts} torn ends", run + 1, durable.len());
            durable.clear();
        }
    }
    println!("{runs} runs, {cuts} torn ends cut off");
}
