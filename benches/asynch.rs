//! A task for each publisher and each subscriber, on two tokio workers; every subscriber gets every
//! message of 64 bytes.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;
use tokio::runtime::Builder;

fn asynch(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for (from, to) in SHAPES {
        let mut group = group(c, &format!("async/{from}->{to}"));
        tasks::<Stentor>(&mut group, (from, to), &runtime);
        tasks::<InPlace>(&mut group, (from, to), &runtime);
        tasks::<TokioMpsc>(&mut group, (from, to), &runtime);
        tasks::<TokioBroadcast>(&mut group, (from, to), &runtime);
        tasks::<Reference>(&mut group, (from, to), &runtime);
        group.finish();
    }
}

criterion_group!(name = benches; config = config(); targets = asynch);
criterion_main!(benches);
