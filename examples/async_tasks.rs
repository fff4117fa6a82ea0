//! Tasks on tokio; the same handles also serve threads, at the same time, on the same bus.

use std::thread;

use stentor::Bus;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();

    let mut by_task = bus.subscribe();
    let task = tokio::spawn(async move {
        let mut count = 0;
        while let Ok(batch) = by_task.read_async(32).await {
            count += batch.len(); // read in place: no clone
        }
        count
    });
    let by_thread = bus.subscribe();
    let thread = thread::spawn(move || by_thread.count());

    for n in 0..1000 {
        let message = format!("message {n}");
        publisher.publish_async(message).await.unwrap(); // waits while the ring is full
    }
    drop(publisher);

    println!("the task read {} messages", task.await.unwrap());
    println!("the thread read {} messages", thread.join().unwrap());
}
