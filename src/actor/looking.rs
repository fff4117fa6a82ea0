//! Looking at a system and its actors.

use std::cmp::Reverse;

use crate::actor::metrics::{ActorMetrics, SystemMetrics};
use crate::actor::shared::Shared;
use crate::broker::{Message, MessageBroker};
use crate::envelope::{ActorAddress, Timestamp};

impl<M: Message, B: MessageBroker<M>> Shared<M, B> {
    /// How the system is doing, and its actors: at most `limit` of them, those with the fullest mailboxes.
    pub(crate) fn metrics(&self, limit: usize) -> SystemMetrics {
        let now = Timestamp::now();
        let mut handled = self.handled.get();
        let mut fullest = Fullest { actors: Vec::new(), limit };
        for address in self.registry.addresses() {
            if let Some(actor) = self.actor(address, now) {
                handled += actor.handled;
                fullest.add(actor);
            }
        }
        SystemMetrics {
            state: self.state(),
            spawned: self.spawned.get(),
            living: self.registry.len(),
            handled,
            dead_letters: self.buried.get(),
            clone_panics: self.clone_panics.get(),
            actors: fullest.end(),
        }
    }

    /// How an actor is doing, if it lives.
    fn actor(&self, address: ActorAddress, now: Timestamp) -> Option<ActorMetrics> {
        let name = self.registry.life(address, |life| life.name.clone())?;
        let cell = self.registry.cell(address).ok()?;
        let (depth, meter) = (cell.mailbox.depth(), &cell.meter);
        Some(ActorMetrics {
            address,
            name,
            depth: depth.depth,
            high_water: depth.high_water,
            capacity: depth.capacity,
            handled: meter.handled_so_far(),
            panics: meter.panics(),
            restarts: meter.restarts(),
            handling: meter.handling(),
            oldest: depth.oldest.map(|published| now.since(published)),
        })
    }
}

/// The actors with the fullest mailboxes, in the memory of twice as many as are wanted.
struct Fullest {
    actors: Vec<ActorMetrics>,
    limit: usize,
}

impl Fullest {
    fn add(&mut self, actor: ActorMetrics) {
        self.actors.push(actor);
        if self.actors.len() > self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.actors.len() > self.limit {
            self.actors.sort_by_key(|actor| Reverse(actor.depth));
            self.actors.truncate(self.limit);
        }
    }

    /// In the order of their addresses where all are wanted, else the fullest first.
    fn end(mut self) -> Vec<ActorMetrics> {
        self.cut();
        self.actors
    }
}
