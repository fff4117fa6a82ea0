//! A thread for each publisher and each subscriber; every subscriber gets every message of 64 bytes.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;

fn fanout(c: &mut Criterion) {
    for (from, to) in SHAPES {
        let mut group = group(c, &format!("fanout/{from}->{to}"));
        threads::<Stentor>(&mut group, (from, to), 1);
        threads::<InPlace>(&mut group, (from, to), 1);
        threads::<Crossbeam>(&mut group, (from, to), 1);
        threads::<TokioMpsc>(&mut group, (from, to), 1);
        threads::<TokioBroadcast>(&mut group, (from, to), 1);
        threads::<Reference>(&mut group, (from, to), 1);
        group.finish();
    }
}

criterion_group!(name = benches; config = config(); targets = fanout);
criterion_main!(benches);
