//! The journal: what is appended is there, in order, with what is known of it, also when it is opened again.

mod journals;

use std::time::Duration;

use journals::{Dir, all, append, replayed, small};
use stentor::{
    ActorAddress, CorrelationId, DeadLetterReason, Durability, InMemoryMessageBroker, Journal,
    JournalConfig, MessageEnvelope, MessageState, Persist, PublishDurableError, ReplayQuery,
    Retention, SubscribeOptions, Timestamp, Topic,
};

fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

#[test]
fn what_is_appended_is_replayed_with_its_metadata_also_after_it_was_opened_again() {
    let dir = Dir::new();
    let envelope = MessageEnvelope::new(7)
        .with_sender(ActorAddress::new())
        .with_recipient(ActorAddress::new())
        .with_correlation_id(CorrelationId::new())
        .with_topic(topic("a.b"));
    for opened in 0..2 {
        let journal = dir.open(JournalConfig::default()).unwrap();
        if opened == 0 {
            assert_eq!(journal.append(&envelope).unwrap(), 0);
        }
        let found: Vec<_> =
            journal.replay(ReplayQuery::new()).unwrap().map(Result::unwrap).collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].sequence, &found[0].envelope), (0, &envelope));
    }
}

#[test]
fn segments_follow_each_other_without_a_hole() {
    let dir = Dir::filled(0..1000, small());
    let segments = dir.segments();
    assert!(segments.len() > 10);
    for at in [0, 1, 57, 500, 999, 1000] {
        let journal = dir.open(small()).unwrap();
        let query = ReplayQuery::new().from_sequence(at);
        assert_eq!(replayed(&journal, query), (at..1000).collect::<Vec<_>>());
    }
    let journal = dir.open(small()).unwrap();
    append(&journal, 1000..1010);
    assert_eq!(all(&journal), (0..1010).collect::<Vec<_>>());
    let stats = journal.stats();
    assert_eq!((stats.first, stats.next, stats.durable), (0, 1010, 1010));
}

#[test]
fn a_missing_index_is_made_again() {
    let dir = Dir::filled(0..300, small());
    let indices = journals::files(dir.path(), "index");
    assert!(!indices.is_empty());
    std::fs::remove_file(&indices[0]).unwrap();
    std::fs::write(&indices[1], b"nonsense").unwrap();
    let journal = dir.open(small()).unwrap();
    assert_eq!(all(&journal), (0..300).collect::<Vec<_>>());
    assert_eq!(journals::files(dir.path(), "index"), indices);
}

#[test]
fn a_replay_selects_by_metadata_sequence_and_time() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let (alice, bob, id) = (ActorAddress::new(), ActorAddress::new(), CorrelationId::new());
    let mut times = Vec::new();
    for n in 0..200 {
        let mut envelope = MessageEnvelope::new(n);
        envelope = if n % 2 == 0 { envelope.with_sender(alice) } else { envelope.with_sender(bob) };
        if n % 3 == 0 {
            envelope = envelope.with_recipient(bob).with_topic(topic("orders.eu"));
        }
        if n == 66 {
            envelope = envelope.with_correlation_id(id);
            std::thread::sleep(Duration::from_millis(20));
            times.push(Timestamp::now());
            std::thread::sleep(Duration::from_millis(20));
        }
        journal.append(&envelope).unwrap();
    }
    let thirds: Vec<u64> = (0..200).filter(|n| n % 3 == 0).collect();
    let query = ReplayQuery::new;
    assert_eq!(replayed(&journal, query().topic("orders.*").unwrap()), thirds);
    assert_eq!(replayed(&journal, query().recipient(bob)), thirds);
    assert_eq!(replayed(&journal, query().sender(alice)).len(), 100);
    assert_eq!(replayed(&journal, query().correlation_id(id)), [66]);
    assert_eq!(replayed(&journal, query().from_time(times[0])), (66..200).collect::<Vec<_>>());
    let some = query().from_sequence(10).until_sequence(20).recipient(bob).sender(alice);
    assert_eq!(replayed(&journal, some), [12, 18]);
}

#[test]
fn a_replay_goes_into_a_broker() {
    let dir = Dir::filled(0..100, small());
    let journal = dir.open(small()).unwrap();
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(256).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let query = ReplayQuery::new().from_sequence(90);
    assert_eq!(journal.replay(query).unwrap().publish_to(&broker).unwrap(), 10);
    assert_eq!(stream.recv_blocking().unwrap().message, 90);
}

#[test]
fn what_is_withdrawn_is_not_replayed() {
    let dir = Dir::filled(0..100, small());
    let journal = dir.open(small()).unwrap();
    journal.withdraw(3).unwrap();
    journal.withdraw(99).unwrap();
    drop(journal);
    let journal = dir.open(small()).unwrap();
    let left: Vec<u64> = (0..99).filter(|&n| n != 3).collect();
    assert_eq!(all(&journal), left);
    assert_eq!(journal.stats().withdrawn, 2);
}

#[test]
fn the_hook_persists_to_disk_and_withdraws_what_was_not_published() {
    let dir = Dir::new();
    let journal = dir.open(JournalConfig::default()).unwrap();
    let hooks = Persist::new(journal.clone());
    let broker = InMemoryMessageBroker::builder().capacity(2).hooks(hooks).build();
    let _stream = broker.subscribe_blocking().unwrap();
    for n in 0..3 {
        assert_eq!(broker.try_publish(MessageEnvelope::new(n)).is_ok(), n < 2);
    }
    assert_eq!(all(&journal), [0, 1]);
}

#[test]
fn dead_letters_are_kept_apart() {
    let dir = Dir::new();
    let journal = dir.open(JournalConfig::default()).unwrap();
    let broker = InMemoryMessageBroker::<u64>::builder().build();
    let mut letters = broker.dead_letters();
    broker.report_dead_letter(MessageEnvelope::new(5), DeadLetterReason::MailboxFull);
    journal.append(&MessageEnvelope::new(4)).unwrap();
    journal.append_dead_letter(&letters.recv().unwrap()).unwrap();
    assert_eq!(all(&journal), [4]);
    let query = ReplayQuery::new().dead_letters();
    let found = journal.replay(query).unwrap().next().unwrap().unwrap();
    assert_eq!((found.envelope.message, found.dead_letter.as_deref()), (5, Some("mailbox full")));
    assert_eq!(replayed(&journal, ReplayQuery::new().with_dead_letters()), [4, 5]);
}

// ===== retention =====

fn kept(retention: Retention) -> (Dir, Journal<u64>) {
    let dir = Dir::filled(0..1000, small());
    let journal = dir.open(JournalConfig { retention, ..small() }).unwrap();
    (dir, journal)
}

/// Waits for the keeper.
fn until(journal: &Journal<u64>, is_so: impl Fn(&stentor::JournalStats) -> bool) {
    while !is_so(&journal.stats()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn retention_deletes_whole_segments_by_size_count_and_age() {
    let (dir, journal) = kept(Retention { bytes: Some(10_000), ..Retention::default() });
    until(&journal, |stats| stats.bytes <= 10_000);
    assert!(journal.stats().bytes > 10_000 - 2 * 4200);
    assert_eq!(all(&journal), (journal.stats().first..1000).collect::<Vec<_>>());
    // The files go a moment later.
    until(&journal, |stats| dir.segments().len() == stats.segments);

    let (_dir, journal) = kept(Retention { records: Some(100), ..Retention::default() });
    until(&journal, |stats| stats.first > 0);
    assert!((1000 - 200..=1000 - 100).contains(&journal.stats().first));
    let query = ReplayQuery::new().from_sequence(5);
    let error = journal.replay(query).unwrap_err().to_string();
    let first = journal.stats().first;
    assert_eq!(error, format!("sequence 5 has been deleted: the oldest is {first}"));

    let age = Some(Duration::from_millis(1));
    let (_dir, journal) = kept(Retention { age, ..Retention::default() });
    until(&journal, |stats| stats.segments == 1);
    append(&journal, 1000..1003);
    assert_eq!(all(&journal).last(), Some(&1002));
}

#[test]
fn a_replay_that_retention_overtakes_says_so() {
    let dir = Dir::filled(0..1000, small());
    let journal = dir.open(small()).unwrap();
    let mut replay = journal.replay(ReplayQuery::new()).unwrap();
    assert_eq!(replay.next().unwrap().unwrap().sequence, 0);
    let segments = dir.segments();
    for segment in &segments[..5] {
        std::fs::remove_file(segment).unwrap();
    }
    // It goes on in the file that it has open, and ends with an error.
    let (mut read, mut end) = (1, None);
    for found in replay.by_ref() {
        match found {
            Ok(journalled) => assert_eq!(journalled.sequence, read),
            Err(error) => end = Some(error.to_string()),
        }
        read += 1;
    }
    let oldest = segments[5].file_stem().unwrap().to_str().unwrap().trim_start_matches('0');
    let expected = format!("sequence {} has been deleted: the oldest is {oldest}", read - 1);
    assert_eq!(end.unwrap(), expected);
}

// ===== the stage =====

fn broker(capacity: usize) -> InMemoryMessageBroker<u64> {
    InMemoryMessageBroker::builder().capacity(capacity).build()
}

#[test]
fn a_stage_journals_what_is_published_and_ends_with_the_broker() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let broker = broker(64);
    let stage = journal.stage(&broker).start().unwrap();
    for n in 0..1000 {
        broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
    }
    drop(broker);
    stage.join();
    assert_eq!(all(&journal), (0..1000).collect::<Vec<_>>());
}

#[test]
fn what_a_gated_subscriber_sees_is_on_disk() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let broker = broker(64);
    let stage = journal.stage(&broker).start().unwrap();
    let options = SubscribeOptions::new().name("business").after(&[&stage]);
    let mut business = broker.subscribe_with(options).unwrap();
    let publisher = std::thread::spawn({
        let broker = broker.clone();
        move || (0..2000).for_each(|n| broker.publish_blocking(MessageEnvelope::new(n)).unwrap())
    });
    for n in 0..2000 {
        assert_eq!(business.recv_blocking().unwrap().message, n);
        assert!(journal.stats().durable > n);
    }
    publisher.join().unwrap();
}

#[test]
fn a_stage_selects_by_topic() {
    let dir = Dir::new();
    let journal = dir.open(JournalConfig::default()).unwrap();
    let broker = broker(64);
    let stage = journal.stage(&broker).topic("orders.>").unwrap().start().unwrap();
    let (orders, news) = (topic("orders.eu"), topic("news"));
    for n in 0..100 {
        let topic = if n % 2 == 0 { &orders } else { &news };
        broker.publish_blocking(MessageEnvelope::new(n).with_topic(topic)).unwrap();
    }
    let refused = MessageEnvelope::new(1).with_topic(&news);
    let refused = broker.publish_durable_blocking(refused, &stage).unwrap_err();
    assert!(matches!(refused, PublishDurableError::NotSelected(_)));
    let selected = MessageEnvelope::new(100).with_topic(&orders);
    broker.publish_durable_blocking(selected, &stage).unwrap().durable_blocking().unwrap();
    assert_eq!(all(&journal), (0..=100).step_by(2).collect::<Vec<_>>());
    assert_eq!((stage.stats().journalled, stage.stats().passed), (51, 50));
}

#[test]
fn durable_is_on_disk_whatever_the_policy() {
    let hour = Durability::Interval(Duration::from_secs(60));
    for durability in [Durability::EveryBatch, hour, Durability::Os] {
        let dir = Dir::new();
        let journal = dir.open(JournalConfig { durability, ..small() }).unwrap();
        let broker = broker(64);
        let stage = journal.stage(&broker).start().unwrap();
        let mut gated = broker.subscribe_with(SubscribeOptions::new().after(&[&stage])).unwrap();
        for n in 0..20 {
            let receipt = broker.publish_durable_blocking(MessageEnvelope::new(n), &stage).unwrap();
            assert!(journal.stats().durable > n);
            assert_eq!(receipt.state(&[&gated]).unwrap(), MessageState::Durable);
            assert_eq!(gated.recv_blocking().unwrap().message, n);
            assert_eq!(receipt.state(&[&gated]).unwrap(), MessageState::Handled);
        }
    }
}

#[tokio::test]
async fn a_task_waits_for_durable_and_for_handled() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let broker = broker(64);
    let stage = journal.stage(&broker).start().unwrap();
    let mut gated = broker.subscribe_with(SubscribeOptions::new().after(&[&stage])).unwrap();
    let receipt = broker.publish_tracked(MessageEnvelope::new(1), &stage).await.unwrap();
    receipt.durable().await.unwrap();
    assert_eq!(journal.stats().durable, 1);
    // It borrows the stream for the call alone.
    let handled = receipt.handled(&[&gated]);
    let received = async { gated.recv().await.unwrap().message };
    let (handled, received) = tokio::join!(handled, received);
    handled.unwrap();
    assert_eq!(received, 1);
}

#[test]
fn an_interval_forces_to_disk_by_itself() {
    let durability = Durability::Interval(Duration::from_millis(2));
    let dir = Dir::new();
    let journal = dir.open(JournalConfig { durability, ..small() }).unwrap();
    for n in 0..5 {
        append(&journal, n..n + 1);
        until(&journal, |stats| stats.durable == n + 1);
    }
}

#[test]
fn appenders_share_the_way_to_disk() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let journal = &journal;
            scope.spawn(move || append(journal, n * 100..(n + 1) * 100));
        }
    });
    let mut found = all(&journal);
    found.sort_unstable();
    assert_eq!(found, (0..400).collect::<Vec<_>>());
}

#[test]
fn dead_letters_of_a_broker_are_journalled_and_requeued_once() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let lossy = broker(16);
    let letters = journal.keep_dead_letters(&lossy).unwrap();
    for n in 0..100 {
        lossy.report_dead_letter(MessageEnvelope::new(n), DeadLetterReason::MailboxFull);
    }
    drop(lossy);
    letters.join();
    assert!(all(&journal).is_empty());
    let again = broker(256);
    let mut stream = again.subscribe_blocking().unwrap();
    let requeue = || futures_executor::block_on(journal.requeue(&again, ReplayQuery::new()));
    assert_eq!(requeue().unwrap(), 100);
    assert_eq!(requeue().unwrap(), 0);
    for n in 0..100 {
        assert_eq!(stream.try_recv().unwrap().message, n);
    }
    assert!(stream.try_recv().is_err());
}

#[test]
fn what_a_router_and_a_bus_subscriber_see_is_journalled_before() {
    let dir = Dir::new();
    let journal = dir.open(small()).unwrap();
    let broker = broker(1024);
    let stage = journal.stage(&broker).start().unwrap();
    let router = stentor::Router::builder(broker.bus()).start().unwrap();
    let seen = journal.clone();
    let handler = router.handler("handler").after(&[&stage]);
    let handler = handler.handle(move |envelope: &MessageEnvelope<u64>| {
        assert!(seen.stats().durable > envelope.message);
    });
    let mut subscriber = broker.bus().subscriber().after(&[&stage, &handler]).subscribe();
    for n in 0..500 {
        broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
    }
    for n in 0..500 {
        assert_eq!(subscriber.recv().unwrap().message, n);
    }
    // The router counts a batch a moment after it has moved on.
    let report = router.shutdown(stentor::Drain::Yes);
    assert_eq!((report.handlers[0].handled, report.handlers[0].panics), (500, 0));
}
