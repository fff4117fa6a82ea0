//! The real command, looking at this process.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use stentor::inspect::Inspector;
use stentor::{Bus, InMemoryMessageBroker, MessageEnvelope};

/// A directory that stands for the user's runtime directory, gone with the test.
struct Home(PathBuf);

impl Home {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stentor-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::DirBuilder::new().mode(0o700).create(path.join("stentor")).unwrap();
        Self(path)
    }

    /// Where a process of this name and id would serve.
    fn socket(&self, name: &str, pid: u32) -> PathBuf {
        self.0.join("stentor").join(format!("{name}-{pid}.sock"))
    }

    /// Runs `stentor top`.
    fn top(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stentor"));
        command.arg("top").args(arguments).env("XDG_RUNTIME_DIR", &self.0).output().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_process_is_found_and_seen() {
    let home = Home::new("found");
    let bus = Bus::<u64>::new(64);
    let _audit = bus.subscriber().name("audit").subscribe();
    bus.publisher().publish_batch([0; 5]).unwrap();
    let broker = InMemoryMessageBroker::<u64>::builder().build();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    let inspector = Inspector::new("exchange");
    inspector.bus("quotes", &bus);
    inspector.broker("orders", &broker);
    let _server = inspector.serve_at(home.socket("exchange", 1)).unwrap();

    let seen = stdout(&home.top(&["--once", "--json", "--every", "0.1"]));
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["process"]["name"], "exchange");
    assert_eq!(seen["process"]["pid"], std::process::id());
    assert_eq!(seen["buses"][0]["published"], 5);
    assert_eq!(seen["buses"][0]["published_per_second"], 0.0);
    assert_eq!(seen["buses"][0]["fill"], 5);
    assert_eq!(seen["subscribers"][0]["name"], "audit");
    assert_eq!(seen["subscribers"][0]["lag"], 5);
    assert_eq!(seen["buses"][1]["unheard"], 1);

    for name in ["exchange", "1", "exchange-1"] {
        let tables = stdout(&home.top(&[name, "--once", "--every", "0.1"]));
        assert!(tables.contains("exchange (pid ") && tables.contains("audit"), "{tables}");
        assert!(!tables.contains('\u{1b}'), "colours are for terminals");
    }
    let tables = stdout(&home.top(&["--once", "--every", "0.1", "--filter", "quotes"]));
    assert!(tables.contains("audit") && !tables.contains("orders"), "{tables}");
}

#[test]
fn one_of_several_has_to_be_named() {
    let home = Home::new("several");
    let inspector = Inspector::new("exchange");
    let _servers = [1, 2].map(|pid| inspector.serve_at(home.socket("exchange", pid)).unwrap());
    let error = stderr(&home.top(&["--once"]));
    assert!(error.contains("stentor top exchange-1\n  stentor top exchange-2"), "{error}");
    stdout(&home.top(&["2", "--once", "--every", "0.1"]));
}

#[test]
fn who_finds_nothing_is_told_where_and_what_to_do() {
    let home = Home::new("nothing");
    for (arguments, named) in [
        (&["--once"][..], home.0.join("stentor")),
        (&["--once", "--socket", "/no/x.sock"], "/no/x.sock".into()),
    ] {
        let error = stderr(&home.top(arguments));
        let named = named.display().to_string();
        assert!(error.starts_with("error: ") && error.contains(&named), "{error}");
        assert!(error.contains("the feature `inspect`") && error.contains("--demo"), "{error}");
    }
    let error = stderr(&home.top(&["exchange", "--once"]));
    assert!(error.contains("no process \"exchange\" serves"), "{error}");
    let error = stderr(&home.top(&["--tcp", "127.0.0.1:1", "--once"]));
    assert!(error.contains("nothing serves at 127.0.0.1:1"), "{error}");
}

#[test]
fn sockets_of_processes_that_are_gone_do_not_count() {
    let home = Home::new("gone");
    drop(UnixListener::bind(home.socket("old", 3)).unwrap());
    let error = stderr(&home.top(&["--once"]));
    assert!(error.contains("no process serves"), "{error}");
    let inspector = Inspector::new("new");
    let _server = inspector.serve_at(home.socket("new", 4)).unwrap();
    let tables = stdout(&home.top(&["--once", "--every", "0.1"]));
    assert!(tables.starts_with("new (pid "), "{tables}");
}

#[test]
fn a_service_is_found_where_it_serves_unless_told_otherwise() {
    // Its own process, for the directory is a matter of the environment.
    let home = Home::new("service");
    let left = home.socket("tests", 3);
    let others = home.socket("tests-other", 3);
    for path in [&left, &others] {
        drop(UnixListener::bind(path).unwrap());
    }
    let service = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--ignored"])
        .env("XDG_RUNTIME_DIR", &home.0)
        .env("STENTOR_TEST_SERVICE", "1")
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut service = service.unwrap();
    let tables = (0..300).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let output = home.top(&["tests", "--once", "--every", "0.1"]);
        output.status.success().then(|| stdout(&output))
    });
    service.kill().unwrap();
    service.wait().unwrap();
    let tables = tables.expect("the service is found");
    assert!(tables.starts_with(&format!("tests (pid {})", service.id())), "{tables}");
    assert!(!left.exists(), "what a process of its name left is gone");
    assert!(others.exists(), "what others left is not its business");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(home.0.join("stentor")).unwrap());
    assert_eq!(mode & 0o777, 0o700);
}

/// The service of the test above.
#[test]
#[ignore = "a part of another test"]
fn serve_until_killed() {
    if std::env::var_os("STENTOR_TEST_SERVICE").is_some() {
        let _server = Inspector::new("tests").serve().unwrap();
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_directory_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new("open");
    let open = home.0.join("stentor");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--ignored", "--nocapture"])
        .env("XDG_RUNTIME_DIR", &home.0)
        .env("STENTOR_TEST_SERVICE", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Directory {") && said.contains("its mode is 0777"), "{said}");
}

#[test]
fn a_loopback_address_serves_as_well() {
    let home = Home::new("tcp");
    let server = Inspector::new("exchange").serve_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let tables = stdout(&home.top(&["--tcp", server.at(), "--once", "--every", "0.1"]));
    assert!(tables.starts_with("exchange (pid "), "{tables}");
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let error = stderr(&Home::new("pipe").top(&["--demo"]));
    assert!(error.contains("stdout is no terminal: expected one, or `--once`"), "{error}");
}

#[test]
fn the_simulated_load_has_something_in_every_table_but_backends() {
    let seen = stdout(&Home::new("demo").top(&["--demo", "--once", "--json"]));
    let seen: Value = serde_json::from_str(&seen).unwrap();
    for table in ["buses", "subscribers", "threads", "handlers", "systems", "actors", "requests"] {
        assert!(!seen[table].as_array().unwrap().is_empty(), "{table}");
    }
    assert!(seen["buses"][0]["published_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_wrong_command_line_has_a_code_of_its_own() {
    let output = Home::new("usage").top(&["--every", "0", "--once"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
