//! What the system refuses: another process has the journal, the directory cannot be written, the disk is full. Each
//! error names the path and what to do, and the policy decides how it goes on.
#![cfg(target_os = "linux")]

mod journals;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use journals::{Dir, all, append, child, told};
use stentor::{
    BrokerError, InMemoryMessageBroker, Journal, JournalConfig, JournalReader, MessageEnvelope,
    OnFailure, PublishDurableError, RecvTimeoutError, SubscribeOptions,
};

/// Runs this test in another process, and gives what it has printed behind `child: `.
fn run_child(test: &str, told: &Path) -> Vec<String> {
    let output = child(test, told).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the child failed: {output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| line.split_once("child: "))
        .map(|(_, said)| said.into())
        .collect()
}

fn say(what: impl std::fmt::Display) {
    println!("\nchild: {what}");
}

fn open(dir: &Path) -> Result<Journal<u64>, stentor::JournalError> {
    Journal::open(dir, JournalConfig::default())
}

#[test]
fn a_second_journal_on_the_directory_is_refused_and_readers_are_not() {
    if let Some(dir) = told() {
        say(open(&dir).unwrap_err());
        let reader = JournalReader::open(&dir).unwrap();
        say(reader.stats().next);
        say(reader.is_open().unwrap());
        return;
    }
    let dir = Dir::new();
    let journal = open(dir.path()).unwrap();
    append(&journal, 0..5);
    let expected = "is open already; close that journal first, or only read it";
    let expected = format!("{} {expected}", dir.path().display());
    assert_eq!(open(dir.path()).unwrap_err().to_string(), expected);
    let said =
        run_child("a_second_journal_on_the_directory_is_refused_and_readers_are_not", dir.path());
    assert_eq!(said, [expected.as_str(), "5", "true"]);
    drop(journal);
    assert_eq!(all(&open(dir.path()).unwrap()).len(), 5);
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    if let Some(dir) = told() {
        // SAFETY: plain system calls; the process has nothing else to do.
        if unsafe { libc::geteuid() } == 0 {
            // SAFETY: as above. Root may write everywhere.
            assert_eq!(unsafe { libc::setuid(65_534) }, 0);
        }
        say(open(&dir).unwrap_err());
        return;
    }
    let dir = Dir::filled(0..5, JournalConfig::default());
    fs::remove_file(dir.path().join("lock")).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let said = run_child("a_directory_that_cannot_be_written_is_refused", dir.path());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let advice = "expected a directory that this process may write";
    let lock = dir.path().join("lock");
    let expected =
        format!("cannot open {}: Permission denied (os error 13); {advice}", lock.display());
    assert_eq!(said, [expected]);
}

// ===== no room =====

/// Files may have so many bytes from now on, and writing more is an error (and no signal).
fn limit_files(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: plain system calls, on a value of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

type Broker = InMemoryMessageBroker<u64>;

fn fill(dir: &Path, on_failure: OnFailure) -> (Journal<u64>, Broker, u64) {
    let config = JournalConfig { on_failure, ..JournalConfig::default() };
    let journal = Journal::open(dir, config).unwrap();
    let broker = Broker::builder().capacity(64).build();
    let stage = journal.stage(&broker).start().unwrap();
    let options = || SubscribeOptions::new().name("business").after(&[&stage]);
    let mut business = broker.subscribe_with(options()).unwrap();
    let mut durable = 0;
    let error = loop {
        match broker.publish_durable_blocking(MessageEnvelope::new(durable), &stage) {
            Ok(_) => durable += 1,
            Err(error) => break error,
        }
        assert_eq!(business.recv_blocking().unwrap().message, durable - 1);
    };
    say(&error);
    assert!(matches!(error, PublishDurableError::NotDurable(_)));
    let refused = broker.publish_durable_blocking(MessageEnvelope::new(99), &stage).unwrap_err();
    assert_eq!(refused.into_envelope().unwrap().message, 99);
    let published = broker.publish_blocking(MessageEnvelope::new(durable + 1));
    match on_failure {
        OnFailure::StopPublishing => {
            assert!(matches!(published, Err(BrokerError::Closed(_))));
            // It stays before what is not in the journal, until the stage is dropped.
            let waited = business.recv_timeout(Duration::from_millis(50));
            assert!(matches!(waited, Err(RecvTimeoutError::Timeout)));
            drop(stage);
            assert_eq!(business.recv_blocking().unwrap().message, durable);
            assert!(business.recv_blocking().is_none());
        }
        OnFailure::GoOn => {
            published.unwrap();
            assert_eq!(business.recv_blocking().unwrap().message, durable);
            assert_eq!(business.recv_blocking().unwrap().message, durable + 1);
            assert!(stage.stats().lost >= 1);
        }
    }
    say(durable);
    (journal, broker, durable)
}

/// What is there after the child has run into a limit: all that was durable.
fn check(dir: &Dir, said: &[String], reason: &str) {
    let durable: u64 = said.last().unwrap().parse().unwrap();
    assert!(durable > 20);
    let segment = dir.segments()[0].display().to_string();
    let advice = "; free space (or let the retention keep less), then open the journal again";
    assert!(said[0].contains(&format!("cannot write {segment}: {reason}")), "{said:?}");
    assert!(said[0].ends_with(advice), "{said:?}");
    let journal = open(dir.path()).unwrap();
    assert_eq!(all(&journal), (0..durable).collect::<Vec<_>>());
    append(&journal, durable..durable + 1);
}

#[test]
fn a_full_journal_stops_publishing() {
    if let Some(dir) = told() {
        limit_files(5000);
        fill(&dir, OnFailure::StopPublishing);
        return;
    }
    let dir = Dir::new();
    let said = run_child("a_full_journal_stops_publishing", dir.path());
    check(&dir, &said, "File too large (os error 27)");
}

#[test]
fn a_full_journal_goes_on_without_loudly() {
    if let Some(dir) = told() {
        limit_files(5000);
        tracing_subscriber::fmt().with_writer(std::io::stdout).without_time().init();
        fill(&dir, OnFailure::GoOn);
        return;
    }
    let dir = Dir::new();
    let output = child("a_full_journal_goes_on_without_loudly", dir.path()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("messages go on without being journalled"), "{output}");
    let said: Vec<String> =
        output.lines().filter_map(|line| line.strip_prefix("child: ")).map(str::to_owned).collect();
    check(&dir, &said, "File too large (os error 27)");
}

/// A small file system, where that is permitted.
struct Mount<'a>(&'a Path);

impl Mount<'_> {
    fn on(path: &Path) -> Option<Mount<'_>> {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "stentor-test"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Mount(path))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.0).status();
        assert!(done.is_ok_and(|status| status.success()));
    }
}

#[test]
fn a_full_disk_stops_publishing() {
    if let Some(dir) = told() {
        fill(&dir, OnFailure::StopPublishing);
        return;
    }
    let dir = Dir::new();
    let Some(_mount) = Mount::on(dir.path()) else {
        println!("not permitted to mount: the limit on file sizes has to do");
        return;
    };
    let said = run_child("a_full_disk_stops_publishing", dir.path());
    // Not one record more fits: room has to be made first.
    let durable: u64 = said.last().unwrap().parse().unwrap();
    assert!(said[0].contains("No space left on device (os error 28)"), "{said:?}");
    let journal = open(dir.path()).unwrap();
    assert_eq!(all(&journal), (0..durable).collect::<Vec<_>>());
}
