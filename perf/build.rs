//! Captures the version of the compiler that builds the harness, for the head of every report.

use std::{env, process::Command};

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "rustc unknown".into());
    println!("cargo::rustc-env=PERF_RUSTC={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
