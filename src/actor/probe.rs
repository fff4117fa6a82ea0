//! The test kit: an actor that tells what it is told, dead letters that are expected, and time that stands still.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc as tasks, oneshot};

use crate::actor::actor::Actor;
use crate::actor::context::ActorContext;
use crate::actor::error::SpawnError;
use crate::actor::options::SpawnOptions;
use crate::actor::system::ActorSystem;
use crate::broker::{DeadLetter, DeadLetterReason, Message, MessageBroker};
use crate::bus::{RecvError, Subscriber};
use crate::envelope::{ActorAddress, MessageEnvelope};

/// An actor for tests: it keeps what it is sent until the test asks for it, and replies as it is told to. It lives
/// as long as its system, or until it is stopped. Expectations wait in real time, also where the runtime's
/// clock is paused.
///
/// ```
/// use std::time::Duration;
/// use stentor::{ActorSystem, InMemoryMessageBroker, Probe, SystemConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
/// let mut probe = Probe::spawn(&system, "probe").unwrap();
///
/// system.send(probe.address(), 1).await.unwrap();
/// assert_eq!(probe.expect_message_within(Duration::from_secs(60)).await.message, 1);
/// probe.expect_no_message(Duration::from_millis(1)).await;
///
/// probe.reply_with(|question| Some(question.message * 2));
/// let reply = system.request::<u64>(probe.address(), 21, Duration::from_secs(60)).await;
/// assert_eq!(reply.unwrap().message, 42);
/// # }
/// ```
pub struct Probe<M> {
    address: ActorAddress,
    received: tasks::UnboundedReceiver<MessageEnvelope<M>>,
    script: Script<M>,
}

type Replier<M> = dyn FnMut(&MessageEnvelope<M>) -> Option<M> + Send;
type Script<M> = Arc<Mutex<Option<Box<Replier<M>>>>>;

impl<M: Message> Probe<M> {
    /// Spawns a probe of this name.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn<B: MessageBroker<M>>(
        system: &ActorSystem<M, B>,
        name: impl Into<String>,
    ) -> Result<Self, SpawnError> {
        Self::spawn_with(system, SpawnOptions::new().name(name))
    }

    /// Spawns a probe that says more of itself: how large its mailbox is, say.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn_with<B: MessageBroker<M>>(
        system: &ActorSystem<M, B>,
        options: SpawnOptions,
    ) -> Result<Self, SpawnError> {
        let (sender, received) = tasks::unbounded_channel();
        let script = Script::default();
        let told = Arc::clone(&script);
        let make = move || Teller { sender: sender.clone(), script: Arc::clone(&told) };
        Ok(Self { address: system.spawn_with(options, make)?, received, script })
    }

    /// Where to send what it is to receive.
    pub fn address(&self) -> ActorAddress {
        self.address
    }

    /// Replies from now on with what `reply` gives for a message, if it gives something. (If it panics, so does the
    /// actor.)
    pub fn reply_with(&self, reply: impl FnMut(&MessageEnvelope<M>) -> Option<M> + Send + 'static) {
        *self.script.lock() = Some(Box::new(reply));
    }

    /// The next message that it has received; waits for it.
    ///
    /// # Panics
    /// None comes within that time, or the probe has been stopped and none is left.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    #[must_use = "what has been received is to be looked at"]
    pub async fn expect_message_within(&mut self, limit: Duration) -> MessageEnvelope<M> {
        let address = self.address;
        match within(limit, self.received.recv()).await {
            Some(Some(envelope)) => envelope,
            Some(None) => panic!("the probe {address} has ended: expected a message"),
            None => {
                panic!("the probe {address} received nothing within {limit:?}: expected a message")
            }
        }
    }

    /// Waits so long, in which nothing is to be received. What has been received before and not been asked for
    /// counts as well.
    ///
    /// # Panics
    /// A message comes.
    pub async fn expect_no_message(&mut self, wait: Duration) {
        if let Some(Some(envelope)) = within(wait, self.received.recv()).await {
            let (address, id) = (self.address, envelope.metadata.message_id);
            panic!("the probe {address} received the message {id}: expected none");
        }
    }

    /// All that it has received and that has not been asked for, in order; never waits.
    pub fn take_received(&mut self) -> Vec<MessageEnvelope<M>> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl<M> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The actor of a probe.
struct Teller<M> {
    sender: tasks::UnboundedSender<MessageEnvelope<M>>,
    script: Script<M>,
}

impl<M: Message, B: MessageBroker<M>> Actor<M, B> for Teller<M> {
    async fn handle(&mut self, envelope: MessageEnvelope<M>, ctx: &mut ActorContext<M, B>) {
        // First: whoever has got the reply finds that the message has been received.
        let _ = self.sender.send(envelope.clone());
        let reply = self.script.lock().as_mut().and_then(|reply| reply(&envelope));
        if let Some(reply) = reply {
            // Whoever has asked may have gone.
            let _ = ctx.reply(&envelope, reply).await;
        }
    }
}

/// The dead letters of a system, to be expected one after the other. Waits in real time.
///
/// ```
/// use std::time::Duration;
/// use stentor::{ActorAddress, ActorSystem, DeadLetterProbe, DeadLetterReason};
/// use stentor::{InMemoryMessageBroker, SystemConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
/// let mut letters = DeadLetterProbe::new(&system);
/// system.send(ActorAddress::new(), 7).await.unwrap();
/// let limit = Duration::from_secs(60);
/// let letter = letters.expect_within(limit, &DeadLetterReason::UnknownRecipient).await;
/// assert_eq!(letter.message, 7);
/// letters.expect_none(Duration::from_millis(1)).await;
/// # }
/// ```
#[derive(Debug)]
pub struct DeadLetterProbe<M> {
    letters: Subscriber<DeadLetter<M>>,
}

impl<M: Message> DeadLetterProbe<M> {
    /// Listens to the dead letters from now on.
    pub fn new<B: MessageBroker<M>>(system: &ActorSystem<M, B>) -> Self {
        Self { letters: system.dead_letters() }
    }

    /// The message of the next dead letter, which is to have this reason; waits for it.
    ///
    /// # Panics
    /// None comes within that time, it has another reason, or some were missed because there were too many.
    pub async fn expect_within(
        &mut self,
        limit: Duration,
        reason: &DeadLetterReason,
    ) -> MessageEnvelope<M> {
        match within(limit, self.letters.recv_async()).await {
            Some(Ok(letter)) => {
                let (found, id) = (&letter.reason, letter.envelope.metadata.message_id);
                assert!(
                    found == reason,
                    "the message {id} is a dead letter: {found}; expected: {reason}"
                );
                letter.envelope
            }
            Some(Err(error)) => panic!("expected a dead letter ({reason}): {error}"),
            None => panic!("no dead letter within {limit:?}: expected one ({reason})"),
        }
    }

    /// Waits so long, in which there is to be no dead letter.
    ///
    /// # Panics
    /// There is one, or there have been so many that some were missed.
    pub async fn expect_none(&mut self, wait: Duration) {
        match within(wait, self.letters.recv_async()).await {
            None | Some(Err(RecvError::Closed)) => {}
            Some(Ok(DeadLetter { envelope, reason, .. })) => {
                let id = envelope.metadata.message_id;
                panic!("the message {id} is a dead letter: {reason}; expected none");
            }
            Some(Err(error)) => panic!("expected no dead letter: {error}"),
        }
    }
}

/// Time that passes only when the test says so: for [`send_after`](ActorContext::send_after),
/// [`send_every`](ActorContext::send_every) and the backoff of restarts, which go by the clock of tokio's runtime. (Not
/// for sync actors, whose threads have clocks of their own, and the time-outs of requests.)
///
/// Tokio's paused clock alone is not enough: it goes on by itself when no task has anything to do, though a router
/// thread may be about to deliver a message. Here it does not, until this is dropped.
///
/// ```
/// use std::time::Duration;
/// use stentor::{Actor, ActorContext, ActorSystem, InMemoryMessageBroker, ManualTime};
/// use stentor::{MessageBroker, MessageEnvelope, Probe, SystemConfig};
///
/// /// Passes a message on an hour later.
/// struct Slow;
///
/// impl<B: MessageBroker<u64>> Actor<u64, B> for Slow {
///     async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
///         let to = envelope.metadata.reply_to.unwrap();
///         ctx.send_after(Duration::from_secs(3600), to, envelope.message);
///         ctx.send(to, 0).await.unwrap();
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let time = ManualTime::pause();
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
/// let mut probe = Probe::spawn(&system, "probe").unwrap();
/// let slow = system.spawn("slow", Slow).unwrap();
/// let late = MessageEnvelope::new(7).with_recipient(slow).with_reply_to(probe.address());
/// system.publish(late).await.unwrap();
///
/// let limit = Duration::from_secs(60);
/// assert_eq!(probe.expect_message_within(limit).await.message, 0);
/// probe.expect_no_message(Duration::from_millis(1)).await;
/// time.advance(Duration::from_secs(3600)).await;
/// assert_eq!(probe.expect_message_within(limit).await.message, 7);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping this leaves the clock to tokio"]
pub struct ManualTime {
    /// Dropping it ends the blocking task, which keeps the clock from going on by itself.
    _until: mpsc::Sender<()>,
}

impl ManualTime {
    /// Stops the clock of the runtime that this is called on.
    ///
    /// # Panics
    /// It is not called within a `current_thread` runtime of tokio's with timers, or its clock stands still already.
    #[track_caller]
    pub fn pause() -> Self {
        tokio::time::pause();
        let (until, ended) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || ended.recv()));
        Self { _until: until }
    }

    /// Lets so much time pass at once, and one millisecond more, for tokio's timers fire at the end of theirs. The
    /// tasks that wait for those that are due then run.
    pub async fn advance(&self, time: Duration) {
        tokio::time::advance(time + Duration::from_millis(1)).await;
    }
}

/// What a future gives, unless so much real time passes first.
async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let (mut future, mut over) = (pin!(future), None);
    let (_until, ended) = mpsc::channel::<()>();
    let mut ended = Some(ended);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        // Only who has to wait needs the thread.
        let over = over.get_or_insert_with(|| pin_alarm(limit, ended.take()));
        over.as_mut().poll(cx).map(|_| None)
    })
    .await
}

type Over = std::pin::Pin<Box<oneshot::Receiver<()>>>;

/// Is ready when so much real time has passed; the thread ends before, if `ended` says so.
fn pin_alarm(limit: Duration, ended: Option<mpsc::Receiver<()>>) -> Over {
    let (alarm, over) = oneshot::channel();
    let wait = move || {
        let passed = ended.map(|ended| ended.recv_timeout(limit));
        if passed == Some(Err(mpsc::RecvTimeoutError::Timeout)) {
            let _ = alarm.send(());
        }
    };
    let thread = std::thread::Builder::new().name("expectation".into()).spawn(wait);
    thread.expect("a thread for the time of an expectation");
    Box::pin(over)
}
