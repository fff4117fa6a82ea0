//! One thread and no contention, for each kind of payload: what publishing costs with nobody there, and
//! what it costs to publish to one subscriber and to receive, in turns of 64 messages.

mod support;

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;

/// Messages that are published before they are received.
const TURN: u64 = 64;

/// Measures `E` on one thread.
fn alone<E: Engine<T>, T: Message>(group: &mut Group<'_>, readers: usize, make: &impl Fn() -> T) {
    let (publisher, mut readers) = E::open(readers);
    group.bench_function(E::NAME, |b| {
        let mut published = 0;
        b.iter(|| {
            E::publish(&publisher, make());
            published += 1;
            if published % TURN == 0 {
                readers.iter_mut().for_each(|reader| while E::try_recv(reader) > 0 {});
            }
        });
    });
}

fn payload<T: Message>(c: &mut Criterion, name: &str, make: impl Fn() -> T) {
    let mut nobody = group(c, &format!("publish/nobody/{name}"));
    alone::<Stentor, T>(&mut nobody, 0, &make);
    alone::<TokioBroadcast, T>(&mut nobody, 0, &make);
    alone::<Reference, T>(&mut nobody, 0, &make);
    nobody.finish();

    let mut one = group(c, &format!("publish/one/{name}"));
    alone::<Stentor, T>(&mut one, 1, &make);
    alone::<InPlace, T>(&mut one, 1, &make);
    alone::<Crossbeam, T>(&mut one, 1, &make);
    alone::<TokioMpsc, T>(&mut one, 1, &make);
    alone::<TokioBroadcast, T>(&mut one, 1, &make);
    alone::<Reference, T>(&mut one, 1, &make);
    one.finish();
}

fn publish(c: &mut Criterion) {
    payload(c, "8 B", || black_box(1u64));
    payload(c, "64 B", || black_box([1u64; 8]));
    payload(c, "256 B", || black_box([1u64; 32]));
    payload(c, "String", || String::from(black_box("a short message")));
    let shared = Arc::new([1u64; 8]);
    payload(c, "Arc", move || Arc::clone(&shared));
}

criterion_group!(name = benches; config = config(); targets = publish);
criterion_main!(benches);
