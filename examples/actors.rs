//! Actors on an in-memory broker: a counter that is asked, a worker that panics and is restarted, and an end in
//! which nothing is lost.

use std::time::Duration;

use stentor::{
    Actor, ActorContext, ActorSystem, AskError, Drain, InMemoryMessageBroker, MessageBroker,
    MessageEnvelope, SpawnOptions, Supervision, SystemConfig,
};

#[derive(Clone, Copy, Debug)]
enum Message {
    Add(u64),
    Sum,
    IsSum(u64),
    Crash,
}

/// What who asks for the sum wants.
#[derive(Clone, Copy, Debug)]
struct Sum(u64);

impl TryFrom<Message> for Sum {
    type Error = ();

    fn try_from(message: Message) -> Result<Self, ()> {
        if let Message::IsSum(sum) = message { Ok(Self(sum)) } else { Err(()) }
    }
}

#[derive(Default)]
struct Counter(u64);

impl<B: MessageBroker<Message>> Actor<Message, B> for Counter {
    async fn handle(&mut self, e: MessageEnvelope<Message>, ctx: &mut ActorContext<Message, B>) {
        match e.message {
            Message::Add(number) => self.0 += number,
            Message::Sum => drop(ctx.reply(&e, Message::IsSum(self.0)).await),
            Message::Crash => panic!("told to"),
            Message::IsSum(_) => {}
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = InMemoryMessageBroker::<Message>::builder().capacity(1024).build();
    let system = ActorSystem::new(SystemConfig::default(), broker).await?;
    let mut letters = system.dead_letters();

    // With its mailbox kept, what comes while it is being restarted is handled after that.
    let options = SpawnOptions::new().name("counter").keep_mailbox(true);
    let options = options.supervision(Supervision::RESTART);
    let counter = system.spawn_with(options, Counter::default)?;
    for number in 1..=100 {
        system.send(counter, Message::Add(number)).await?;
    }
    let sum = system.request::<Sum>(counter, Message::Sum, Duration::from_secs(10)).await?;
    println!("the sum is {}", sum.message.0);

    // The message that it panics with is a dead letter; the counter begins again.
    system.send(counter, Message::Crash).await?;
    let letter = letters.recv_async().await?;
    println!("{:?}: {}", letter.envelope.message, letter.reason);
    let sum = system.request::<Sum>(counter, Message::Sum, Duration::from_secs(10)).await?;
    println!("after the restart it is {}", sum.message.0);

    // A request to nobody fails at once.
    system.stop(counter).await;
    match system.request::<Sum>(counter, Message::Sum, Duration::from_secs(10)).await {
        Err(AskError::Undeliverable { reason, .. }) => println!("no answer: {reason}"),
        other => println!("{other:?}"),
    }

    let report = system.shutdown(Drain::Within(Duration::from_secs(10))).await;
    println!("handled {}, dead letters {}", report.handled, report.dead_letters);
    Ok(())
}
