//! The rows: a topology and a way of receiving each.

mod kind;
mod list;

pub use kind::{Figure, Kind};
pub use list::ROWS;

/// One row of the harness.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// Publishers; in request and actor rows the tasks that tell or ask, each one request at a time.
    pub publishers: usize,
    /// Subscribers; in actor rows the actors.
    pub subscribers: usize,
    /// Messages published at once; 1 = unbatched.
    pub batch: usize,
    /// Messages per second in paced rows; 0 = as fast as it goes.
    pub pace: u64,
    /// Whether the default run has it.
    pub default: bool,
}

impl Row {
    /// A row as fast as it goes, one message at a time.
    const fn new(
        name: &'static str,
        title: &'static str,
        kind: Kind,
        publishers: usize,
        subscribers: usize,
    ) -> Self {
        Self { name, title, kind, publishers, subscribers, batch: 1, pace: 0, default: false }
    }

    /// Publishes in batches.
    const fn batched(self) -> Self {
        Self { batch: crate::workload::BATCH, ..self }
    }

    /// Publishes `pace` messages per second.
    const fn paced(self, pace: u64) -> Self {
        Self { pace, ..self }
    }

    /// Is part of the default run.
    const fn default(self) -> Self {
        Self { default: true, ..self }
    }

    /// What its results are ranked by.
    pub fn figure(&self) -> Figure {
        self.kind.figure()
    }

    /// Threads that want to run at the same time; more than the cores means that waiting is part of
    /// the result.
    pub fn threads(&self) -> usize {
        match self.kind {
            Kind::Thread | Kind::Slow => self.publishers + self.subscribers,
            Kind::Churn => self.publishers + self.subscribers + 1,
            Kind::Poll | Kind::Router | Kind::Broker => self.publishers + 1,
            Kind::RouterAdds => self.publishers + 2,
            kind => kind.threads(),
        }
    }

    /// Rounds it needs at most: idle rows and memory do not scatter.
    pub fn rounds(&self, asked: usize) -> usize {
        match self.kind {
            Kind::IdleThread | Kind::IdleRouter | Kind::IdleAsync | Kind::ActorMemory => {
                asked.min(2)
            }
            _ => asked,
        }
    }
}

/// The row called `name`.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// The rows that `pattern` names: one by its name, or all that begin with it.
pub fn matching(pattern: &str) -> Vec<&'static Row> {
    match find(pattern) {
        Some(row) => vec![row],
        None => ROWS.iter().filter(|row| row.name.starts_with(pattern)).collect(),
    }
}
