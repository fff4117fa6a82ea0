//! Tasks that tell actors messages, one after the other in turn. The clock stops when all has been handled.

use std::time::Instant;

use tokio::{runtime::Builder, task};

use crate::{
    actors::{Actors, Books, Tell},
    crew::{Crew, OnLoan},
    drive::{
        meter::{Meter, last_end},
        publishing::{Progress, Published},
        request::Elsewhere,
        runtime::runtime,
    },
    entry::Order,
    measurement::{Measurement, Stop},
    workload::{Ledger, Message},
};

/// Everybody on the workers of one runtime.
pub fn on_workers<C: Actors>(order: &Order) -> Measurement {
    let (crew, books) = books(order);
    let runtime = runtime();
    let (_system, actors) = runtime.block_on(start::<C>(books));
    let (meter, told) = runtime.block_on(tell_all(actors, order));
    sum_up(meter, &told, &crew.join())
}

/// The actors on a thread of theirs, and who tells on another.
pub fn across_threads<C: Actors>(order: &Order) -> Measurement {
    let (crew, books) = books(order);
    let ((_system, actors), there) = Elsewhere::start(|| start::<C>(books), C::run);
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (meter, told) = runtime.block_on(tell_all(actors, order));
    let sinks = crew.join();
    there.end();
    sum_up(meter, &told, &sinks)
}

/// The books of each actor of a row, and how they come back.
fn books(order: &Order) -> (Crew<Ledger>, Vec<Books>) {
    let (actors, tellers) = (order.row.subscribers, order.row.publishers);
    let (crew, ledgers) = Crew::expect((0..actors).map(|_| Ledger::default()).collect());
    let open = |ledger: OnLoan<Ledger>| Books::new(ledger, tellers);
    (crew, ledgers.into_iter().map(open).collect())
}

/// Makes the system and spawns the actors.
async fn start<C: Actors>(books: Vec<Books>) -> (C::System, Vec<C::Address>) {
    let system = C::system().await;
    let mut actors = Vec::with_capacity(books.len());
    for books in books {
        actors.push(C::spawn(&system, books).await);
    }
    (system, actors)
}

/// Spawns a task for each teller and waits for them; gives the meter that began with them.
async fn tell_all<T: Tell>(actors: Vec<T>, order: &Order) -> (Meter, Vec<Published>) {
    let (stop, count) = (order.stop, order.row.publishers);
    let meter = Meter::start();
    let tell = |id| tokio::spawn(tell(actors.clone(), id, stop, count));
    let telling: Vec<_> = (0..count as u64).map(tell).collect();
    let mut told = Vec::with_capacity(count);
    for task in telling {
        told.push(task.await.expect("a task that tells has failed"));
    }
    (meter, told)
}

/// One task that tells the actors in turn. Each actor is told a run of sequences without a gap. It yields after each
/// stride, as publishers do.
async fn tell<T: Tell>(actors: Vec<T>, id: u64, stop: Stop, tellers: usize) -> Published {
    let mut progress = Progress::new(stop, tellers);
    let (mut place, mut sequence) = (0, 0);
    while let Some(sequences) = progress.next() {
        for _ in sequences {
            actors[place].tell(Message::new(id, sequence)).await;
            place += 1;
            if place == actors.len() {
                (place, sequence) = (0, sequence + 1);
            }
        }
        task::yield_now().await;
    }
    let told = progress.finish();
    for actor in &actors {
        actor.tell(Message::last(id)).await;
    }
    told
}

/// Checks the books of each actor, and sums up.
fn sum_up(meter: Meter, told: &[Published], sinks: &[(Ledger, Instant)]) -> Measurement {
    let actors = sinks.len() as u64;
    for (place, (ledger, _)) in (0..).zip(sinks) {
        let share = |each: &Published| (each.count + actors - 1 - place) / actors;
        ledger.check(&told.iter().map(share).collect::<Vec<_>>(), true);
    }
    let handled = sinks.iter().map(|(ledger, _)| ledger.received()).sum();
    // Each message is for one actor.
    meter.figures(last_end(sinks), told, handled, 1)
}
