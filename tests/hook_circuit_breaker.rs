//! `CircuitBreaker`: when it opens, how few probes pass, that a lost one cannot keep it half-open, that it does
//! not grow; and random histories against a model. Time stands still unless a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stentor::CircuitState::{Closed, HalfOpen, Open};
use stentor::{
    ActorAddress, BrokerError, CircuitBreaker, CircuitState, CorrelationId, DeadLetterReason, Hook,
    InMemoryMessageBroker, MessageEnvelope, Outcome, Rejection,
};

const FAILURES: u32 = 3;
const WITHIN: u64 = 40;
const PAUSE: u64 = 20;
const PROBES: usize = 2;
const LEASE: u64 = 30;

type Envelope = MessageEnvelope<()>;

struct Fixture {
    broker: InMemoryMessageBroker<(), CircuitBreaker>,
    /// In milliseconds.
    time: Arc<AtomicU64>,
    recipient: ActorAddress,
}

impl Fixture {
    fn new() -> Self {
        Self::of(CircuitBreaker::new())
    }

    fn of(breaker: CircuitBreaker) -> Self {
        let time = Arc::new(AtomicU64::new(0));
        let (start, clock) = (Instant::now(), Arc::clone(&time));
        let breaker = breaker
            .failures(FAILURES)
            .within(Duration::from_millis(WITHIN))
            .pause(Duration::from_millis(PAUSE))
            .probes(PROBES)
            .lease(Duration::from_millis(LEASE))
            .clock(move || start + Duration::from_millis(clock.load(Ordering::Relaxed)));
        let broker = InMemoryMessageBroker::builder().dead_letter_logs(0).hooks(breaker).build();
        Self { broker, time, recipient: ActorAddress::new() }
    }

    fn pass(&self, millis: u64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    fn state(&self) -> CircuitState {
        self.broker.hooks().state(self.recipient)
    }

    fn message(&self) -> Envelope {
        MessageEnvelope::new(()).with_recipient(self.recipient)
    }

    /// A message that asks for a reply.
    fn asking(&self) -> Envelope {
        self.message().with_correlation_id(CorrelationId::new())
    }

    /// Whether it passes; if not, after how many milliseconds another try is worth it.
    fn send(&self, envelope: &Envelope) -> Result<(), u64> {
        match self.broker.publish_blocking(envelope.clone()) {
            Ok(()) => Ok(()),
            Err(BrokerError::Rejected { by: "circuit-breaker", retry_after, .. }) => {
                Err(retry_after.unwrap().as_millis() as u64)
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn fail(&self, envelope: &Envelope) {
        self.broker.report_dead_letter(envelope.clone(), DeadLetterReason::MailboxFull);
    }

    fn answer(&self, envelope: &Envelope) {
        let (request, after) = (&envelope.metadata.header(), Duration::ZERO);
        Hook::<()>::on_outcome(self.broker.hooks(), &Outcome::Answered { request, after });
    }

    fn abandon(&self, envelope: &Envelope) {
        let (request, after) = (&envelope.metadata.header(), Duration::ZERO);
        Hook::<()>::on_outcome(self.broker.hooks(), &Outcome::Abandoned { request, after });
    }

    fn open(&self) {
        for _ in 0..FAILURES {
            self.fail(&self.message());
        }
        assert_eq!(self.state(), Open);
    }

    fn half_open(&self) {
        self.open();
        self.pass(PAUSE);
        assert_eq!(self.state(), HalfOpen);
    }
}

// ===== closed =====

#[test]
fn failures_open_it_and_nothing_passes_until_the_pause_is_over() {
    let it = Fixture::new();
    for _ in 1..FAILURES {
        it.fail(&it.message());
    }
    assert_eq!((it.state(), it.send(&it.message())), (Closed, Ok(())));
    it.fail(&it.message());
    assert_eq!((it.state(), it.broker.hooks().opened()), (Open, 1));
    it.pass(PAUSE - 1);
    assert_eq!(it.send(&it.message()), Err(1));
    // Others are not concerned.
    it.broker.publish_blocking(MessageEnvelope::new(())).unwrap();
    let other = MessageEnvelope::new(()).with_recipient(ActorAddress::new());
    it.broker.publish_blocking(other).unwrap();
}

#[test]
fn failures_far_apart_or_with_an_answer_in_between_do_not_open_it() {
    let it = Fixture::new();
    for _ in 0..10 {
        it.fail(&it.message());
        it.pass(WITHIN / 2);
    }
    assert_eq!(it.state(), Closed);
    for _ in 0..10 {
        it.fail(&it.message());
        it.answer(&it.asking());
    }
    assert_eq!((it.state(), it.broker.hooks().recipients()), (Closed, 0));
}

#[test]
fn what_is_not_the_fault_of_the_recipient_does_not_count() {
    let it = Fixture::new();
    for reason in [
        DeadLetterReason::Expired,
        DeadLetterReason::LateReply,
        DeadLetterReason::Rejected(Rejection::new("someone", "no")),
    ] {
        for _ in 0..10 {
            it.broker.report_dead_letter(it.message(), reason.clone());
        }
    }
    it.broker.report_dead_letter(MessageEnvelope::new(()), DeadLetterReason::NoRecipient);
    assert_eq!((it.state(), it.broker.hooks().recipients()), (Closed, 0));
}

#[test]
fn requests_that_time_out_open_it() {
    let it = Fixture::new();
    let _stream = it.broker.subscribe_blocking().unwrap();
    for _ in 0..FAILURES {
        it.broker.request_blocking::<()>(it.message(), Duration::ZERO).unwrap_err();
    }
    assert_eq!(it.state(), Open);
}

// ===== half-open =====

#[test]
fn only_so_many_probes_pass_and_their_answers_close_it() {
    let it = Fixture::new();
    it.half_open();
    let probes = [it.asking(), it.asking()];
    for probe in &probes {
        assert_eq!(it.send(probe), Ok(()));
    }
    for _ in 0..10 {
        assert_eq!(it.send(&it.asking()), Err(LEASE));
    }
    it.answer(&probes[0]);
    assert_eq!((it.state(), it.send(&it.asking())), (HalfOpen, Err(LEASE)));
    it.answer(&probes[1]);
    assert_eq!((it.state(), it.broker.hooks().recipients()), (Closed, 0));
}

#[test]
fn many_threads_get_no_more_probes_through_than_one() {
    let it = Fixture::new();
    it.half_open();
    let passed = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let passes = it.send(&it.asking()).is_ok();
                    passed.fetch_add(u64::from(passes), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), PROBES as u64);
}

#[test]
fn one_probe_that_fails_opens_it_again() {
    let it = Fixture::new();
    it.half_open();
    let probe = it.asking();
    it.send(&probe).unwrap();
    it.fail(&probe);
    assert_eq!((it.state(), it.send(&it.message())), (Open, Err(PAUSE)));
}

#[test]
fn a_lost_probe_gives_up_its_place() {
    let it = Fixture::new();
    it.half_open();
    for _ in 0..20 {
        for _ in 0..PROBES {
            assert_eq!(it.send(&it.asking()), Ok(()));
        }
        assert_eq!(it.send(&it.asking()), Err(LEASE));
        it.pass(LEASE);
        assert_eq!(it.state(), HalfOpen);
    }
}

#[test]
fn no_news_of_a_message_that_asks_for_no_reply_is_good_news() {
    let it = Fixture::new();
    it.half_open();
    for _ in 0..PROBES {
        it.send(&it.message()).unwrap();
    }
    it.pass(LEASE - 1);
    assert_eq!(it.state(), HalfOpen);
    it.pass(1);
    assert_eq!(it.state(), Closed);
}

#[test]
fn a_probe_that_was_not_published_or_was_given_up_is_none() {
    let it = Fixture::new();
    it.half_open();
    for _ in 0..10 {
        let (unpublished, given_up) = (it.asking(), it.asking());
        it.send(&unpublished).unwrap();
        it.send(&given_up).unwrap();
        let rejection = Rejection::new("another", "no");
        let header = unpublished.metadata.header();
        Hook::<()>::on_reject(it.broker.hooks(), &header, &rejection);
        it.abandon(&given_up);
    }
    assert_eq!(it.state(), HalfOpen);
}

#[test]
fn what_was_sent_before_it_opened_says_nothing_now() {
    let it = Fixture::new();
    let early = it.asking();
    it.send(&early).unwrap();
    it.half_open();
    it.fail(&early);
    assert_eq!(it.state(), HalfOpen);
    for _ in 0..PROBES {
        it.answer(&early);
    }
    assert_eq!(it.state(), HalfOpen);
}

#[test]
fn times_without_end_are_allowed() {
    let breaker = CircuitBreaker::new().failures(1).pause(Duration::MAX).lease(Duration::MAX);
    let broker = InMemoryMessageBroker::builder().hooks(breaker).build();
    let recipient = ActorAddress::new();
    let message = MessageEnvelope::new(()).with_recipient(recipient);
    broker.report_dead_letter(message, DeadLetterReason::Panicked);
    assert_eq!(broker.hooks().state(recipient), Open);
}

// ===== memory =====

#[test]
fn recipients_beyond_the_bound_are_not_tracked_and_idle_ones_make_room() {
    let it = Fixture::of(CircuitBreaker::new().max_recipients(10));
    it.open();
    for _ in 0..100 {
        let other = MessageEnvelope::new(()).with_recipient(ActorAddress::new());
        it.fail(&other);
    }
    let breaker = it.broker.hooks();
    assert_eq!((breaker.recipients(), breaker.untracked()), (10, 91));
    it.pass(WITHIN - 1);
    assert_eq!(it.state(), HalfOpen);
    it.pass(1);
    for _ in 0..9 {
        let other = MessageEnvelope::new(()).with_recipient(ActorAddress::new());
        it.fail(&other);
    }
    // The nine of before are forgotten, and not the one that was looked at.
    assert_eq!(it.state(), HalfOpen);
    assert!(breaker.recipients() <= 10);
    assert!(breaker.untracked() < 100);
}

// ===== random histories =====

#[derive(Clone, Copy, Debug)]
enum Event {
    Send { is_quiet: bool },
    Fail(usize),
    Answer(usize),
    Abandon(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<bool>().prop_map(|is_quiet| Event::Send { is_quiet }),
        4 => (0..8usize).prop_map(Event::Fail),
        2 => (0..8usize).prop_map(Event::Answer),
        1 => (0..8usize).prop_map(Event::Abandon),
        4 => (0..PAUSE + 5).prop_map(Event::Pass),
    ]
}

/// The model: it lives every millisecond, and does at once what the circuit does when it is next looked at.
struct Model {
    state: CircuitState,
    /// Milliseconds until the failures are forgotten (closed), or until it is half-open (open).
    left: u64,
    failures: u32,
    successes: usize,
    /// The index of each probe in flight, the milliseconds it has left, and whether no news is good.
    probes: Vec<(usize, u64, bool)>,
}

impl Model {
    fn tick(&mut self) {
        self.left = self.left.saturating_sub(1);
        match self.state {
            Closed if self.left == 0 => self.failures = 0,
            Open if self.left == 0 => {
                (self.state, self.successes, self.probes) = (HalfOpen, 0, Vec::new());
            }
            HalfOpen => {
                self.probes.iter_mut().for_each(|probe| probe.1 -= 1);
                let (over, left): (Vec<_>, _) = self.probes.iter().partition(|probe| probe.1 == 0);
                self.probes = left;
                self.successes += over.iter().filter(|probe| probe.2).count();
                self.close_if_well();
            }
            _ => {}
        }
    }

    fn close_if_well(&mut self) {
        if self.successes >= PROBES {
            (self.state, self.failures, self.probes) = (Closed, 0, Vec::new());
        }
    }

    fn send(&mut self, index: usize, is_quiet: bool) -> Result<(), u64> {
        match self.state {
            Closed => Ok(()),
            Open => Err(self.left),
            HalfOpen if self.probes.len() + self.successes < PROBES => {
                self.probes.push((index, LEASE, is_quiet));
                Ok(())
            }
            HalfOpen => Err(self.probes.iter().map(|probe| probe.1).min().unwrap()),
        }
    }

    fn take(&mut self, index: usize) -> bool {
        let before = self.probes.len();
        self.probes.retain(|probe| probe.0 != index);
        self.probes.len() < before
    }

    fn fail(&mut self, index: usize) {
        let is_probe = self.take(index);
        let opens = match self.state {
            Closed => {
                self.left = if self.failures == 0 { WITHIN } else { self.left };
                self.failures += 1;
                self.failures == FAILURES
            }
            HalfOpen => is_probe,
            Open => false,
        };
        if opens {
            (self.state, self.left, self.probes) = (Open, PAUSE, Vec::new());
        }
    }

    fn answer(&mut self, index: usize) {
        let is_probe = self.take(index);
        match self.state {
            Closed => self.failures = 0,
            HalfOpen if is_probe => {
                self.successes += 1;
                self.close_if_well();
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 512 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_histories_go_as_the_model_says(events in prop::collection::vec(event(), 1..200)) {
        let it = Fixture::new();
        let mut model =
            Model { state: Closed, left: 0, failures: 0, successes: 0, probes: Vec::new() };
        let mut sent: Vec<Envelope> = Vec::new();
        for event in events {
            // One of the last eight.
            let chosen = |back: usize| sent.len().checked_sub(1 + back);
            match event {
                Event::Send { is_quiet } => {
                    let envelope = if is_quiet { it.message() } else { it.asking() };
                    prop_assert_eq!(it.send(&envelope), model.send(sent.len(), is_quiet));
                    sent.push(envelope);
                }
                Event::Fail(back) => if let Some(index) = chosen(back) {
                    it.fail(&sent[index]);
                    model.fail(index);
                },
                Event::Answer(back) => if let Some(index) = chosen(back) {
                    it.answer(&sent[index]);
                    model.answer(index);
                },
                Event::Abandon(back) => if let Some(index) = chosen(back) {
                    it.abandon(&sent[index]);
                    model.take(index);
                },
                Event::Pass(millis) => {
                    it.pass(millis);
                    (0..millis).for_each(|_| model.tick());
                }
            }
            prop_assert_eq!(it.state(), model.state);
            prop_assert!(model.probes.len() <= PROBES);
        }
    }
}
