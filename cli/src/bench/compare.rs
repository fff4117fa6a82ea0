//! Results beside those of before: how many times better or worse, and whether that is more than chance.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use perf::measurement::{Measurement, Stop};
use perf::own::Own;
use perf::report::number::{short, times};
use perf::results::{Contender, Results};
use perf::rows::Figure;
use perf::stats::Summary;
use serde::Deserialize;

/// With fewer rounds there is no spread to speak of.
const LEAST_ROUNDS: usize = 3;

/// What was measured before.
pub struct Before {
    path: PathBuf,
    results: Old,
}

#[derive(Deserialize)]
struct Old {
    machine: OldMachine,
    stop: Stop,
    own: Option<Own>,
    rows: Vec<OldRow>,
}

#[derive(Deserialize, PartialEq)]
struct OldMachine {
    cpu: String,
    cores: usize,
    commit: String,
}

#[derive(Deserialize)]
struct OldRow {
    name: String,
    figure: Figure,
    contenders: Vec<OldContender>,
}

#[derive(Deserialize)]
struct OldContender {
    name: String,
    rounds: Vec<Option<Measurement>>,
}

/// A contender in a row, now and before.
pub struct Comparison {
    row: String,
    contender: String,
    pub verdict: Verdict,
}

/// How it compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// By so much, with this spread.
    Better(Ratio),
    Worse(Ratio),
    /// The intervals overlap.
    NoDifference(Ratio),
    /// There were too few rounds to tell.
    TooFewRounds(usize),
    /// It was not measured before.
    New,
}

/// How many times as good as before; above 1 it is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Of the medians.
    pub median: f64,
    /// The worst round now over the best before.
    pub least: f64,
    /// The best round now over the worst before.
    pub most: f64,
}

impl Before {
    /// Reads what `--json` has written.
    pub fn read(path: &Path) -> Result<Self, String> {
        let failed = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read(path).map_err(|error| failed(&error))?;
        let results = serde_json::from_slice(&text).map_err(|error| {
            failed(&format!("{error}: expected what `stentor bench --json` has written"))
        })?;
        Ok(Self { path: path.to_owned(), results })
    }

    /// Where it comes from.
    pub fn origin(&self) -> String {
        let OldMachine { cpu, cores, commit } = &self.results.machine;
        format!("{} (commit {commit}; {cpu}, {cores} cores)", self.path.display())
    }

    /// What makes the comparison one of other things than the engine.
    pub fn is_about_something_else(&self, now: &Results) -> Option<String> {
        let OldMachine { cpu, cores, .. } = &self.results.machine;
        let mut others = Vec::new();
        if (cpu, cores) != (&now.machine.cpu, &now.machine.cores) {
            others.push("machine");
        }
        if self.results.own != now.own {
            others.push("message size, capacity or cores");
        }
        if self.results.stop != now.stop {
            others.push("length");
        }
        (!others.is_empty()).then(|| format!("measured with another {}", others.join(", another ")))
    }

    /// Compares all that is measured now.
    pub fn compare(&self, now: &Results) -> Vec<Comparison> {
        let rows = now.rows.iter();
        let all = rows.flat_map(|row| row.contenders.iter().map(move |each| (row, each)));
        all.map(|(row, contender)| {
            let old = self.results.rows.iter().find(|old| old.name == row.row.name);
            Comparison {
                row: row.row.name.to_owned(),
                contender: contender.name.to_owned(),
                verdict: verdict(row.row.figure(), old, contender),
            }
        })
        .collect()
    }
}

fn verdict(figure: Figure, old: Option<&OldRow>, now: &Contender) -> Verdict {
    let Some(old) = old.filter(|old| old.figure == figure) else { return Verdict::New };
    let Some(old) = old.contenders.iter().find(|old| old.name == now.name) else {
        return Verdict::New;
    };
    let values = |rounds: &[Option<Measurement>]| -> Vec<f64> {
        rounds.iter().flatten().filter_map(|each| each.value(figure)).collect()
    };
    judge(&values(&old.rounds), &values(&now.rounds), figure.more_is_better())
}

/// Judges the values of each round, before and now. There is a difference only if every round of one is better than
/// every round of the other.
fn judge(before: &[f64], now: &[f64], more_is_better: bool) -> Verdict {
    let rounds = before.len().min(now.len());
    let (Some(before), Some(now)) =
        (Summary::of(before.iter().copied()), Summary::of(now.iter().copied()))
    else {
        return Verdict::TooFewRounds(0);
    };
    if rounds < LEAST_ROUNDS {
        return Verdict::TooFewRounds(rounds);
    }
    let ratio = match more_is_better {
        true => ratio(now, before),
        false => ratio(before, now),
    };
    match ratio {
        Ratio { least, .. } if least > 1.0 => Verdict::Better(ratio),
        Ratio { most, .. } if most < 1.0 => Verdict::Worse(ratio),
        _ => Verdict::NoDifference(ratio),
    }
}

fn ratio(above: Summary, below: Summary) -> Ratio {
    Ratio {
        median: above.median / below.median,
        least: above.min / below.max,
        most: above.max / below.min,
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} - {})", times(self.median), short(self.least), short(self.most))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24} {:<10} ", self.row, self.contender)?;
        match self.verdict {
            Verdict::Better(ratio) => write!(f, "{ratio:<24} better"),
            Verdict::Worse(ratio) => write!(f, "{ratio:<24} worse"),
            Verdict::NoDifference(ratio) => write!(f, "{ratio:<24} no difference"),
            Verdict::TooFewRounds(rounds) => {
                write!(f, "{rounds} rounds on one side: expected at least {LEAST_ROUNDS}")
            }
            Verdict::New => write!(f, "was not measured before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_overlap_show_no_difference() {
        let verdict = judge(&[10.0, 12.0, 11.0], &[11.5, 13.0, 14.0], true);
        let Verdict::NoDifference(ratio) = verdict else { panic!("{verdict:?}") };
        assert_eq!(ratio.median, 13.0 / 11.0);
        assert!(matches!(judge(&[1.0; 3], &[1.0; 3], true), Verdict::NoDifference(_)));
    }

    #[test]
    fn what_is_better_in_every_round_is_better() {
        let verdict = judge(&[10.0, 12.0, 11.0], &[24.0, 20.0, 22.0], true);
        let ratio = Ratio { median: 2.0, least: 20.0 / 12.0, most: 2.4 };
        assert_eq!(verdict, Verdict::Better(ratio));
        assert!(matches!(judge(&[24.0, 20.0, 22.0], &[10.0; 3], true), Verdict::Worse(_)));
    }

    #[test]
    fn less_latency_is_better() {
        let verdict = judge(&[200.0, 220.0, 210.0], &[100.0, 110.0, 105.0], false);
        let Verdict::Better(ratio) = verdict else { panic!("{verdict:?}") };
        assert_eq!(ratio.median, 2.0);
        assert!(matches!(judge(&[100.0; 3], &[200.0; 3], false), Verdict::Worse(_)));
    }

    #[test]
    fn two_rounds_tell_nothing() {
        assert_eq!(judge(&[1.0, 1.0], &[9.0; 5], true), Verdict::TooFewRounds(2));
        assert_eq!(judge(&[], &[9.0; 5], true), Verdict::TooFewRounds(0));
    }

    #[test]
    fn a_comparison_fits_on_a_line() {
        let ratio = Ratio { median: 1.234, least: 1.1, most: 1.4 };
        let (row, contender) = ("thread-1-4".into(), "adaptive".into());
        let comparison = Comparison { row, contender, verdict: Verdict::Better(ratio) };
        let words: Vec<String> =
            comparison.to_string().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.join(" "), "thread-1-4 adaptive 1.23 x (1.10 - 1.40) better");
    }
}
