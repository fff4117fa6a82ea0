//! Two processes, each with its own ring, as one bus over one `nats-server`: a shop that sends orders, and an office
//! that answers questions. The shop is this process; the office is the same program once more.
//!
//! ```text
//! cargo run --example bridge --features nats
//! ```
//!
//! It needs a server at `NATS_URL`, or starts `nats-server`, if that is installed.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stentor::{
    Bridge, InMemoryMessageBroker, MessageBroker, MessageEnvelope, NatsMessageBroker,
    SubscribeOptions, Topic,
};

type Failure = Box<dyn Error>;
type Ring = InMemoryMessageBroker<String>;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("office") {
        return office(&std::env::var("NATS_URL")?).await;
    }
    let (url, _server) = match std::env::var("NATS_URL") {
        Ok(url) => (url, None),
        Err(_) => start_server().map(|(url, server)| (url, Some(server)))?,
    };
    let mut office = Command::new(std::env::current_exe()?);
    let office = office.arg("office").env("NATS_URL", &url).stdout(Stdio::piped()).spawn()?;
    shop(&url, Process(office)).await
}

/// A ring, and a bridge that shares with others what is about orders and questions.
async fn ring(url: &str) -> Result<(Ring, Bridge), Failure> {
    let ring = Ring::builder().build();
    let nats = NatsMessageBroker::builder(url).prefix("shop").connect().await?;
    let bridge = Bridge::builder(ring.clone(), nats).share("orders.>").share("questions.>");
    Ok((ring, bridge.start().await?))
}

async fn shop(url: &str, mut office: Process) -> Result<(), Failure> {
    let (ring, bridge) = ring(url).await?;
    let mut says = BufReader::new(office.0.stdout.take().ok_or("no output")?).lines();
    let mut office_says = move || says.next().unwrap_or(Ok(String::new()));
    println!("the office says: {}", office_says()?);

    let mut monitor = ring.subscribe().await?;
    for fruit in ["three apples", "a melon"] {
        let order = MessageEnvelope::new(fruit.to_owned()).with_topic(Topic::new("orders.eu")?);
        ring.publish(order).await?;
        println!("seen in the shop's own ring: {}", monitor.recv().await.ok_or("closed")?.message);
        println!("the office says: {}", office_says()?);
    }
    let question = MessageEnvelope::new("how much is an apple?".to_owned());
    let question = question.with_topic(Topic::new("questions.price")?);
    let answer = ring.request::<String>(question, PATIENCE).await?;
    println!("the answer: {}", answer.message);

    let report = bridge.shutdown(PATIENCE).await;
    let stats = report.stats;
    println!(
        "exported {}, imported {}, own messages that came back {}, lost {}, left {}",
        stats.exported,
        stats.imported,
        stats.dropped.echoes,
        stats.dropped.on_export() + stats.dropped.lagged,
        report.left
    );
    office.0.wait()?;
    Ok(())
}

async fn office(url: &str) -> Result<(), Failure> {
    let (ring, bridge) = ring(url).await?;
    let mut orders = ring.subscribe_with(SubscribeOptions::new().topic("orders.>"))?;
    let mut questions = ring.subscribe_with(SubscribeOptions::new().topic("questions.>"))?;
    println!("ready");
    for _ in 0..2 {
        println!("an order of {}", orders.recv().await.ok_or("closed")?.message);
    }
    let question = questions.recv().await.ok_or("closed")?;
    ring.publish(question.reply("two coins".to_owned())).await?;
    bridge.shutdown(PATIENCE).await;
    Ok(())
}

/// `nats-server` on a free port.
fn start_server() -> Result<(String, Process), Failure> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = Command::new("nats-server");
    server.args(["-a", "127.0.0.1", "-p", &port.to_string()]).stderr(Stdio::null());
    let server = server.spawn().map(Process).map_err(|error| {
        format!("nats-server cannot be started ({error}): install it, or set NATS_URL")
    })?;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((format!("nats://127.0.0.1:{port}"), server))
}

/// Ends with this one.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
