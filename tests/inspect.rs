//! Looking into a process: what is seen, who may look, and what those who look cannot do.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stentor::inspect::{Client, InspectError, Inspector, Limits, Server};
use stentor::{
    ActorAddress, Bus, CircuitBreaker, DeadLetterReason, InMemoryMessageBroker, MessageEnvelope,
    Overflow, Router, Tracing,
};

/// A directory of the test's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stentor-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s.sock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Short times, so that tests need not wait.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.interval, limits.write) = (Duration::from_millis(1), Duration::from_millis(300));
    (limits.idle, limits.connections) = (Duration::from_millis(600), 2);
    limits
}

/// A bus of this name, and a server that shows it.
fn served(place: &Place, limits: Limits) -> (Bus<u64>, Server) {
    let bus = Bus::new(64);
    let inspector = Inspector::new("test").limits(limits);
    inspector.bus("orders", &bus);
    (bus, inspector.serve_at(place.socket()).unwrap())
}

/// Waits for what comes true at some time.
fn eventually(what: &str, mut is_it: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_it() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All that the server still says, until it hangs up.
fn last_words(mut stream: &UnixStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8(bytes).unwrap()
}

// ===== what is seen =====

#[test]
fn a_bus_is_seen_as_its_stats_say() {
    let place = Place::new("bus");
    let (bus, server) = served(&place, limits());
    let publisher = bus.publisher();
    let lossy = bus.subscriber().name("monitor").overflow(Overflow::DropOldest);
    let (mut audit, _monitor) = (bus.subscriber().name("audit").subscribe(), lossy.subscribe());
    publisher.publish_batch([0; 10]).unwrap();
    assert_eq!(audit.recv(), Ok(0));

    let mut client = Client::connect(place.socket()).unwrap();
    let first = client.snapshot().unwrap();
    assert_eq!((first.process.name.as_str(), first.process.pid), ("test", std::process::id()));
    let seen = &first.buses[0];
    assert_eq!((seen.name.as_str(), seen.published, seen.capacity), ("orders", 10, 64));
    assert_eq!((seen.publishers, seen.closed), (1, false));
    let [audit, monitor] = &seen.subscribers[..] else { panic!("{seen:?}") };
    assert_eq!((audit.name.as_str(), audit.lag, audit.cursor), ("audit", 9, 1));
    assert_eq!((audit.overflow.as_str(), monitor.overflow.as_str()), ("block", "drop_oldest"));

    publisher.publish(10).unwrap();
    let second = client.snapshot().unwrap();
    assert!(second.sequence > first.sequence && second.at_ns > first.at_ns);
    assert_eq!(second.buses[0].published - first.buses[0].published, 1);
    drop(server);
}

#[test]
fn a_router_is_seen_as_its_stats_say() {
    let bus = Bus::new(64);
    let inspector = Inspector::new("test");
    let router = Router::builder(&bus).threads(2).name("desk").start().unwrap();
    inspector.router(&router);
    router.handle("fine", |_: &u64| {});
    router.handle("bad", |_: &u64| panic!("no such order"));
    bus.publisher().publish(1).unwrap();
    let seen = || inspector.snapshot().routers.remove(0);
    eventually("both have been called", || {
        let handlers = seen().handlers;
        handlers[0].messages == 1 && handlers[1].fate.is_some()
    });
    let seen = seen();
    assert_eq!((seen.name.as_str(), seen.threads.len()), ("desk", 2));
    let bad = &seen.handlers[1];
    assert_eq!((bad.name.as_str(), bad.panics, bad.fate.as_deref()), ("bad", 1, Some("panicked")));
    assert_eq!(bad.last_panic.as_deref(), Some("no such order"));
}

#[test]
fn a_broker_is_seen_with_its_bus_dead_letters_and_breakers() {
    let hooks = (Tracing::new(), (CircuitBreaker::new().failures(1),));
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(128).hooks(hooks).build();
    let inspector = Inspector::new("test");
    inspector.broker("orders", &broker);
    let recipient = ActorAddress::new();
    let message = MessageEnvelope::new(1).with_recipient(recipient);
    broker.publish_blocking(message.clone()).unwrap();
    broker.report_dead_letter(message, DeadLetterReason::MailboxFull);

    let seen = inspector.snapshot();
    assert_eq!((seen.buses[0].name.as_str(), seen.buses[0].capacity), ("orders", 128));
    assert_eq!((seen.buses[0].published, seen.buses[0].unheard), (1, 1));
    assert_eq!(seen.brokers[0].dead_letters["mailbox_full"], 1);
    assert_eq!(seen.brokers[0].dead_letters.values().sum::<u64>(), 1, "and 0 of the others");
    let breaker = &seen.circuit_breakers[0];
    assert_eq!((breaker.broker.as_str(), breaker.opened), ("orders", 1));
    assert_eq!(breaker.circuits[0].recipient, recipient.to_string());
    assert_eq!(breaker.circuits[0].state, "open");
}

#[test]
fn looking_keeps_nothing_alive() {
    let inspector = Inspector::new("test");
    let bus = Bus::<u64>::new(64);
    let router = Router::builder(&bus).start().unwrap();
    let broker = InMemoryMessageBroker::<u64>::builder().build();
    inspector.bus("orders", &bus);
    inspector.router(&router);
    inspector.broker("broker", &broker);
    let (mut end, mut stream) = (bus.subscribe(), broker.dead_letters());
    assert_eq!(inspector.snapshot().buses.len(), 2);
    drop((router, bus, broker));
    assert!(end.recv().is_err(), "the bus is closed");
    assert!(stream.recv().is_err(), "the broker is gone");
    drop(end);
    let seen = inspector.snapshot();
    assert!(seen.buses.is_empty() && seen.routers.is_empty() && seen.brokers.is_empty());
}

#[test]
fn a_message_that_panics_as_it_goes_does_not_end_the_looking() {
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0 || std::thread::panicking(), "boom");
        }
    }
    let inspector = Inspector::new("test");
    let other = Bus::<u64>::new(4);
    inspector.bus("other", &other);
    let bus = Bus::<Bomb>::new(4);
    inspector.bus("bombs", &bus);
    assert_eq!(inspector.snapshot().buses.len(), 2);
    bus.publisher().publish(Bomb(true)).unwrap();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(bus)));
    assert!(dropped.is_err());
    assert_eq!(inspector.snapshot().buses.len(), 1);
}

// ===== who may look, and where =====

#[test]
fn only_the_owner_may_open_the_socket() {
    let place = Place::new("mode");
    let (_bus, server) = served(&place, limits());
    let mode = fs::metadata(place.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "nothing is left beside it");
    drop(server);
    assert!(!place.socket().exists());
}

#[test]
fn a_socket_that_nobody_serves_any_more_is_replaced() {
    let place = Place::new("stale");
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(place.socket().exists());
    let (_bus, _server) = served(&place, limits());
    Client::connect(place.socket()).unwrap().snapshot().unwrap();
}

#[test]
fn what_is_served_or_no_socket_is_left_alone() {
    let place = Place::new("taken");
    let (_bus, first) = served(&place, limits());
    let inspector = Inspector::new("second");
    let error = inspector.serve_at(place.socket()).unwrap_err();
    assert!(matches!(error, InspectError::InUse { .. }), "{error}");
    Client::connect(place.socket()).unwrap().snapshot().unwrap();
    drop(first);

    fs::write(place.socket(), "precious").unwrap();
    let error = inspector.serve_at(place.socket()).unwrap_err();
    assert!(matches!(error, InspectError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read(place.socket()).unwrap(), b"precious");
}

#[test]
fn a_successor_at_the_same_path_keeps_its_socket() {
    let place = Place::new("successor");
    let (_bus, first) = served(&place, limits());
    fs::remove_file(place.socket()).unwrap();
    let (_other, _second) = served(&place, limits());
    drop(first);
    Client::connect(place.socket()).unwrap().snapshot().unwrap();
}

#[test]
fn a_path_that_no_client_could_open_is_refused() {
    let place = Place::new("long");
    let path = place.0.join("x".repeat(120));
    let error = Inspector::new("test").serve_at(&path).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    for name in ["", ".", "../up", "a b", &"n".repeat(33)] {
        let error = Inspector::new(name).serve().unwrap_err();
        assert!(matches!(error, InspectError::Name { .. }), "{error}");
    }
}

#[test]
fn addresses_that_others_reach_are_refused() {
    let inspector = Inspector::new("test");
    let error = inspector.serve_tcp("0.0.0.0:0".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("expected a loopback address"), "{error}");
    let server = inspector.serve_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut client = Client::connect_tcp(server.address().unwrap()).unwrap();
    assert_eq!(client.snapshot().unwrap().process.name, "test");
}

#[test]
fn who_finds_nothing_is_told_where_it_looked() {
    let place = Place::new("nothing");
    let error = Client::connect(place.socket()).unwrap_err().to_string();
    assert!(error.contains(place.socket().to_str().unwrap()), "{error}");
}

// ===== what clients cannot do =====

#[test]
fn a_line_is_enough_for_an_answer() {
    let place = Place::new("line");
    let (_bus, _server) = served(&place, limits());
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    stream.write_all(b"snapshot\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = last_words(&stream);
    assert!(answer.starts_with("{\"version\":1,") && answer.ends_with("}\n"), "{answer}");
}

#[test]
fn what_is_no_request_is_answered_once() {
    let place = Place::new("garbage");
    let (_bus, _server) = served(&place, limits());
    for garbage in [b"GET / HTTP/1.1\r\n".to_vec(), b"\n".to_vec(), vec![b'x'; 1 << 20]] {
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        // The server may hang up on the way.
        let _ = stream.write_all(&garbage);
        let answer = last_words(&stream);
        assert!(answer.is_empty() || answer.contains("no such request"), "{answer}");
    }
    Client::connect(place.socket()).unwrap().snapshot().unwrap();
}

#[test]
fn clients_beyond_the_limit_are_told_so() {
    let place = Place::new("crowd");
    let (_bus, _server) = served(&place, limits());
    let mut clients: Vec<_> = (0..2).map(|_| Client::connect(place.socket()).unwrap()).collect();
    for client in &mut clients {
        client.snapshot().unwrap();
    }
    let error = Client::connect(place.socket()).unwrap().snapshot().unwrap_err();
    assert!(error.to_string().contains("2 clients look on already"), "{error}");
    clients.truncate(1);
    eventually("there is a place", || Client::connect(place.socket()).unwrap().snapshot().is_ok());
}

#[test]
fn a_client_that_says_nothing_loses_its_place() {
    let place = Place::new("silent");
    let (_bus, _server) = served(&place, limits());
    let silent = UnixStream::connect(place.socket()).unwrap();
    let mut halting = UnixStream::connect(place.socket()).unwrap();
    halting.write_all(b"snap").unwrap();
    assert_eq!(last_words(&silent), "");
    assert_eq!(last_words(&halting), "");
    Client::connect(place.socket()).unwrap().snapshot().unwrap();
}

/// A server whose answers do not fit into any socket's buffer.
fn talkative(place: &Place) -> (Bus<u64>, Vec<stentor::Subscriber<u64>>, Server) {
    let mut limits = limits();
    limits.write = Duration::from_secs(2);
    let (bus, server) = served(place, limits);
    let name = "n".repeat(4 << 10);
    let subscribers = (0..128).map(|_| bus.subscriber().name(&name).subscribe()).collect();
    (bus, subscribers, server)
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_is_cut_off() {
    let place = Place::new("stuck");
    let (bus, mut subscribers, _server) = talkative(&place);
    let mut stuck = UnixStream::connect(place.socket()).unwrap();
    // Asks for far more than it will ever read.
    stuck.write_all(&b"snapshot\n".repeat(100)).unwrap();
    let publisher = bus.publisher();
    let mut client = Client::connect(place.socket()).unwrap();
    for round in 0..3 {
        publisher.publish(round).unwrap();
        subscribers.iter_mut().for_each(|subscriber| assert_eq!(subscriber.recv(), Ok(round)));
        assert_eq!(client.snapshot().unwrap().buses[0].published, round + 1);
    }
    // There are places for two, and this one keeps its own.
    eventually("the stuck client loses its place", || {
        client.snapshot().unwrap();
        Client::connect(place.socket()).unwrap().snapshot().is_ok()
    });
    // One answer at most was begun for it, and never finished.
    let mut lines = BufReader::new(&stuck);
    stuck.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut line = Vec::new();
    let _ = lines.read_until(b'\n', &mut line);
    assert_ne!(line.last(), Some(&b'\n'), "an answer of {} bytes", line.len());
}

#[test]
fn a_client_that_asks_without_end_gets_no_more_snapshots_than_there_are() {
    let place = Place::new("eager");
    let mut limits = limits();
    limits.interval = Duration::from_millis(50);
    let (_bus, _server) = served(&place, limits);
    let stream = UnixStream::connect(place.socket()).unwrap();
    let mut asking = stream.try_clone().unwrap();
    std::thread::spawn(move || while asking.write_all(b"snapshot\n").is_ok() {});
    let started = Instant::now();
    let mut lines = BufReader::new(&stream).lines();
    let sequence = |line: String| {
        let snapshot: serde_json::Value = serde_json::from_str(&line).unwrap();
        (snapshot["sequence"].as_u64().unwrap(), snapshot["at_ns"].as_u64().unwrap())
    };
    let seen: Vec<_> = (0..5).map(|_| sequence(lines.next().unwrap().unwrap())).collect();
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    assert!(seen.is_sorted_by(|one, next| one.0 < next.0), "{seen:?}");
    assert!(seen.is_sorted_by(|one, next| one.1 + 50_000_000 <= next.1), "{seen:?}");
    stream.shutdown(std::net::Shutdown::Both).unwrap();
}

#[test]
fn a_web_page_gets_nothing_out_of_the_loopback_address() {
    let inspector = Inspector::new("test");
    let server = inspector.serve_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut stream = TcpStream::connect(server.address().unwrap()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n\r\nsnapshot\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.contains("version"), "{answer}");
}

#[test]
fn clients_are_cut_off_when_the_server_goes() {
    let place = Place::new("end");
    let (_bus, server) = served(&place, limits());
    let mut client = Client::connect(place.socket()).unwrap();
    client.snapshot().unwrap();
    drop(server);
    let error = client.snapshot().unwrap_err();
    assert!(matches!(error, InspectError::Connection { .. }), "{error}");
    assert!(!Path::new(&place.socket()).exists());
}

// ===== actors =====

#[cfg(feature = "actors")]
mod actors {
    use std::time::Duration;

    use stentor::inspect::{Inspector, Limits};
    use stentor::{
        Actor, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MessageBroker,
        MessageEnvelope, SystemConfig,
    };
    use tokio::sync::watch;

    /// Handles nothing before it is told to.
    struct Gated(watch::Receiver<bool>);

    impl<B: MessageBroker<u64>> Actor<u64, B> for Gated {
        async fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, B>) {
            let _ = self.0.wait_for(|is_open| *is_open).await;
        }
    }

    #[tokio::test]
    async fn the_actors_with_the_fullest_mailboxes_are_seen() {
        let broker = InMemoryMessageBroker::<u64>::builder().build();
        let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
        let mut limits = Limits::default();
        limits.listed = 2;
        let inspector = Inspector::new("test").limits(limits);
        inspector.system("desk", &system);
        let (gate, gated) = watch::channel(false);
        // Actor `n` gets so many messages, and has one of them in hand.
        for count in [3_u64, 9, 1, 7, 5] {
            let actor = system.spawn(format!("a{count}"), Gated(gated.clone())).unwrap();
            for number in 0..count {
                system.send(actor, number).await.unwrap();
            }
        }
        let seen = || inspector.snapshot().systems.remove(0);
        let depths = || seen().actors.iter().map(|actor| actor.depth).collect::<Vec<_>>();
        while depths() != [8, 6] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let now = seen();
        assert_eq!((now.name.as_str(), now.state.as_str()), ("desk", "running"));
        assert_eq!((now.living, now.spawned, now.actors.len()), (5, 5, 2));
        assert_eq!(now.actors[0].name.as_deref(), Some("a9"));

        gate.send(true).unwrap();
        let report = system.shutdown(Drain::Within(Duration::from_secs(60))).await;
        assert_eq!(report.handled, 25);
        drop(system);
        assert!(inspector.snapshot().systems.is_empty());
    }
}
