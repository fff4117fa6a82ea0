//! A client: what it has sent, and what it is to get. Nothing here waits.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use crate::inspect::inspector::Shared;
use crate::inspect::limits::Limits;

/// The one request there is.
pub(crate) const REQUEST: &[u8] = b"snapshot";

/// What a client and the server talk over, never waiting.
pub(crate) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A client, however slow or ill-disposed.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// What it has sent and is not dealt with.
    request: Vec<u8>,
    /// What it is to get.
    answer: Option<Answer>,
    /// The last snapshot it was given.
    seen: u64,
    /// When it is cut off if it has not got on.
    deadline: Instant,
    /// It is told this much and no more.
    is_last: bool,
}

struct Answer {
    bytes: Arc<[u8]>,
    written: usize,
}

/// It is over with a client.
pub(crate) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Connection {
    pub(crate) fn new(stream: impl Stream + 'static, limits: &Limits) -> Self {
        Self {
            stream: Box::new(stream),
            request: Vec::with_capacity(Limits::REQUEST),
            answer: None,
            seen: 0,
            deadline: Instant::now() + limits.idle,
            is_last: false,
        }
    }

    /// Whether it has got a part of its answer.
    pub(crate) fn is_answering(&self) -> bool {
        self.answer.is_some()
    }

    /// Whether it has asked, and is to be answered when there is a new snapshot.
    fn is_waiting(&self) -> bool {
        self.answer.is_none() && self.request.contains(&b'\n')
    }

    /// Does what can be done now.
    pub(crate) fn turn(&mut self, shared: &Shared, limits: &Limits) -> Result<(), Over> {
        if Instant::now() >= self.deadline && !self.is_waiting() {
            return Err(Over);
        }
        if self.answer.is_none() {
            self.read()?;
            self.reply(shared, limits);
        }
        self.write(limits)
    }

    /// Takes in what has come, as far as a request may be long.
    fn read(&mut self) -> Result<(), Over> {
        let (mut bytes, held) = ([0; Limits::REQUEST], self.request.len());
        match self.stream.read(&mut bytes[held..]) {
            // Nothing more comes; what it has asked before is still given.
            Ok(0) if self.is_waiting() => Ok(()),
            Ok(0) => Err(Over),
            Ok(read) => {
                self.request.extend_from_slice(&bytes[held..held + read]);
                Ok(())
            }
            Err(error) => later(error),
        }
    }

    /// Finds the answer to a request that is complete, if it is time for one.
    fn reply(&mut self, shared: &Shared, limits: &Limits) {
        let line_end = self.request.iter().position(|byte| *byte == b'\n');
        match line_end {
            Some(end) if self.request[..end].trim_ascii() == REQUEST => {
                let line = shared.recent().lock().line(self.seen, shared, limits);
                if let Some(line) = line {
                    self.request.drain(..=end);
                    self.seen = line.sequence;
                    self.begin(line.bytes, limits);
                }
            }
            None if self.request.len() < Limits::REQUEST => {}
            _ => self.refuse("no such request: expected a line, `snapshot`", limits),
        }
    }

    /// Tells it why it gets nothing; then it is over.
    pub(crate) fn refuse(&mut self, reason: &str, limits: &Limits) {
        let line = format!("{}\n", serde_json::json!({ "error": reason }));
        self.is_last = true;
        self.begin(line.into_bytes().into(), limits);
    }

    fn begin(&mut self, bytes: Arc<[u8]>, limits: &Limits) {
        self.answer = Some(Answer { bytes, written: 0 });
        self.deadline = Instant::now() + limits.write;
    }

    /// Gives it as much of the answer as it takes.
    fn write(&mut self, limits: &Limits) -> Result<(), Over> {
        let Some(answer) = &mut self.answer else { return Ok(()) };
        while answer.written < answer.bytes.len() {
            match self.stream.write(&answer.bytes[answer.written..]) {
                Ok(0) => return Err(Over),
                Ok(written) => answer.written += written,
                Err(error) => return later(error),
            }
        }
        self.answer = None;
        self.deadline = Instant::now() + limits.idle;
        if self.is_last { Err(Over) } else { Ok(()) }
    }
}

/// Whether an error means that there is nothing to be done now.
fn later(error: io::Error) -> Result<(), Over> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(Over),
    }
}
