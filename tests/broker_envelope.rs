//! Envelopes: small, cheap to copy, with names that nobody else gives; topics and what matches them.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, SystemTime};

use stentor::{
    ActorAddress, CorrelationId, MessageEnvelope, MessageHeader, MessageId, MessageMetadata,
    Timestamp, Topic, TopicPattern, TraceContext, Ttl,
};

#[test]
fn sizes_are_what_the_docs_say() {
    assert_eq!(size_of::<MessageMetadata>(), 128);
    assert_eq!(size_of::<MessageEnvelope<u64>>(), 136);
    assert_eq!(size_of::<MessageEnvelope<[u64; 8]>>(), 192);
    for size in [size_of::<MessageId>(), size_of::<Option<ActorAddress>>()] {
        assert_eq!(size, 16);
    }
    assert_eq!(size_of::<Option<CorrelationId>>(), 16);
    assert_eq!(size_of::<Option<Timestamp>>(), 8);
    assert_eq!(size_of::<Option<Topic>>(), 8);
    assert_eq!(size_of::<Option<Ttl>>(), 4);
    assert_eq!(size_of::<Option<TraceContext>>(), 25);
    assert!(size_of::<MessageHeader>() <= 128);
}

#[test]
fn no_two_names_are_alike() {
    let threads = (0..4).map(|_| {
        thread::spawn(|| (0..5_000).map(|_| MessageId::new().to_u128()).collect::<Vec<_>>())
    });
    let mut seen = HashSet::new();
    for thread in threads.collect::<Vec<_>>() {
        for name in thread.join().unwrap() {
            assert!(seen.insert(name));
        }
    }
    assert!(seen.insert(ActorAddress::new().to_u128()));
    assert!(seen.insert(CorrelationId::new().to_u128()));
}

#[test]
fn other_processes_give_other_names() {
    if std::env::var_os("STENTOR_TEST_PREFIX").is_some() {
        println!("prefix {:016x}", MessageId::new().to_u128() >> 64);
        return;
    }
    let prefix_of_child = || {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "other_processes_give_other_names", "--nocapture"])
            .env("STENTOR_TEST_PREFIX", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_once("prefix ").unwrap().1[..16].to_owned()
    };
    assert_ne!(prefix_of_child(), prefix_of_child());
}

#[test]
fn names_survive_text_and_bits() {
    let id = CorrelationId::new();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(CorrelationId::from_u128(id.to_u128()), Some(id));
    assert_eq!(CorrelationId::from_u128(u128::from(u64::MAX)), None);
    for wrong in ["", "12", "+1234567890123456789012345678901", &"0".repeat(32), &"ä".repeat(16)] {
        let error = wrong.parse::<MessageId>().unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{wrong:?} is no id: expected 32 hexadecimal digits, not all of the first 16 zero"
            )
        );
    }
}

#[test]
fn a_reply_goes_back() {
    let (me, you, desk) = (ActorAddress::new(), ActorAddress::new(), ActorAddress::new());
    let question = MessageEnvelope::new(1).with_sender(me).with_recipient(you);
    let question = question.with_correlation_id(CorrelationId::new());
    let reply = question.reply("one");
    assert_eq!((reply.metadata.sender, reply.metadata.recipient), (Some(you), Some(me)));
    assert_eq!(reply.metadata.correlation_id, question.metadata.correlation_id);
    assert_ne!(reply.metadata.message_id, question.metadata.message_id);
    let reply = question.with_reply_to(desk).reply("one");
    assert_eq!((reply.metadata.recipient, reply.metadata.reply_to), (Some(desk), None));
}

#[test]
fn timestamps_follow_the_clock() {
    let before = Timestamp::now();
    let coarse = Timestamp::coarse();
    let between = SystemTime::from(Timestamp::now());
    assert!(between >= SystemTime::from(before));
    assert!(SystemTime::from(coarse) <= between);
    assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH).as_nanos(), 1);
    assert_eq!(Timestamp::from_nanos(5).since(Timestamp::from_nanos(7)), Duration::ZERO);
}

#[test]
fn what_has_a_ttl_expires() {
    let published = Timestamp::from_nanos(Timestamp::now().as_nanos() - 2_000_000_000);
    let envelope = MessageEnvelope::new(()).with_timestamp(published);
    assert!(!envelope.metadata.is_expired());
    assert!(envelope.clone().with_ttl(Duration::from_secs(1)).metadata.is_expired());
    assert!(!envelope.with_ttl(Duration::from_secs(1_000)).metadata.is_expired());
    assert_eq!(Ttl::new(Duration::from_nanos(1)).as_duration(), Duration::from_millis(1));
    assert_eq!(Ttl::new(Duration::ZERO).as_duration(), Duration::from_millis(1));
    assert_eq!(Ttl::new(Duration::MAX).as_duration(), Duration::from_millis(u32::MAX.into()));
}

#[test]
fn trace_contexts_are_traceparents() {
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context: TraceContext = header.parse().unwrap();
    assert_eq!(context.to_string(), header);
    assert_eq!(context.trace_id(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!((context.span_id(), context.is_sampled()), (0xb7ad_6b71_6920_3331, true));
    let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more";
    assert!(!later.parse::<TraceContext>().unwrap().is_sampled());
    for wrong in [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        assert!(
            wrong
                .parse::<TraceContext>()
                .unwrap_err()
                .to_string()
                .starts_with(&format!("{wrong:?}"))
        );
    }
    assert_eq!(TraceContext::new(0, 1, 0), None);
    assert_eq!(TraceContext::new(1, 0, 0), None);
}

#[test]
fn patterns_match_as_nats_does() {
    for (pattern, topic, matches) in [
        ("orders", "orders", true),
        ("orders", "orders.eu", false),
        ("orders.*", "orders.eu", true),
        ("orders.*", "orders", false),
        ("orders.*", "orders.eu.new", false),
        ("*.eu", "orders.eu", true),
        ("*.*", "orders", false),
        ("orders.>", "orders.eu", true),
        ("orders.>", "orders.eu.new", true),
        ("orders.>", "orders", false),
        ("orders.>", "order.eu", false),
        (">", "orders", true),
        (">", "orders.eu", true),
        ("*.>", "orders", false),
        ("*.>", "orders.eu", true),
        ("größe.*.上海", "größe.🦀.上海", true),
        ("orders*", "orders*", true),
        ("orders*", "orders.eu", false),
    ] {
        let found = TopicPattern::new(pattern).unwrap().matches(&Topic::new(topic).unwrap());
        assert_eq!(found, matches, "{pattern} and {topic}");
    }
}

#[test]
fn bad_topics_and_patterns_are_named() {
    let topic = |text| Topic::new(text).unwrap_err().to_string();
    assert_eq!(topic(""), r#""" is no topic: a word between dots is empty"#);
    assert_eq!(topic(".a"), r#"".a" is no topic: a word between dots is empty"#);
    assert_eq!(topic("a b"), r#""a b" is no topic: it has white space or a control character"#);
    assert_eq!(topic("a.\0"), r#""a.\0" is no topic: it has white space or a control character"#);
    assert_eq!(topic("a.*"), r#""a.*" is no topic: the words * and > are for patterns"#);
    let pattern = |text| TopicPattern::new(text).unwrap_err().to_string();
    assert_eq!(pattern("a..b"), r#""a..b" is no topic pattern: a word between dots is empty"#);
    assert_eq!(pattern(".>"), r#"".>" is no topic pattern: a word between dots is empty"#);
    assert_eq!(pattern(">.a"), r#"">.a" is no topic pattern: > must be the last word"#);
    assert_eq!(pattern("a.>.>"), r#""a.>.>" is no topic pattern: > must be the last word"#);
}
