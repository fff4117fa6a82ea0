//! Calls the harness itself for one measurement.

use std::{
    env,
    io::{self, Read},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::measurement::{Job, Measurement, Stop};

/// What a measurement may take on top of what it should. A spinning contender on too few cores can
/// take this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Makes one measurement in a process of its own, which is called as `call` says.
///
/// # Errors
///
/// A sentence about what went wrong: the child's own last words, where it had any.
pub fn measure(call: &[&str], job: &Job) -> Result<Measurement, String> {
    let text = serde_json::to_string(job).map_err(|error| error.to_string())?;
    let mut child =
        spawn(call, &text).map_err(|error| format!("cannot start a process: {error}"))?;
    // A child's output is one line, less than a pipe holds: it can be read after the end.
    let success = wait(&mut child, PATIENCE + expected(job.stop))?;
    let (answer, complaint) = (read(child.stdout.take()), read(child.stderr.take()));
    if !success {
        return Err(last_words(&complaint));
    }
    serde_json::from_str(&answer).map_err(|error| format!("an answer that is none: {error}"))
}

/// Starts a child.
fn spawn(call: &[&str], job: &str) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(call)
        .arg(job)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// How long a measurement should take.
fn expected(stop: Stop) -> Duration {
    match stop {
        Stop::Seconds(seconds) => Duration::from_secs_f64(4.0 * seconds),
        // A tenth of a microsecond to ten, depending on the contender.
        Stop::Messages(messages) => Duration::from_micros(messages.saturating_mul(10)),
    }
}

/// Waits for a child to end; whether it succeeded. One that takes too long is ended.
fn wait(child: &mut Child, limit: Duration) -> Result<bool, String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if start.elapsed() < limit => thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// All of a child's output.
fn read(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The line of a child's complaint that says what went wrong: the first one after the place of a
/// panic.
fn last_words(complaint: &str) -> String {
    let mut lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("failed without a word");
    let words = if first.contains("panicked at") { lines.next().unwrap_or(first) } else { first };
    words.to_owned()
}
