//! Where a result comes from: machine, compiler, commit. A result without them means nothing.

use std::{fs, process::Command, thread};

use serde::Serialize;

/// The machine and the build.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Its cores, as far as this process may use them.
    pub cores: usize,
    /// The operating system.
    pub os: String,
    /// The compiler that built the harness.
    pub rustc: String,
    /// The commit that is checked out, with a `+` if the work tree differs from it.
    pub commit: String,
}

impl Machine {
    /// Looks around.
    pub fn detect() -> Self {
        Self {
            cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            os: os(),
            rustc: env!("PERF_RUSTC").into(),
            commit: commit(),
        }
    }
}

/// The processor's model, where the system says.
fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The operating system and its release.
fn os() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

/// The commit, `unknown` outside a repository.
fn commit() -> String {
    match (git(&["rev-parse", "--short", "HEAD"]), git(&["status", "--porcelain"])) {
        (Some(commit), Some(changes)) if !changes.is_empty() => format!("{commit}+"),
        (Some(commit), _) => commit,
        (None, _) => "unknown".into(),
    }
}

/// What git answers.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
