//! The memory of actors that have been asked once and do nothing.

use crate::{
    actors::{Actors, Books},
    alloc,
    contract::Ask,
    entry::Order,
    measurement::Measurement,
    workload::Message,
};

/// Runs the row, on one thread.
pub fn run<C: Actors>(order: &Order) -> Measurement {
    let count = order.row.subscribers;
    let held = C::run(held_by::<C>(count));
    Measurement { bytes: Some(held as f64 / count as f64), ..Measurement::default() }
}

/// The bytes that so many actors hold, without the addresses that their user keeps.
async fn held_by<C: Actors>(count: usize) -> isize {
    let system = C::system().await;
    let mut actors = Vec::with_capacity(count);
    // What the first of them needs is not counted, for it may serve them all.
    let first = C::spawn(&system, Books::default()).await;
    ask(&first, 0).await;
    alloc::weigh();
    for _ in 0..count {
        actors.push(C::spawn(&system, Books::default()).await);
    }
    for (sequence, actor) in (0..).zip(&actors) {
        ask(actor, sequence).await;
    }
    alloc::held()
}

/// Asks once, and checks the answer.
async fn ask(actor: &impl Ask, sequence: u64) {
    let message = Message::new(0, sequence);
    assert_eq!(actor.ask(message).await, message.answer(), "another answer than its own");
}
