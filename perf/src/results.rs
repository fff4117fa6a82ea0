//! What came out, and the figures that reports are made of.

use crate::{
    entry::{Entry, REFERENCE},
    machine::Machine,
    measurement::{Measurement, Stop},
    own::Own,
    plan::Plan,
    remote::Backend,
    rows::{Figure, Row},
    stats::Summary,
};

/// The rate that is documented for the reference design, in messages per second.
pub const DOCUMENTED: f64 = 3e6;

/// The cores that other processes may keep busy before it is worth a warning.
const TOLERATED: f64 = 0.1;

/// All results of a call.
pub struct Results {
    /// Where they come from.
    pub machine: Machine,
    /// Rounds.
    pub rounds: usize,
    /// When publishers stopped.
    pub stop: Stop,
    /// What is the same in all rows, if they are not those of the harness.
    pub own: Option<Own>,
    /// The cores that other processes kept busy meanwhile, where the system says.
    pub others: Option<f64>,
    /// Row by row.
    pub rows: Vec<RowResults>,
    /// The rows that cannot be run here.
    pub skipped: Vec<&'static Row>,
}

/// The results of one row.
pub struct RowResults {
    /// The row.
    pub row: &'static Row,
    /// Contender by contender.
    pub contenders: Vec<Contender>,
}

/// The results of one contender in one row.
pub struct Contender {
    /// Its name.
    pub name: &'static str,
    /// How it is set up.
    pub note: &'static str,
    /// Whether it promises to lose nothing.
    pub lossless: bool,
    /// Whether who tells its actors waits for room in their mailboxes.
    pub bounded: bool,
    /// Round by round; none where it failed.
    pub rounds: Vec<Option<Measurement>>,
    /// Why it failed last, if it did.
    pub failure: Option<String>,
}

impl Results {
    /// Results of a plan.
    pub fn new(plan: &Plan, rows: Vec<RowResults>) -> Self {
        Self {
            machine: Machine::detect(),
            rounds: plan.rounds,
            stop: plan.stop,
            own: plan.own.first().map(|row| row.own.clone()),
            others: None,
            rows,
            skipped: plan.skipped.clone(),
        }
    }

    /// Whether any measurement has failed.
    pub fn any_failure(&self) -> bool {
        self.rows
            .iter()
            .flat_map(|row| &row.contenders)
            .any(|contender| contender.failure.is_some())
    }

    /// A sentence for each reason to doubt what was measured, and for each row that was not.
    pub fn warnings(&self) -> Vec<String> {
        let skipped = self.skipped.iter().map(|row| skipped(row));
        [self.crowded(), self.disturbed()].into_iter().flatten().chain(skipped).collect()
    }

    /// That there are fewer cores than threads.
    fn crowded(&self) -> Option<String> {
        let (cores, rows) = (self.machine.cores, self.rows.len());
        let crowded = self.rows.iter().filter(|row| row.row.threads() > cores).count();
        (crowded > 0).then(|| {
            format!(
                "{crowded} of {rows} rows have more busy threads than this machine has cores \
                 ({cores}): there, how a contender waits is part of its result"
            )
        })
    }

    /// That other processes were at work.
    fn disturbed(&self) -> Option<String> {
        let others = self.others.filter(|cores| *cores > TOLERATED)?;
        let advice = "measure again when they are through";
        Some(format!("other processes kept {others:.2} cores busy meanwhile: {advice}"))
    }

    /// How long or how much each measurement published, in words.
    pub fn extent(&self) -> String {
        match self.stop {
            Stop::Seconds(seconds) => format!("{seconds} s each"),
            Stop::Messages(messages) => format!("{messages} messages each"),
        }
    }
}

/// That a row was left out.
fn skipped(row: &Row) -> String {
    let program = row.kind.backend().map_or("", Backend::program);
    format!(
        "`{}` was skipped: {program} is not installed (it is not in any directory of PATH)",
        row.name
    )
}

impl RowResults {
    /// The contenders from the best to the worst; those without a result at the end.
    pub fn ranked(&self) -> Vec<&Contender> {
        let figure = self.row.figure();
        let mut ranked: Vec<&Contender> = self.contenders.iter().collect();
        ranked.sort_by(|left, right| {
            let [left, right] = [left, right].map(|contender| contender.merit(figure));
            right.total_cmp(&left)
        });
        ranked
    }

    /// How many times as good as the reference design a contender is: the median over the rounds of
    /// the ratio within each round, in which both ran one after the other.
    pub fn over_reference(&self, contender: &Contender) -> Option<f64> {
        let reference = self.contenders.iter().find(|other| other.name == REFERENCE)?;
        let figure = self.row.figure();
        let both = contender.rounds.iter().zip(&reference.rounds);
        let ratio = |(own, other): (&Option<Measurement>, &Option<Measurement>)| {
            let (own, other) = (own.as_ref()?.value(figure)?, other.as_ref()?.value(figure)?);
            Some(if figure.more_is_better() { own / other } else { other / own })
        };
        let ratios = both.filter_map(ratio).filter(|ratio| ratio.is_finite());
        Summary::of(ratios).map(|summary| summary.median)
    }
}

impl Contender {
    /// No results yet.
    pub fn new(entry: &Entry) -> Self {
        Self {
            name: entry.name,
            note: entry.note,
            lossless: entry.lossless,
            bounded: entry.bounded,
            rounds: Vec::new(),
            failure: None,
        }
    }

    /// Summarises something over the rounds.
    pub fn summary(&self, of: impl Fn(&Measurement) -> Option<f64>) -> Option<Summary> {
        Summary::of(self.rounds.iter().flatten().filter_map(of))
    }

    /// The median of something over the rounds.
    pub fn median(&self, of: impl Fn(&Measurement) -> Option<f64>) -> Option<f64> {
        self.summary(of).map(|summary| summary.median)
    }

    /// What it is ranked by: more is better.
    fn merit(&self, figure: Figure) -> f64 {
        match self.median(|measurement| measurement.value(figure)) {
            Some(value) if figure.more_is_better() => value,
            Some(value) => -value,
            None => f64::NEG_INFINITY,
        }
    }
}

impl Measurement {
    /// The value that a row is ranked by.
    pub fn value(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Rate => Some(self.messages_per_second),
            Figure::Latency => self.latency.as_ref().map(|latency| latency.p50 as f64),
            Figure::Nanos => self.nanos,
            Figure::Ratio => self.ratio,
            Figure::Cores => Some(self.cores),
            Figure::Bytes => self.bytes,
        }
    }
}

impl Figure {
    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Figure::Rate | Figure::Ratio)
    }
}
