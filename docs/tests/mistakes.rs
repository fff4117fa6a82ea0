//! Each of the mistakes in the chapter about them is made here, in a process of its own: it prints what the chapter
//! says, and its code is the chapter's.

use std::process::{Command, ExitCode};

use stentor::*;

const CHAPTER: &str = include_str!("../src/mistakes.md");

/// Functions, with their names and their code.
macro_rules! mistakes {
    ($(fn $name:ident() $body:block)+) => {
        /// Makes the mistake of this name.
        fn make(name: &str) {
            match name {
                $(stringify!($name) => $body)+
                _ => panic!("no mistake is called {name}"),
            }
        }
        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

mistakes! {
    fn no_room() {
        let bus = Bus::<u64>::new(0);
        drop(bus);
    }
    fn history_larger_than_ring() {
        let bus = Bus::<u64>::builder().capacity(8).retain(9).build();
        drop(bus);
    }
    fn stage_of_another_bus() {
        let (bus, other) = (Bus::<u64>::new(8), Bus::<u64>::new(8));
        let journal = other.subscriber().name("journal").subscribe();
        let audit = bus.subscriber().after(&[&journal]).subscribe();
        drop(audit);
    }
    fn forgotten_subscriber() {
        let bus = Bus::new(8);
        let publisher = bus.publisher();
        let _forgotten = bus.subscribe();
        for n in 0..9_u64 {
            publisher.try_publish(n).unwrap();
        }
    }
    fn publishing_after_the_end() {
        let bus = Bus::new(8);
        let publisher = bus.publisher();
        bus.close();
        publisher.publish(1_u64).unwrap();
    }
    fn receiving_without_an_end() {
        let bus = Bus::new(8);
        let mut subscriber = bus.subscribe();
        bus.publisher().publish(1_u64).unwrap(); // the last publisher, dropped at once
        loop {
            println!("{}", subscriber.recv().unwrap());
        }
    }
    fn a_gap_that_is_no_error() {
        let bus = Bus::new(2);
        let publisher = bus.publisher();
        let mut lossy = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        for n in 0..3_u64 {
            publisher.publish(n).unwrap();
        }
        println!("{}", lossy.recv().unwrap());
    }
    fn asking_nobody() {
        let broker = InMemoryMessageBroker::<u64>::builder().build();
        let within = std::time::Duration::from_secs(1);
        broker.request_blocking::<u64>(MessageEnvelope::new(1), within).unwrap();
    }
    fn no_topic() {
        let topic = Topic::new("prices tea").unwrap();
        drop(topic);
    }
    fn no_threads() {
        let bus = Bus::<u64>::new(8);
        let router = Router::builder(&bus).threads(0).start().unwrap();
        drop(router);
    }
}

/// The code of a mistake as it stands above, at the left margin.
fn code(name: &str) -> String {
    let own = include_str!("mistakes.rs");
    let (_, rest) = own.split_once(&format!("    fn {name}() {{\n")).expect("it is in this file");
    let (body, _) = rest.split_once("\n    }\n").expect("it ends");
    body.lines()
        .map(|line| line.strip_prefix("        ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a process prints that makes the mistake, without the place and the hint that follow from where it is made.
fn printed(name: &str) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.arg(name).env("RUST_BACKTRACE", "0").output().expect("it runs");
    assert!(!output.status.success(), "{name} was no mistake");
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let is_said = |line: &&str| {
        !(line.is_empty()
            || line.starts_with("thread 'main'")
            || line.starts_with("note: run with"))
    };
    text.lines().filter(is_said).collect::<Vec<_>>().join("\n")
}

fn main() -> ExitCode {
    if let Some(name) = std::env::args().nth(1).filter(|name| NAMES.contains(&name.as_str())) {
        make(&name);
        return ExitCode::SUCCESS;
    }
    let mut is_right = true;
    for name in NAMES {
        let wanted = format!("{}\n```\n\n```text\n{}\n```\n", code(name), printed(name));
        if !CHAPTER.contains(&wanted) {
            is_right = false;
            eprintln!("the chapter has another code or another text for {name} than:\n{wanted}");
        }
    }
    assert_eq!(CHAPTER.matches("```text").count(), NAMES.len(), "each text belongs to a mistake");
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
