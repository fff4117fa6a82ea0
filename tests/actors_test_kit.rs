//! Probes, expected dead letters and manual time: what those who test their own actors have.

use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorEventKind, Backoff, Budget, DeadLetterProbe,
    DeadLetterReason, Drain, ManualTime, MessageEnvelope, Probe, SpawnOptions, StopCause,
    Supervision,
};

mod actor_kit;
use actor_kit::{Broker, LONG, does, system};

#[tokio::test]
async fn a_probe_receives_replies_and_is_expected_to() {
    let system = system().await;
    let mut probe = Probe::spawn(&system, "probe").unwrap();
    for number in 1..=3 {
        system.send(probe.address(), number).await.unwrap();
    }
    assert_eq!(probe.expect_message_within(LONG).await.message, 1);
    probe.reply_with(|question| (question.message > 9).then_some(question.message + 1));
    assert_eq!(system.request::<u64>(probe.address(), 10, LONG).await.unwrap().message, 11);
    let rest = probe.take_received();
    assert_eq!(rest.iter().map(|e| e.message).collect::<Vec<_>>(), [2, 3, 10]);
    probe.expect_no_message(Duration::from_millis(1)).await;
    system.shutdown(Drain::Within(LONG)).await;
}

#[tokio::test]
#[should_panic(expected = "expected none")]
async fn a_probe_that_receives_something_unexpected_panics() {
    let system = system().await;
    let mut probe = Probe::spawn(&system, "probe").unwrap();
    system.send(probe.address(), 1).await.unwrap();
    probe.expect_no_message(LONG).await;
}

#[tokio::test]
#[should_panic(expected = "received nothing within")]
async fn a_probe_that_receives_nothing_panics() {
    let system = system().await;
    let mut probe = Probe::spawn(&system, "probe").unwrap();
    let _ = probe.expect_message_within(Duration::from_millis(1)).await;
}

#[tokio::test]
#[should_panic(expected = "unknown recipient; expected: expired")]
async fn a_dead_letter_of_another_reason_is_not_the_one_expected() {
    let system = system().await;
    let mut letters = DeadLetterProbe::new(&system);
    system.send(ActorAddress::new(), 1).await.unwrap();
    let _ = letters.expect_within(LONG, &DeadLetterReason::Expired).await;
}

#[tokio::test]
async fn timers_go_by_manual_time() {
    struct Timed(ActorAddress);
    impl Actor<u64, Broker> for Timed {
        async fn on_start(&mut self, ctx: &mut ActorContext<u64, Broker>) {
            ctx.send_after(Duration::MAX, self.0, 99);
            ctx.send_after(Duration::from_secs(90), self.0, 1);
            ctx.send_every(Duration::from_secs(60), self.0, 2);
            ctx.send(self.0, 0).await.unwrap();
        }
        async fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {}
    }
    let time = ManualTime::pause();
    let system = system().await;
    let mut probe = Probe::spawn(&system, "probe").unwrap();
    system.spawn("timed", Timed(probe.address())).unwrap();
    assert_eq!(probe.expect_message_within(LONG).await.message, 0);
    for (seconds, message) in [(60, 2), (30, 1), (30, 2)] {
        probe.expect_no_message(Duration::from_millis(1)).await;
        time.advance(Duration::from_secs(seconds)).await;
        assert_eq!(probe.expect_message_within(LONG).await.message, message);
    }
    // Time would not pass for those who have to be hurried.
    drop(time);
    system.shutdown(Drain::Within(LONG)).await;
}

#[tokio::test]
async fn the_backoff_of_restarts_goes_by_manual_time() {
    let time = ManualTime::pause();
    let system = system().await;
    let mut events = system.events();
    let mut letters = DeadLetterProbe::new(&system);
    let backoff = Backoff { first: Duration::from_secs(60), most: Duration::from_secs(60) };
    let supervision =
        Supervision::Restart { backoff, budget: Budget { restarts: 9, within: LONG } };
    let options = SpawnOptions::new().supervision(supervision);
    let fragile = || does(|envelope, _| assert_ne!(envelope.message, 0, "on purpose"));
    let fragile = system.spawn_with(options, fragile).unwrap();
    system.send(fragile, 0).await.unwrap();
    assert_eq!(letters.expect_within(LONG, &DeadLetterReason::Panicked).await.message, 0);
    // Started and panicked; what comes next takes a minute.
    for _ in 0..2 {
        events.recv_async().await.unwrap();
    }
    tokio::task::yield_now().await;
    assert!(events.try_recv().is_err());
    time.advance(Duration::from_secs(60)).await;
    let event = events.recv_async().await.unwrap();
    assert!(matches!(event.kind, ActorEventKind::Restarted { restarts: 1, .. }));
    // A stop during the next backoff needs no time at all.
    system.send(fragile, 0).await.unwrap();
    letters.expect_within(LONG, &DeadLetterReason::Panicked).await;
    assert_eq!(system.stop(fragile).await.unwrap().cause, StopCause::Stopped);
    letters.expect_none(Duration::from_millis(1)).await;
    drop(time);
    system.shutdown(Drain::Within(LONG)).await;
}
