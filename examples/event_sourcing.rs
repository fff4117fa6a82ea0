//! An actor whose state is what its messages have made of it: after a restart it is restored by replaying them.
//!
//! An address is never given twice, so an account is known by a topic of its own. What changes it is published there, and
//! is journalled; questions have no topic, and are not.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stentor::{
    Actor, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, Journal, JournalConfig,
    MessageBroker, MessageEnvelope, ReplayQuery, SystemConfig, Topic,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Deposit(u64),
    Withdraw(u64),
    Balance,
    IsBalance(u64),
}

/// What who asks for the balance wants.
#[derive(Clone, Copy)]
struct Balance(u64);

impl TryFrom<Message> for Balance {
    type Error = ();

    fn try_from(message: Message) -> Result<Self, ()> {
        if let Message::IsBalance(balance) = message { Ok(Self(balance)) } else { Err(()) }
    }
}

#[derive(Default)]
struct Account {
    balance: u64,
}

impl Account {
    /// All that ever changes it. It depends on nothing but the message, and so has the same result again.
    fn apply(&mut self, message: &Message) {
        match message {
            Message::Deposit(amount) => self.balance += amount,
            Message::Withdraw(amount) => self.balance = self.balance.saturating_sub(*amount),
            Message::Balance | Message::IsBalance(_) => {}
        }
    }

    /// As its messages have made it.
    fn restored(journal: &Journal<Message>, topic: &Topic) -> Result<Self, Box<dyn Error>> {
        let mut account = Self::default();
        for journalled in journal.replay(ReplayQuery::new().topic(topic.as_str())?)? {
            account.apply(&journalled?.envelope.message);
        }
        Ok(account)
    }
}

impl<B: MessageBroker<Message>> Actor<Message, B> for Account {
    async fn handle(&mut self, e: MessageEnvelope<Message>, ctx: &mut ActorContext<Message, B>) {
        self.apply(&e.message);
        if let Message::Balance = e.message {
            drop(ctx.reply(&e, Message::IsBalance(self.balance)).await);
        }
    }
}

/// One life of the process: the account is restored, gets some messages, and is asked.
async fn live(directory: &Path, messages: &[Message]) -> Result<(), Box<dyn Error>> {
    let topic: Topic = "accounts.alice".parse()?;
    let broker = InMemoryMessageBroker::<Message>::builder().capacity(256).build();
    let journal = Journal::open(directory, JournalConfig::default())?;
    let account = Account::restored(&journal, &topic)?;
    println!("restored with {}", account.balance);

    let stage = journal.stage(&broker).topic("accounts.>")?.start()?;
    let system = ActorSystem::new(SystemConfig::default(), broker.clone()).await?;
    let alice = system.spawn("alice", account)?;
    for message in messages {
        let envelope = MessageEnvelope::new(message.clone()).with_recipient(alice);
        // Whoever asked for it is told when it is on disk, and not before.
        broker.publish_durable(envelope.with_topic(&topic), &stage).await?;
    }
    let balance =
        system.request::<Balance>(alice, Message::Balance, Duration::from_secs(60)).await?;
    println!("the balance is {}", balance.message.0);
    system.shutdown(Drain::Within(Duration::from_secs(60))).await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("stentor-accounts-{}", std::process::id()));
    live(&directory, &[Message::Deposit(100), Message::Withdraw(30)]).await?;
    live(&directory, &[Message::Deposit(5)]).await?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
