//! `replay` and `requeue`: messages go to a server again.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use stentor::{
    Journal, JournalConfig, JournalReader, JournalRecord, MessageBroker, MessageEnvelope,
    NatsMessageBroker, ReplayQuery,
};

use crate::exit::{Done, Exit};
use crate::journal::bar;
use crate::journal::raw::Raw;
use crate::journal::select::Select;

/// Where to.
#[derive(Debug, clap::Args)]
struct Target {
    /// The directory of the journal.
    #[arg(value_name = "JOURNAL")]
    path: PathBuf,

    /// The server: `nats://host:port`.
    #[arg(long, value_name = "URL")]
    to: String,

    /// What the subjects there begin with.
    #[arg(long, value_name = "PREFIX", default_value = "stentor")]
    prefix: String,

    #[command(flatten)]
    select: Select,
}

/// The arguments of `replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Metadata and payloads stay as they are. Messages that have expired meanwhile are left out."
)]
pub struct Replay {
    #[command(flatten)]
    target: Target,
}

/// The arguments of `requeue`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "No process may have the journal open, for each dead letter is withdrawn from it once it is published."
)]
pub struct Requeue {
    #[command(flatten)]
    target: Target,

    /// Only say how many there are.
    #[arg(long)]
    dry_run: bool,
}

type Broker = NatsMessageBroker<Vec<u8>>;

/// A connection for each codec.
struct Brokers<'a> {
    target: &'a Target,
    by_codec: BTreeMap<String, Broker>,
}

impl Brokers<'_> {
    async fn of(&mut self, codec: &str) -> Result<&Broker, Box<dyn Error>> {
        if !self.by_codec.contains_key(codec) {
            let builder = Broker::with_codec(&self.target.to, Raw::new(codec));
            let broker = builder.prefix(&self.target.prefix).connect().await?;
            self.by_codec.insert(codec.to_owned(), broker);
        }
        Ok(&self.by_codec[codec])
    }

    async fn publish(&mut self, record: JournalRecord) -> Result<(), Box<dyn Error>> {
        let JournalRecord { codec, payload, metadata, .. } = record;
        let mut envelope = MessageEnvelope::new(payload);
        envelope.metadata = metadata;
        Ok(self.of(&codec).await?.publish(envelope).await?)
    }

    /// Returns once the servers have everything.
    async fn flush(&self) -> Result<(), Box<dyn Error>> {
        for broker in self.by_codec.values() {
            broker.flush().await?;
        }
        Ok(())
    }
}

/// Runs `stentor journal replay`.
pub fn replay(args: Replay) -> Done {
    check(&args.target.to)?;
    let published = block_on(send(&args.target, args.target.select.query()?))??;
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    writeln!(out, "published {} messages", HumanCount(published.len() as u64))?;
    Ok(Exit::Success)
}

/// Runs `stentor journal requeue`.
pub fn requeue(args: Requeue) -> Done {
    check(&args.target.to)?;
    let query = args.target.select.query()?.dead_letters();
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    if args.dry_run {
        let letters = JournalReader::open(&args.target.path)?.records(query)?;
        writeln!(out, "{} dead letters would be published", letters.count())?;
        return Ok(Exit::Success);
    }
    // Makes sure that nobody else has it, and that what is published can be withdrawn.
    let journal = open(&args.target.path)?;
    let published = block_on(send(&args.target, query))??;
    for &sequence in &published {
        journal.withdraw(sequence)?;
    }
    writeln!(out, "published {} dead letters again", published.len())?;
    Ok(Exit::Success)
}

fn open(path: &Path) -> Result<Journal<Vec<u8>>, Box<dyn Error>> {
    // Does not make one where there is none.
    drop(JournalReader::open(path)?);
    let config = JournalConfig::default();
    Ok(Journal::open_with(path, config, Raw::new("postcard"))?)
}

/// Publishes what is wanted; gives the sequences of what was.
async fn send(target: &Target, query: ReplayQuery) -> Result<Vec<u64>, Box<dyn Error>> {
    let reader = JournalReader::open(&target.path)?;
    let stats = reader.stats();
    let bar = bar::records(stats.next - stats.first, "publishing");
    let mut brokers = Brokers { target, by_codec: BTreeMap::new() };
    let mut published = Vec::new();
    for record in reader.records(query)? {
        let record = record?;
        bar.set_position(record.sequence - stats.first);
        if record.metadata.is_expired() {
            continue;
        }
        let sequence = record.sequence;
        brokers.publish(record).await?;
        published.push(sequence);
    }
    brokers.flush().await?;
    bar.finish_and_clear();
    Ok(published)
}

fn check(url: &str) -> Result<(), String> {
    if url.starts_with("nats://") || url.starts_with("tls://") {
        return Ok(());
    }
    Err(format!("{url:?} is no server: expected nats://host:port or tls://host:port"))
}

fn block_on<F: Future>(future: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
