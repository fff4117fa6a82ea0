//! A service that can be looked into. It looks at itself once, prints what it finds, and ends; with `stay` as argument
//! it goes on, for `stentor top` to look at.

use std::thread;
use std::time::Duration;

use stentor::inspect::{Client, Inspector};
use stentor::{Bus, Overflow, Router};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quotes = Bus::<u64>::new(1024);
    let publisher = quotes.publisher();
    let router = Router::builder(&quotes).name("desk").start()?;
    router.handle("spread", |_| {});
    let mut ticker = quotes.subscriber().name("ticker").overflow(Overflow::DropOldest).subscribe();

    // All that a service needs: what shall be seen, and a socket as long as `_server` lives.
    let inspector = Inspector::new("quotes");
    inspector.bus("quotes", &quotes);
    inspector.router(&router);
    let server = inspector.serve()?;
    println!("serving at {}", server.at());

    for price in 0..500 {
        publisher.publish(price)?;
    }
    while router.stats().handlers[0].lag > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let seen = Client::connect(server.at())?.snapshot()?;
    for bus in &seen.buses {
        println!("{}: {} published, a ring of {}", bus.name, bus.published, bus.capacity);
        for subscriber in &bus.subscribers {
            println!("  {}: {} behind", subscriber.name, subscriber.lag);
        }
    }
    if std::env::args().nth(1).as_deref() != Some("stay") {
        return Ok(());
    }
    // A ticker that reads less than is published: it falls behind, and loses messages.
    for price in 0.. {
        publisher.publish(price)?;
        if price % 2 == 0 {
            let _ = ticker.try_recv();
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
