//! A service that answers questions, and callers that wait for its answers: as threads, without a runtime.

use std::{thread, time::Duration};

use stentor::{
    ActorAddress, InMemoryMessageBroker, MessageEnvelope, RequestError, SubscribeOptions,
};

/// What travels: questions and answers alike.
#[derive(Clone, Debug)]
enum Message {
    Square(i64),
    Squared(i64),
    Unanswerable,
}

/// What callers want.
#[derive(Clone, Debug)]
struct Squared(i64);

impl TryFrom<Message> for Squared {
    type Error = ();

    fn try_from(message: Message) -> Result<Self, ()> {
        if let Message::Squared(number) = message { Ok(Self(number)) } else { Err(()) }
    }
}

fn main() {
    let broker = InMemoryMessageBroker::<Message>::builder().capacity(256).build();
    let (service, caller) = (ActorAddress::new(), ActorAddress::new());

    // Every subscriber gets every message; this one looks only at what is addressed to the service.
    let options = SubscribeOptions::new().name("squares");
    let mut questions = broker
        .subscribe_with(options.filter(move |e| e.metadata.recipient == Some(service)))
        .unwrap();
    let bus = broker.clone();
    let serving = thread::spawn(move || {
        while let Some(question) = questions.recv_blocking() {
            // Nobody waits any more: no need to work.
            if bus.pending(&question).is_none() {
                continue;
            }
            if let Message::Square(number) = question.message {
                let answer = question.reply(Message::Squared(number * number));
                bus.publish_blocking(answer).unwrap();
            }
        }
    });

    let ask = |message| MessageEnvelope::new(message).with_sender(caller).with_recipient(service);
    for number in 1..=5 {
        let question = ask(Message::Square(number));
        let answer = broker.request_blocking::<Squared>(question, Duration::from_secs(10));
        println!("{number} squared is {}", answer.unwrap().message.0);
    }

    match broker.request_blocking::<Squared>(ask(Message::Unanswerable), Duration::from_millis(50))
    {
        Err(RequestError::TimedOut(question)) => println!("{:?}: no answer", question.message),
        other => println!("{other:?}"),
    }

    println!("{:?}", broker.metrics().requests);
    broker.shutdown();
    serving.join().unwrap();
}
