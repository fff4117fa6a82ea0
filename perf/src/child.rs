//! One measurement in this process: what a child does.

#[cfg(feature = "peers")]
use crate::{contenders, own::Setup, rows};
use crate::{
    entry::{Entry, Order, Run},
    measurement::{Job, Measurement, Stop},
};

/// The length of the rehearsal, as a share of the run.
const REHEARSAL: f64 = 0.15;

/// Makes the measurement that `job` (JSON) describes and prints it as a line of JSON.
///
/// # Errors
///
/// A sentence about a job that cannot be done. A measurement that goes wrong panics.
pub fn run(job: &str) -> Result<(), String> {
    make(&serde_json::from_str(job).map_err(|error| error.to_string())?)
}

/// Makes one measurement, and prints it. Panics if a message is missing, repeated or out of order.
pub fn make(job: &Job) -> Result<(), String> {
    let (entry, order) = match &job.own {
        Some(own) => own.prepare(&job.contender, job.stop)?,
        None => known(job)?,
    };
    let (name, row) = (entry.name, order.row);
    let run = entry.run(row).ok_or_else(|| format!("'{name}' cannot run '{}'", row.name))?;
    let measurement = measure(run, &order);
    println!("{}", serde_json::to_string(&measurement).map_err(|error| error.to_string())?);
    Ok(())
}

/// A contender of the harness, and one of its rows.
#[cfg(feature = "peers")]
fn known(job: &Job) -> Result<(Entry, Order), String> {
    let row = rows::find(&job.row).ok_or_else(|| format!("no row '{}'", job.row))?;
    let entry = contenders::find(&job.contender)
        .ok_or_else(|| format!("no contender '{}'", job.contender))?;
    let order = Order { row, stop: job.stop, lossless: entry.lossless, setup: Setup::default() };
    Ok((entry, order))
}

/// Without the peers there are none.
#[cfg(not(feature = "peers"))]
fn known(job: &Job) -> Result<(Entry, Order), String> {
    Err(format!("no contender '{}': built without the feature `peers`", job.contender))
}

/// Measures, after a short rehearsal that touches the code and the allocator's memory.
fn measure(run: Run, order: &Order) -> Measurement {
    if order.row.kind.is_rehearsed() {
        run(&Order { stop: rehearsal(order.stop), ..*order });
    }
    run(order)
}

/// When the rehearsal stops.
fn rehearsal(stop: Stop) -> Stop {
    match stop {
        Stop::Seconds(seconds) => Stop::Seconds(seconds.min(1.0) * REHEARSAL),
        Stop::Messages(messages) => Stop::Messages(messages.min(1_000_000) / 10),
    }
}
