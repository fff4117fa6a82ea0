//! Measures the tables of the chapter about choosing: `cargo run --release -p book --example curves`, about 40 s.
//! Each line is the median of five interleaved rounds, with the least and the greatest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stentor::{Bus, Overflow, Subscriber, WaitStrategy};

type Message = [u64; 8];

const ROUNDS: usize = 5;
const SPAN: Duration = Duration::from_millis(300);

fn main() {
    println!("capacity (64-byte messages, a thread per subscriber, read in batches): M msg/s");
    let capacities = [8, 64, 512, 4096, 32_768, 262_144];
    table(capacities.iter().flat_map(|&capacity| {
        [1, 4].map(|subscribers| {
            let name = format!("{capacity:>7} slots, {subscribers} subscribers");
            (name, move || vec![throughput(capacity, subscribers)])
        })
    }));

    println!(
        "\noverflow (capacity 1024, one of two subscribers takes 20 us for each message): M msg/s"
    );
    let policies = [Overflow::Block, Overflow::DropOldest, Overflow::Evict];
    table(
        policies
            .iter()
            .map(|&overflow| (format!("{overflow:?}"), move || vec![beside_a_slow_one(overflow)])),
    );

    println!("\nwaiting (recv on a thread): p50 us, p99 us, cores of that thread");
    let rates = [(Duration::from_micros(10), "100,000/s"), (Duration::from_millis(1), "1,000/s")];
    table(rates.iter().flat_map(|&(gap, rate)| {
        ["Adaptive", "Yield", "Spin"].map(|name| {
            let strategy = match name {
                "Adaptive" => WaitStrategy::default(),
                "Yield" => WaitStrategy::Yield,
                _ => WaitStrategy::Spin,
            };
            (format!("{rate:>9} {name}"), move || latency(strategy.clone(), gap))
        })
    }));
}

/// Runs all of them, round by round, and prints a line for each.
fn table<F: Fn() -> Vec<f64>>(rows: impl Iterator<Item = (String, F)>) {
    let mut rows: Vec<_> = rows.map(|(name, run)| (name, run, Vec::new())).collect();
    for _ in 0..ROUNDS {
        for (_, run, results) in &mut rows {
            results.push(run());
        }
    }
    for (name, _, results) in rows {
        let columns = (0..results[0].len()).map(|column| {
            let mut values: Vec<_> = results.iter().map(|figures| figures[column]).collect();
            values.sort_by(f64::total_cmp);
            let median = values[values.len() / 2];
            format!("{median:8.3} ({:.3} - {:.3})", values[0], values[values.len() - 1])
        });
        println!("  {name:28} {}", columns.collect::<Vec<_>>().join("  "));
    }
}

/// Reads all that comes.
fn reader(mut subscriber: Subscriber<Message>) -> JoinHandle<u64> {
    thread::spawn(move || {
        let mut sum = 0;
        while let Ok(batch) = subscriber.read(256) {
            sum += batch.iter().map(|message| message[0]).sum::<u64>();
        }
        sum
    })
}

/// Publishes until the time is over; millions in a second.
fn publish_for(bus: &Bus<Message>, span: Duration) -> f64 {
    let publisher = bus.publisher();
    let (start, mut published) = (Instant::now(), 0_u64);
    while start.elapsed() < span {
        for _ in 0..64 {
            publisher.publish([published; 8]).unwrap();
            published += 1;
        }
    }
    published as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn throughput(capacity: usize, subscribers: usize) -> f64 {
    let bus = Bus::new(capacity);
    let readers: Vec<_> = (0..subscribers).map(|_| reader(bus.subscribe())).collect();
    let figure = publish_for(&bus, SPAN);
    readers.into_iter().for_each(|reader| drop(reader.join()));
    figure
}

/// With another one that is slow, under this policy.
fn beside_a_slow_one(overflow: Overflow) -> f64 {
    let bus = Bus::new(1024);
    let quick = reader(bus.subscribe());
    let mut slow = bus.subscriber().overflow(overflow).subscribe();
    let is_over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_over);
    let slow = thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let _ = slow.recv_timeout(Duration::from_millis(1));
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(20) {
                thread::yield_now();
            }
        }
    });
    let figure = publish_for(&bus, SPAN);
    is_over.store(true, Ordering::Relaxed);
    slow.join().unwrap();
    drop(quick.join());
    figure
}

/// From before the publishing to after the receiving, with a message every so often.
fn latency(strategy: WaitStrategy, gap: Duration) -> Vec<f64> {
    let bus = Bus::builder().capacity(1024).wait(strategy).build();
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    let reader = thread::spawn(move || {
        let (start, used) = (Instant::now(), processor_time());
        let mut times = Vec::new();
        while let Ok(sent) = subscriber.recv() {
            let sent: Instant = sent;
            times.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        let cores = (processor_time() - used) / start.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        vec![times[times.len() / 2], times[times.len() * 99 / 100], cores]
    });
    let start = Instant::now();
    let mut next = start;
    while start.elapsed() < SPAN {
        next += gap;
        while Instant::now() < next {
            std::hint::spin_loop();
        }
        publisher.publish(Instant::now()).unwrap();
    }
    drop(publisher);
    reader.join().unwrap()
}

/// Seconds that this thread has run; 0 where the system does not say.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
