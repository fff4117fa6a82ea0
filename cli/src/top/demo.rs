//! A simulated load: real buses, routers, brokers and actors in this process, some of them in trouble.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stentor::inspect::{Inspector, Snapshot};
use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Bus, CircuitBreaker, InMemoryMessageBroker,
    MailboxPolicy, MessageBroker, MessageEnvelope, OnPanic, Overflow, Publisher, Router,
    SpawnOptions, Subscriber, Supervision, SystemConfig,
};
use tokio::runtime::{Handle, Runtime};

/// Between two messages, or bursts of them.
const BEAT: Duration = Duration::from_millis(5);

/// The load. Dropping it ends it.
pub struct Demo {
    inspector: Inspector,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    _router: Router<Quote>,
    _desk: Desk,
}

/// A price.
#[derive(Clone, Copy)]
struct Quote {
    number: u64,
}

/// A trading desk of actors.
struct Desk {
    _system: ActorSystem<u64, Broker>,
    _runtime: Runtime,
}

type Broker = InMemoryMessageBroker<u64, CircuitBreaker>;

impl Demo {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let (inspector, is_over) = (Inspector::new("demo"), Arc::new(AtomicBool::new(false)));
        let quotes = Bus::new(4096);
        inspector.bus("quotes", &quotes);
        let router = start_router(&quotes)?;
        inspector.router(&router);
        let mut threads = start_readers(&quotes);
        for (each, burst) in [(20, false), (200, true)] {
            let (publisher, is_over) = (quotes.publisher(), Arc::clone(&is_over));
            threads.push(thread::spawn(move || publish(&publisher, each, burst, &is_over)));
        }
        let desk = Desk::start(&inspector, &is_over, &mut threads)?;
        Ok(Self { inspector, is_over, threads, _router: router, _desk: desk })
    }

    pub fn snapshot(&self) -> Snapshot {
        self.inspector.snapshot()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Readers end when the publishers have.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

// ===== a bus =====

/// Publishes so many at each beat; in bursts, only in each fourth second.
fn publish(publisher: &Publisher<Quote>, each: u64, burst: bool, is_over: &AtomicBool) {
    let mut number = 0;
    for beat in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let second = beat * BEAT.as_millis() as u64 / 1_000;
        if !burst || second % 4 == 3 {
            for _ in 0..each {
                number += 1;
                if publisher.publish(Quote { number }).is_err() {
                    return;
                }
            }
        }
        thread::sleep(BEAT);
    }
}

/// One that keeps up, one that loses messages, and one that is evicted and comes again.
fn start_readers(bus: &Bus<Quote>) -> Vec<JoinHandle<()>> {
    let audit = bus.subscriber().name("audit").subscribe();
    let ticker = bus.subscriber().name("ticker").overflow(Overflow::DropOldest).subscribe();
    let guest = bus.subscriber().name("guest").overflow(Overflow::Evict).subscribe();
    vec![
        thread::spawn(move || read(audit, 256, Duration::ZERO)),
        thread::spawn(move || read(ticker, 16, BEAT)),
        thread::spawn(move || read(guest, 1, Duration::from_millis(1))),
    ]
}

/// Reads so many at a time, and takes a rest after each. Until the bus is closed, or it is evicted; even then it keeps
/// its place, to be seen.
fn read(mut subscriber: Subscriber<Quote>, most: usize, rest: Duration) {
    use stentor::RecvError::{Evicted, Lagged};
    loop {
        match subscriber.read(most) {
            Ok(batch) => drop(batch),
            Err(Lagged(_)) => {}
            Err(Evicted(_)) => thread::sleep(Duration::from_secs(3)),
            Err(_) => return,
        }
        if !rest.is_zero() {
            thread::sleep(rest);
        }
    }
}

fn start_router(bus: &Bus<Quote>) -> Result<Router<Quote>, Box<dyn Error>> {
    let router = Router::builder(bus).threads(2).name("desk").start()?;
    router.handle("spread", |_| {});
    router.handler("risk").overflow(Overflow::DropOldest).handle(|quote| {
        if quote.number % 64 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    });
    router.handler("alarm").on_panic(OnPanic::Continue).handle(|quote| {
        // Without the message and the backtrace of a real one: the screen is ours.
        if quote.number % 50_000 == 0 {
            std::panic::resume_unwind(Box::new("a price of 0"));
        }
    });
    Ok(router)
}

// ===== actors =====

/// Handles what it gets, each for so long; now and then it panics.
struct Trader {
    pause: Duration,
    panics_at: u64,
}

impl<B: MessageBroker<u64>> Actor<u64, B> for Trader {
    async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
        if envelope.message.is_multiple_of(self.panics_at) {
            std::panic::resume_unwind(Box::new("the order has no price"));
        }
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        if envelope.metadata.correlation_id.is_some() {
            let _ = ctx.reply(&envelope, envelope.message + 1).await;
        }
    }
}

impl Desk {
    fn start(
        inspector: &Inspector,
        is_over: &Arc<AtomicBool>,
        threads: &mut Vec<JoinHandle<()>>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_time().build()?;
        let hooks = CircuitBreaker::new().failures(200).pause(Duration::from_secs(4));
        let broker = InMemoryMessageBroker::builder().capacity(2048).dead_letter_logs(0);
        let broker = broker.hooks(hooks).try_build()?;
        inspector.broker("orders", &broker);
        let system = runtime.block_on(ActorSystem::new(SystemConfig::default(), broker))?;
        inspector.system("desk", &system);
        let traders = [
            trader(&system, "fast", Duration::ZERO, u64::MAX)?,
            trader(&system, "slow", Duration::from_millis(20), u64::MAX)?,
            trader(&system, "clumsy", Duration::ZERO, 5_000)?,
        ];
        let (desk, handle) = (system.clone(), runtime.handle().clone());
        let is_over = Arc::clone(is_over);
        threads.push(thread::spawn(move || order(&desk, &handle, traders, &is_over)));
        Ok(Self { _system: system, _runtime: runtime })
    }
}

fn trader(
    system: &ActorSystem<u64, Broker>,
    name: &str,
    pause: Duration,
    panics_at: u64,
) -> Result<ActorAddress, Box<dyn Error>> {
    let options = SpawnOptions::new().name(name).supervision(Supervision::RESTART);
    let options = options.mailbox(256, MailboxPolicy::DropNewest);
    Ok(system.spawn_with(options, move || Trader { pause, panics_at })?)
}

/// Sends orders to each trader at each beat, more of them than the slow one can handle, and asks the fast one.
fn order(
    system: &ActorSystem<u64, Broker>,
    handle: &Handle,
    [fast, slow, clumsy]: [ActorAddress; 3],
    is_over: &AtomicBool,
) {
    for number in 1_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // The slow one has ten seconds of too much, and ten of rest.
        let too_much = usize::from(number % 4_000 < 2_000);
        for (recipient, orders) in [(fast, 10), (clumsy, 3), (slow, too_much)] {
            for _ in 0..orders {
                let order = MessageEnvelope::new(number).with_recipient(recipient);
                // The breaker rejects some of them.
                let _ = system.broker().publish_blocking(order);
            }
        }
        let _ = handle.block_on(system.request::<u64>(fast, number, Duration::from_millis(100)));
        thread::sleep(BEAT);
    }
}
