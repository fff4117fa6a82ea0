//! What is to be run: which rows, with which contenders, how often and how long.

use crate::{
    entry::Entry,
    measurement::{Job, Stop},
    own::OwnRow,
    rows::Row,
};

/// Everything that is to be measured.
pub struct Plan {
    /// The rows, each with its contenders.
    pub rows: Vec<(&'static Row, Vec<Entry>)>,
    /// The rows that cannot be run here.
    pub skipped: Vec<&'static Row>,
    /// Rounds.
    pub rounds: usize,
    /// When publishers stop.
    pub stop: Stop,
    /// What the rows are, if they are not those of the harness: as many.
    pub own: Vec<OwnRow>,
    /// How this program is called for one measurement; a job follows.
    pub call: &'static [&'static str],
}

impl Plan {
    /// How many measurements that is.
    pub fn measurements(&self) -> usize {
        self.rows.iter().map(|(row, contenders)| row.rounds(self.rounds) * contenders.len()).sum()
    }

    /// What a child is asked for: a contender of the row at this place.
    pub fn job(&self, place: usize, contender: &str) -> Job {
        let (row, _) = &self.rows[place];
        Job {
            row: row.name.into(),
            contender: contender.into(),
            stop: self.stop,
            own: self.own.get(place).cloned(),
        }
    }
}
