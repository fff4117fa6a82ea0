//! A small exchange: orders from a CSV file, which it writes itself, go through a gateway, a risk check and a matcher;
//! an audit keeps the books, a monitor prints how it goes. At the end the books balance.
//!
//! ```text
//!  orders.csv ─► gateway ─► risk ─► matcher ─┬─► audit
//!              (parses)  (limits)  (trades)  └─► monitor
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MailboxPolicy,
    MessageEnvelope, SpawnOptions, SystemConfig,
};
use tokio::sync::mpsc;

type Broker = InMemoryMessageBroker<Message>;
type Context = ActorContext<Message, Broker>;
type Envelope = MessageEnvelope<Message>;

const ORDERS: u64 = 100_000;
/// So many lines are on their way at once: fewer than the mailboxes and the ring hold, with all that comes of them.
const SLICE: usize = 500;
const ROOM: usize = 4096;
const MOST_SHARES: u64 = 90;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Buy,
    Sell,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    trader: u32,
    side: Side,
    /// In cents.
    price: u64,
    shares: u64,
}

#[derive(Clone, Copy, Debug)]
struct Trade {
    buyer: u32,
    seller: u32,
    price: u64,
    shares: u64,
}

#[derive(Clone, Debug)]
enum Message {
    Line(Arc<str>),
    Order(Order),
    Trade(Trade),
    /// Whoever gets it has handled all that came before, and passes it on; with the shares that wait in the book.
    Mark {
        waiting: u64,
    },
    Tick,
}

// ===== the actors =====

#[derive(Default)]
struct Gateway {
    malformed: u64,
}

impl FromStr for Order {
    type Err = Box<dyn Error>;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let fields: Vec<_> = line.split(',').collect();
        let [trader, side, price, shares] = fields[..] else { return Err("four fields".into()) };
        let side = match side {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => return Err(format!("{other}: expected buy or sell").into()),
        };
        Ok(Self { trader: trader.parse()?, side, price: price.parse()?, shares: shares.parse()? })
    }
}

/// An actor that hands its work on.
struct Stage<W> {
    work: W,
    next: Vec<ActorAddress>,
}

/// What a stage makes of its messages.
trait Work: Send + 'static {
    fn work(&mut self, message: Message, out: &mut Vec<Message>);
}

impl<W: Work> Actor<Message, Broker> for Stage<W> {
    async fn handle(&mut self, envelope: Envelope, ctx: &mut Context) {
        let mut out = Vec::new();
        self.work.work(envelope.message, &mut out);
        for message in out {
            for next in &self.next {
                ctx.send(*next, message.clone()).await.expect("the system runs");
            }
        }
    }
}

impl Work for Gateway {
    fn work(&mut self, message: Message, out: &mut Vec<Message>) {
        match message {
            Message::Line(line) => match line.parse() {
                Ok(order) => out.push(Message::Order(order)),
                Err(_) => self.malformed += 1,
            },
            other => out.push(other),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        println!("gateway: {} lines were malformed", self.malformed);
    }
}

#[derive(Default)]
struct Risk {
    refused: u64,
}

impl Work for Risk {
    fn work(&mut self, message: Message, out: &mut Vec<Message>) {
        match message {
            Message::Order(order) if order.shares > MOST_SHARES => self.refused += 1,
            other => out.push(other),
        }
    }
}

impl Drop for Risk {
    fn drop(&mut self) {
        println!("risk: {} orders were for more than {MOST_SHARES} shares", self.refused);
    }
}

/// The book: by price, then by time.
#[derive(Default)]
struct Matcher {
    bids: BTreeMap<u64, VecDeque<Order>>,
    asks: BTreeMap<u64, VecDeque<Order>>,
}

impl Matcher {
    /// The best price of the other side, if the order takes it.
    fn best(&mut self, order: &Order) -> Option<(u64, &mut VecDeque<Order>)> {
        let entry = match order.side {
            Side::Buy => self.asks.iter_mut().next().filter(|(price, _)| **price <= order.price),
            Side::Sell => {
                self.bids.iter_mut().next_back().filter(|(price, _)| **price >= order.price)
            }
        };
        entry.map(|(price, orders)| (*price, orders))
    }

    fn add(&mut self, mut order: Order, out: &mut Vec<Message>) {
        while order.shares > 0
            && let Some((price, orders)) = self.best(&order)
        {
            let Some(other) = orders.front_mut() else { break };
            let shares = order.shares.min(other.shares);
            (order.shares, other.shares) = (order.shares - shares, other.shares - shares);
            let (buyer, seller) = match order.side {
                Side::Buy => (order.trader, other.trader),
                Side::Sell => (other.trader, order.trader),
            };
            out.push(Message::Trade(Trade { buyer, seller, price, shares }));
            if other.shares == 0 {
                orders.pop_front();
            }
            if orders.is_empty() {
                self.bids.remove(&price);
                self.asks.remove(&price);
            }
        }
        if order.shares > 0 {
            let side = if order.side == Side::Buy { &mut self.bids } else { &mut self.asks };
            side.entry(order.price).or_default().push_back(order);
        }
    }

    fn waiting(&self) -> u64 {
        let orders = self.bids.values().chain(self.asks.values()).flatten();
        orders.map(|order| order.shares).sum()
    }
}

impl Work for Matcher {
    fn work(&mut self, message: Message, out: &mut Vec<Message>) {
        match message {
            Message::Order(order) => self.add(order, out),
            Message::Mark { .. } => out.push(Message::Mark { waiting: self.waiting() }),
            other => out.push(other),
        }
    }
}

/// What the audit knows: of each trader, shares and cents gained or given.
#[derive(Clone, Debug, Default)]
struct Ledger {
    accounts: HashMap<u32, (i64, i64)>,
    traded: u64,
    waiting: u64,
}

struct Audit {
    ledger: Ledger,
    marks: mpsc::UnboundedSender<Ledger>,
}

impl Actor<Message, Broker> for Audit {
    async fn handle(&mut self, envelope: Envelope, _: &mut Context) {
        let ledger = &mut self.ledger;
        match envelope.message {
            Message::Trade(trade) => {
                let (shares, cents) = (trade.shares as i64, (trade.shares * trade.price) as i64);
                let buyer = ledger.accounts.entry(trade.buyer).or_default();
                *buyer = (buyer.0 + shares, buyer.1 - cents);
                let seller = ledger.accounts.entry(trade.seller).or_default();
                *seller = (seller.0 - shares, seller.1 + cents);
                ledger.traded += trade.shares;
            }
            Message::Mark { waiting } => {
                ledger.waiting = waiting;
                // Who feeds may have given up.
                let _ = self.marks.send(ledger.clone());
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Monitor {
    trades: u64,
    shares: u64,
    last: u64,
    waiting: u64,
}

impl Actor<Message, Broker> for Monitor {
    async fn on_start(&mut self, ctx: &mut Context) {
        ctx.send_every(Duration::from_millis(200), ctx.address(), Message::Tick);
    }

    async fn handle(&mut self, envelope: Envelope, _: &mut Context) {
        match envelope.message {
            Message::Trade(Trade { price, shares, .. }) => {
                self.trades += 1;
                self.shares += shares;
                self.last = price;
            }
            Message::Mark { waiting } => self.waiting = waiting,
            Message::Tick => {
                let Self { trades, shares, last, waiting } = self;
                println!("{trades} trades, {shares} shares, last at {last}, {waiting} wait");
            }
            _ => {}
        }
    }
}

// ===== the file =====

/// Orders that look random, and are the same in every run; some of them malformed.
fn csv() -> String {
    let mut state = 1_u64;
    let mut roll = move |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % sides
    };
    let mut csv = String::new();
    for _ in 0..ORDERS {
        let side = match roll(1_000) {
            0 => "hold",
            other if other % 2 == 0 => "sell",
            _ => "buy",
        };
        let (trader, price, shares) = (roll(50), 9_900 + roll(200), 1 + roll(100));
        let _ = writeln!(csv, "{trader},{side},{price},{shares}");
    }
    csv
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("orders-{}.csv", std::process::id()));
    std::fs::write(&path, csv())?;
    let file = std::fs::read_to_string(&path)?;
    std::fs::remove_file(&path)?;

    let broker = Broker::builder().capacity(ROOM).build();
    let system = ActorSystem::new(SystemConfig::default(), broker).await?;
    let options = |name| {
        let patience = MailboxPolicy::Backpressure(Duration::from_secs(10));
        SpawnOptions::new().name(name).mailbox(ROOM, patience)
    };
    let (marks, mut marked) = mpsc::unbounded_channel();
    let audit = move || Audit { ledger: Ledger::default(), marks: marks.clone() };
    let audit = system.spawn_with(options("audit"), audit)?;
    let monitor = system.spawn_with(options("monitor"), Monitor::default)?;
    let matcher = move || Stage { work: Matcher::default(), next: vec![audit, monitor] };
    let matcher = system.spawn_with(options("matcher"), matcher)?;
    let risk = move || Stage { work: Risk::default(), next: vec![matcher] };
    let risk = system.spawn_with(options("risk"), risk)?;
    let gateway = move || Stage { work: Gateway::default(), next: vec![risk] };
    let gateway = system.spawn_with(options("gateway"), gateway)?;

    let lines: Vec<Arc<str>> = file.lines().map(Arc::from).collect();
    let mut ledger = Ledger::default();
    for slice in lines.chunks(SLICE) {
        for line in slice {
            system.send(gateway, Message::Line(Arc::clone(line))).await?;
        }
        system.send(gateway, Message::Mark { waiting: 0 }).await?;
        ledger = marked.recv().await.ok_or("the audit has ended")?;
        // The market takes its time.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let report = system.shutdown(Drain::Within(Duration::from_secs(10))).await;

    // What was bought was sold, and nothing was lost on the way.
    let orders = lines.iter().filter_map(|line| line.parse::<Order>().ok());
    let accepted = orders.map(|order| order.shares).filter(|shares| *shares <= MOST_SHARES);
    assert_eq!(accepted.sum::<u64>(), 2 * ledger.traded + ledger.waiting);
    let sum = ledger.accounts.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    assert_eq!(sum, (0, 0));
    assert_eq!((report.dead_letters, report.left()), (0, 0));

    let Ledger { accounts, traded, waiting } = ledger;
    println!(
        "{} traders, {traded} shares traded, {waiting} wait: the books balance",
        accounts.len()
    );
    println!("{} messages were handled, none lost", report.handled);
    Ok(())
}
