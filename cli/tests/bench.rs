//! The real command, measuring on this machine: that it does, not how fast.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// A directory of the test's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stentor-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stentor")).arg("bench").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Short measurements.
const SHORT: [&str; 4] = ["--seconds", "0.02", "--rounds", "3"];

#[test]
fn tables_and_files_have_what_was_asked_for() {
    let place = Place::new("bench");
    let (json, csv, svg) = (place.file("r.json"), place.file("r.csv"), place.file("svg"));
    let arguments = [
        &SHORT[..],
        &["--workload", "thread,latency-poll", "--size", "256", "--publishers", "1,2"],
        &["--subscribers", "1,3", "--wait", "adaptive,yield", "--capacity", "64"],
        &["--json", &json, "--csv", &csv, "--svg", &svg],
    ];
    let printed = stdout(&bench(&arguments.concat()));
    assert!(printed.contains("256-byte messages, rings of 64"), "{printed}");
    for row in ["thread-1-1", "thread-1-3", "thread-2-1", "thread-2-3", "latency-poll-1-1"] {
        assert!(printed.contains(&format!("[{row}]")), "{printed}");
    }
    assert!(!printed.contains("FAILED") && !printed.contains("reference"), "{printed}");

    let written: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(written["rows"].as_array().unwrap().len(), 5);
    let thread = &written["rows"][0];
    let mut names = [0, 1].map(|place| thread["contenders"][place]["name"].clone());
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["adaptive", "yield"]);
    assert_eq!(thread["contenders"][0]["rounds"].as_array().unwrap().len(), 3);
    assert_eq!(thread["contenders"][0]["rounds"][0]["lost"], 0.0);
    assert_eq!(fs::read_to_string(&csv).unwrap().lines().count(), 1 + 5 * 2);
    assert!(
        fs::read_to_string(place.0.join("svg/throughput-thread.svg")).unwrap().contains("<svg")
    );
    assert!(place.0.join("svg/latency-poll-1-1.svg").exists());
}

#[test]
fn what_was_measured_before_is_compared_with() {
    let place = Place::new("compare");
    let json = place.file("old.json");
    let arguments = [&SHORT[..], &["--workload", "nobody"]].concat();
    stdout(&bench(&[&arguments[..], &["--json", &json]].concat()));

    // As if it had been a thousand times slower, and then a thousand times faster.
    let text = fs::read_to_string(&json).unwrap();
    for (factor, verdict, code) in [(1_000.0, "better", 0), (0.001, "worse", 3)] {
        let mut old: Value = serde_json::from_str(&text).unwrap();
        for round in old["rows"][0]["contenders"][0]["rounds"].as_array_mut().unwrap() {
            round["nanos"] = (round["nanos"].as_f64().unwrap() * factor).into();
        }
        let path = place.file("other.json");
        fs::write(&path, old.to_string()).unwrap();
        let output = bench(&[&arguments[..], &["--compare", &path]].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let line = printed.lines().last().unwrap();
        assert!(line.contains("nobody-1-0") && line.ends_with(verdict), "{printed}");
    }
    let output = bench(&[&arguments[..], &["--compare", &json, "--capacity", "64"]].concat());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("measured with another message size, capacity"), "{printed}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let failed = |arguments: &[&str], code| {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(failed(&["--size", "65"], 2).contains("expected one of [16, 32, 64"));
    assert!(failed(&["--publishers", "9"], 2).contains("1..=8"));
    assert!(failed(&["--capacity", "0"], 2).contains("expected 1 to"));
    assert!(failed(&["--cores", "100000"], 1).contains("error: "));
    let error = failed(&["--compare", "/no/such.json"], 1);
    assert!(error.contains("/no/such.json"), "{error}");
    let place = Place::new("nonsense");
    let path = place.file("x.json");
    fs::write(&path, "{}").unwrap();
    assert!(failed(&["--compare", &path], 1).contains("expected what `stentor bench --json`"));
}
