//! A long run: `cargo test --release --test router_soak -- --ignored`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use stentor::{Bus, Drain, Router};

/// Messages, over both publishers.
const COUNT: u64 = 100_000_000;

/// A message: its publisher, and its number among that one's.
type Message = (u64, u64);

/// Sums up what a handler sees, by publisher, and looks that nothing is missing or out of order.
#[derive(Default)]
struct Sums([AtomicU64; 2]);

fn handler(sums: &Arc<Sums>) -> impl FnMut(&Message) + Send + 'static {
    let sums = Arc::clone(sums);
    let (mut next, mut own) = ([0; 2], [0_u64; 2]);
    move |&(publisher, n)| {
        let publisher = publisher as usize;
        assert_eq!(n, next[publisher], "of publisher {publisher}");
        next[publisher] += 1;
        own[publisher] = own[publisher].wrapping_add(n ^ n << 7);
        sums.0[publisher].store(own[publisher], Ordering::Relaxed);
    }
}

#[test]
#[ignore = "a hundred million messages take a while"]
fn a_hundred_million_messages_arrive_at_every_handler() {
    let bus = Bus::new(1024);
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let sums: Vec<Arc<Sums>> = (0..4).map(|_| Arc::default()).collect();
    for (index, sums) in sums.iter().enumerate() {
        router.handle(format!("{index}"), handler(sums));
    }
    router.group("g").key(|&(_, n): &Message| n / 1024).handlers([|_: &Message| {}; 3]);
    let each = COUNT / 2;
    thread::scope(|scope| {
        for (which, publisher) in [(0, bus.publisher()), (1, bus.publisher())] {
            scope.spawn(move || (0..each).for_each(|n| publisher.publish((which, n)).unwrap()));
        }
    });
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.left(), report.panics(), report.dropped()), (0, 0, 0));
    assert_eq!(report.handled(), 5 * COUNT);
    let sum = (0..each).fold(0_u64, |sum, n| sum.wrapping_add(n ^ n << 7));
    for sums in sums {
        assert!(sums.0.iter().all(|own| own.load(Ordering::Relaxed) == sum));
    }
}
