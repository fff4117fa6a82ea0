//! Keys and credentials: the right ones are let in, wrong ones are told, and none is shown.

mod servers;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use servers::Server;
use stentor::{MessageBroker, MessageEnvelope, NatsBuilder, NatsMessageBroker, RemoteError};

fn builder(server: &Server) -> NatsBuilder<u64> {
    NatsMessageBroker::<u64>::builder(server.url())
}

/// All that has been logged, by this crate and by the client. (Not at its lowest level, where it shows what goes over
/// the wire.)
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen_to_the_log() {
    let subscriber = tracing_subscriber::fmt().with_writer(|| Log).with_ansi(false);
    let subscriber = subscriber.with_max_level(tracing::Level::DEBUG).finish();
    // The other test may have done it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn is_not_logged(secret: &str) {
    let log = LOG.lock().unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("nats"), "nothing is heard of the log");
    if let Some(line) = log.lines().find(|line| line.contains(secret)) {
        panic!("a secret is logged: {line}");
    }
}

/// It can be used, and not only connected.
async fn is_let_in(builder: NatsBuilder<u64>) {
    let broker = builder.connect().await.expect("it is let in");
    let mut stream = broker.subscribe().await.unwrap();
    broker.publish(MessageEnvelope::new(7)).await.unwrap();
    assert_eq!(stream.recv().await.unwrap().message, 7);
}

/// Refused for what it is, without a word of the secret.
async fn is_refused(builder: NatsBuilder<u64>, secret: &str) -> String {
    assert!(!format!("{builder:?}").contains(secret));
    let error = builder.connect().await.expect_err("it is let in");
    assert!(matches!(error, RemoteError::Unauthorized(_)), "{error:?}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(secret), "{told}");
    is_not_logged(secret);
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nkey_is_checked_and_not_shown() {
    listen_to_the_log();
    let (known, other) = (KeyPair::new_user(), KeyPair::new_user());
    let known_only = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", known.public_key());
    let server = Server::nats_with(&known_only);
    let seed = known.seed().unwrap();
    let right = builder(&server).nkey(&seed);
    assert!(!format!("{right:?}").contains(&seed));
    let broker = right.connect().await.unwrap();
    assert!(!format!("{broker:?}").contains(&seed));
    is_let_in(builder(&server).nkey(&seed)).await;
    is_not_logged(&seed);

    let seed = other.seed().unwrap();
    is_refused(builder(&server).nkey(&seed), &seed).await;
    is_refused(builder(&server).user("ann", "swordfish"), "swordfish").await;
    // What is no seed at all, for its checksum is wrong.
    let broken = format!("{}A", &seed[..seed.len() - 1]);
    let broken = if broken == seed { format!("{}B", &seed[..seed.len() - 1]) } else { broken };
    is_refused(builder(&server).nkey(&broken), &broken).await;
    is_refused(builder(&server).nkey("open sesame"), "open sesame").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credentials_file_is_checked_and_not_shown() {
    listen_to_the_log();
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    // JetStream needs one of its own.
    let system = KeyPair::new_account();
    let known = [&account, &system]
        .map(|known| format!("{}: {}", known.public_key(), token(&operator, known, ACCOUNT)));
    let trust = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {} }}",
        token(&operator, &operator, r#""type":"operator","version":2"#),
        system.public_key(),
        known.join(", "),
    );
    let server = Server::nats_with(&trust);
    let write = |name: &str, signed_by: &KeyPair, is_for: &KeyPair, seed: &str| {
        credentials(server.directory(), name, &token(signed_by, is_for, USER), seed)
    };
    let seed = user.seed().unwrap();
    let right = write("right", &account, &user, &seed);
    is_let_in(builder(&server).credentials_file(&right)).await;
    is_not_logged(&seed);

    // Signed by an account that nobody knows; with the key of another user.
    let unknown = write("unknown", &KeyPair::new_account(), &user, &seed);
    is_refused(builder(&server).credentials_file(unknown), &seed).await;
    let other_seed = stranger.seed().unwrap();
    let stolen = write("stolen", &account, &user, &other_seed);
    is_refused(builder(&server).credentials_file(stolen), &other_seed).await;

    let absent = server.directory().join("absent.creds");
    let told = is_refused(builder(&server).credentials_file(&absent), &seed).await;
    assert!(told.contains("absent.creds"), "{told}");
    let empty = server.directory().join("empty.creds");
    fs::write(&empty, format!("nothing of use, but {seed}")).unwrap();
    let told = is_refused(builder(&server).credentials_file(&empty), &seed).await;
    assert!(told.contains("empty.creds"), "{told}");
}

const ACCOUNT: &str = r#""limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1},"type":"account","version":2"#;
const USER: &str =
    r#""pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2"#;

/// What `nsc` makes: claims of one key about another, signed.
fn token(signed_by: &KeyPair, about: &KeyPair, claims: &str) -> String {
    let (issuer, subject) = (signed_by.public_key(), about.public_key());
    let claims = format!(
        r#"{{"jti":"{subject}","iat":1700000000,"iss":"{issuer}","name":"test","sub":"{subject}","nats":{{{claims}}}}}"#
    );
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = signed_by.sign(signed.as_bytes()).expect("a private key");
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn credentials(directory: &Path, name: &str, token: &str, seed: &str) -> PathBuf {
    let path = directory.join(format!("{name}.creds"));
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    fs::write(&path, text).expect("a file");
    path
}
