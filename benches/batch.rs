//! One publishing and one reading thread; messages of 64 bytes are published 1, 8 or 64 at a time: by
//! `publish_batch` where the engine has it, one by one otherwise.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;

fn batch(c: &mut Criterion) {
    for size in [1, 8, 64] {
        let mut group = group(c, &format!("batch/{size}"));
        threads::<Stentor>(&mut group, (1, 1), size);
        threads::<InPlace>(&mut group, (1, 1), size);
        threads::<Crossbeam>(&mut group, (1, 1), size);
        threads::<TokioMpsc>(&mut group, (1, 1), size);
        threads::<TokioBroadcast>(&mut group, (1, 1), size);
        threads::<Reference>(&mut group, (1, 1), size);
        group.finish();
    }
}

criterion_group!(name = benches; config = config(); targets = batch);
criterion_main!(benches);
