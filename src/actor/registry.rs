//! Addresses, and the mailboxes they lead to.
//!
//! A cell of the slab is one place for an actor. An address names the registry (its prefix, which no other has),
//! the cell, and the tenancy: how many actors have lived there. Cells stay where they are and are used again, so
//! resolving takes no lock and counts no references; that a stale address reaches nobody is seen to by the
//! mailbox, which compares the tenancy under its lock.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::actor::error::SpawnError;
use crate::actor::mailbox::{Control, Mailbox, MailboxPolicy};
use crate::actor::meter::Meter;
use crate::actor::report::{ActorReport, StopCause};
use crate::actor::sender::MailboxSender;
use crate::actor::slab::Slab;
use crate::broker::DeadLetterReason;
use crate::envelope::{ActorAddress, MessageEnvelope, Unique, fresh_prefix};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// The lower bits of an address's number are the cell, the others the tenancy.
const CELL_BITS: u32 = 24;
/// A cell that has had so many tenants is not used again.
const LAST_TENANCY: u64 = (1 << (u64::BITS - CELL_BITS)) - 1;

/// Who is to be told that an actor has ended.
pub(crate) enum Watcher {
    Actor(ActorAddress),
    Waiter(oneshot::Sender<ActorReport>),
}

/// What is known of a tenant, beside its mailbox.
#[derive(Default)]
pub(crate) struct Life {
    /// 0 when the cell is vacant.
    tenancy: u64,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: Option<ActorAddress>,
    pub(crate) children: Vec<ActorAddress>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) task: Option<AbortHandle>,
}

/// A place for an actor.
pub(crate) struct Cell<M> {
    /// The tenancy, last or present, and in the lowest bit whether it is present.
    tenancy: AtomicU64,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) meter: Meter,
    life: Mutex<Life>,
}

impl<M> Default for Cell<M> {
    fn default() -> Self {
        Self {
            tenancy: AtomicU64::new(0),
            mailbox: Mailbox::default(),
            meter: Meter::default(),
            life: Mutex::new(Life::default()),
        }
    }
}

impl<M> Cell<M> {
    /// What its tenant has come to.
    pub(crate) fn report(
        &self,
        address: ActorAddress,
        name: Option<Arc<str>>,
        cause: StopCause,
    ) -> ActorReport {
        let meter = &self.meter;
        ActorReport {
            address,
            name,
            cause,
            handled: meter.handled_so_far(),
            left: self.mailbox.depth().depth as u64,
            dropped: meter.dropped_so_far(),
            panics: meter.panics(),
            restarts: meter.restarts(),
        }
    }

    /// What is known of this tenant, unless it is gone.
    pub(crate) fn life<R>(&self, tenancy: u64, look: impl FnOnce(&mut Life) -> R) -> Option<R> {
        let mut life = self.life.lock();
        (life.tenancy == tenancy).then(|| look(&mut life))
    }
}

/// What changes when actors are spawned and end.
struct Ledger {
    names: HashMap<Arc<str>, ActorAddress>,
    /// Cells that are vacant.
    vacant: Vec<usize>,
    /// Cells from here on have never been used.
    unused: usize,
}

struct Inner<M> {
    prefix: NonZeroU64,
    cells: Slab<CachePadded<Cell<M>>>,
    ledger: Mutex<Ledger>,
    living: AtomicUsize,
    /// Living actors whose mailboxes tell senders that they are full.
    outspoken: AtomicUsize,
}

/// The addresses of a system's actors, and the mailboxes they lead to. Clones are the same registry.
///
/// ```
/// # use stentor::{Actor, ActorContext, ActorSystem, InMemoryMessageBroker, MessageBroker};
/// # use stentor::{MessageEnvelope, SystemConfig};
/// # struct Idle;
/// # impl<B: MessageBroker<u64>> Actor<u64, B> for Idle {
/// #     async fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, B>) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
/// let address = system.spawn("idle", Idle).unwrap();
/// assert_eq!(system.registry().lookup("idle"), Some(address));
/// assert!(system.registry().resolve(&address).is_some());
/// system.stop(address).await;
/// assert!(system.registry().resolve(&address).is_none());
/// # }
/// ```
pub struct ActorRegistry<M> {
    inner: Arc<Inner<M>>,
}

/// What an actor that has ended leaves behind.
pub(crate) struct Estate<M> {
    pub(crate) mail: VecDeque<MessageEnvelope<M>>,
    pub(crate) life: Life,
}

impl<M> ActorRegistry<M> {
    pub(crate) fn new() -> Self {
        let ledger = Ledger { names: HashMap::new(), vacant: Vec::new(), unused: 0 };
        let inner = Inner {
            prefix: fresh_prefix(),
            cells: Slab::new(),
            ledger: Mutex::new(ledger),
            living: AtomicUsize::new(0),
            outspoken: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    // ===== looking =====

    /// The mailbox of the actor of this address; `None` if it has ended, or is not of this system. Takes no
    /// lock, and the same time however many actors there are.
    pub fn resolve(&self, address: &ActorAddress) -> Option<MailboxSender<M>> {
        let cell = self.cell(*address).ok()?;
        // Acquire: with `move_in`.
        let word = cell.tenancy.load(Ordering::Acquire);
        (word == tenancy(*address) << 1 | 1).then(|| MailboxSender::new(self.clone(), *address))
    }

    /// The address of the living actor of this name.
    pub fn lookup(&self, name: &str) -> Option<ActorAddress> {
        self.inner.ledger.lock().names.get(name).copied()
    }

    /// The living actors that have names, by name.
    pub fn names(&self) -> Vec<(Arc<str>, ActorAddress)> {
        let ledger = self.inner.ledger.lock();
        let mut names: Vec<_> = ledger.names.iter().map(|(n, a)| (Arc::clone(n), *a)).collect();
        names.sort();
        names
    }

    /// The addresses of all living actors.
    pub fn addresses(&self) -> Vec<ActorAddress> {
        let unused = self.inner.ledger.lock().unused;
        let cells = (0..unused).filter_map(|index| Some((index, self.inner.cells.get(index)?)));
        let living = cells.filter_map(|(index, cell)| {
            let word = cell.tenancy.load(Ordering::Acquire);
            (word & 1 == 1).then(|| self.address(index, word >> 1))
        });
        living.collect()
    }

    /// How many actors live.
    pub fn len(&self) -> usize {
        self.inner.living.load(Ordering::Relaxed)
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an address is one that this registry gives.
    #[inline]
    pub(crate) fn is_own(&self, address: ActorAddress) -> bool {
        address.0.prefix == self.inner.prefix
    }

    /// The address that replies to requests are sent to. No actor has it.
    pub(crate) fn asks(&self) -> ActorAddress {
        self.address(0, 0)
    }

    pub(crate) fn is_asks(&self, address: ActorAddress) -> bool {
        address == self.asks()
    }

    /// The cell of an address of this registry, whoever lives there now.
    #[inline]
    pub(crate) fn cell(&self, address: ActorAddress) -> Result<&Cell<M>, DeadLetterReason> {
        let cell = self.inner.cells.get(index(address)).filter(|_| self.is_own(address));
        cell.map(|cell| &**cell).ok_or(DeadLetterReason::UnknownRecipient)
    }

    /// Why a mailbox accepts nothing from this address.
    #[cold]
    pub(crate) fn why_not(&self, address: ActorAddress) -> DeadLetterReason {
        let Ok(cell) = self.cell(address) else { return DeadLetterReason::UnknownRecipient };
        let (word, tenancy) = (cell.tenancy.load(Ordering::Acquire), tenancy(address));
        if word == tenancy << 1 | 1 {
            DeadLetterReason::MailboxClosed
        } else if tenancy > 0 && tenancy <= word >> 1 {
            DeadLetterReason::StaleAddress
        } else {
            DeadLetterReason::UnknownRecipient
        }
    }

    /// Whether a send to this address should rather come back: the mailbox is full, and says so.
    #[inline]
    pub(crate) fn refuses(&self, address: ActorAddress) -> bool {
        self.inner.outspoken.load(Ordering::Relaxed) > 0
            && self.cell(address).is_ok_and(|cell| cell.mailbox.refuses(tenancy(address)))
    }

    /// Tells an actor something; false if it is gone.
    pub(crate) fn tell(&self, address: ActorAddress, control: Control) -> bool {
        self.cell(address).is_ok_and(|cell| cell.mailbox.tell(tenancy(address), control))
    }

    /// What is known of an actor, unless it is gone.
    pub(crate) fn life<R>(
        &self,
        address: ActorAddress,
        look: impl FnOnce(&mut Life) -> R,
    ) -> Option<R> {
        self.cell(address).ok()?.life(tenancy(address), look)
    }

    fn address(&self, index: usize, tenancy: u64) -> ActorAddress {
        let number = tenancy << CELL_BITS | index as u64;
        ActorAddress(Unique { prefix: self.inner.prefix, number })
    }

    // ===== moving in and out =====

    /// A vacant cell, and with it an address and a mailbox.
    pub(crate) fn move_in(
        &self,
        name: Option<Arc<str>>,
        parent: Option<ActorAddress>,
        capacity: usize,
        policy: MailboxPolicy,
    ) -> Result<ActorAddress, SpawnError> {
        let mut ledger = self.inner.ledger.lock();
        if let Some(name) = &name
            && let Some(address) = ledger.names.get(name)
        {
            return Err(SpawnError::NameTaken { name: name.to_string(), address: *address });
        }
        let index = ledger.vacant.pop().unwrap_or(ledger.unused);
        let full = SpawnError::TooManyActors { limit: Slab::<Cell<M>>::LIMIT };
        let cell = self.inner.cells.grow(index).ok_or(full)?;
        ledger.unused = ledger.unused.max(index + 1);
        let tenancy = (cell.tenancy.load(Ordering::Relaxed) >> 1) + 1;
        let address = self.address(index, tenancy);
        if let Some(name) = &name {
            ledger.names.insert(Arc::clone(name), address);
        }
        // All this with the ledger locked, so that whoever finds the name, or the address, finds its mailbox open.
        *cell.life.lock() = Life { tenancy, name, parent, ..Life::default() };
        cell.meter.reset();
        cell.mailbox.open(tenancy, capacity, policy);
        // Release: who resolves the address finds all this.
        cell.tenancy.store(tenancy << 1 | 1, Ordering::Release);
        self.inner.living.fetch_add(1, Ordering::Relaxed);
        if policy == MailboxPolicy::Fail {
            self.inner.outspoken.fetch_add(1, Ordering::Relaxed);
        }
        Ok(address)
    }

    /// The actor of this address has ended; only who drives it calls this, and once.
    pub(crate) fn move_out(&self, address: ActorAddress) -> Option<Estate<M>> {
        let cell = self.cell(address).ok()?;
        let (index, tenancy) = (index(address), tenancy(address));
        if cell.mailbox.policy() == MailboxPolicy::Fail {
            self.inner.outspoken.fetch_sub(1, Ordering::Relaxed);
        }
        // First, so that what is refused from now on is told that the address is stale.
        cell.tenancy.store(tenancy << 1, Ordering::Release);
        let mail = cell.mailbox.vacate();
        let life = std::mem::take(&mut *cell.life.lock());
        let mut ledger = self.inner.ledger.lock();
        if let Some(name) = &life.name {
            ledger.names.remove(name);
        }
        if tenancy < LAST_TENANCY {
            ledger.vacant.push(index);
        }
        drop(ledger);
        self.inner.living.fetch_sub(1, Ordering::Relaxed);
        Some(Estate { mail, life })
    }
}

fn index(address: ActorAddress) -> usize {
    (address.0.number & ((1 << CELL_BITS) - 1)) as usize
}

/// Which of the tenants of its cell an address names.
#[inline]
pub(crate) fn tenancy(address: ActorAddress) -> u64 {
    address.0.number >> CELL_BITS
}

/// A number that spreads addresses: neighbours have different ones.
#[inline]
pub(crate) fn spread(address: ActorAddress) -> usize {
    index(address)
}

impl<M> Clone for ActorRegistry<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M> fmt::Debug for ActorRegistry<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorRegistry").field("living", &self.len()).finish_non_exhaustive()
    }
}
