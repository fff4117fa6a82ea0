//! One measurement in this process: what a child does.

use crate::{
    contenders,
    entry::{Order, Run},
    measurement::{Job, Measurement, Stop},
    rows,
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
    let row = rows::find(&job.row).ok_or_else(|| format!("no row '{}'", job.row))?;
    let entry = contenders::find(&job.contender)
        .ok_or_else(|| format!("no contender '{}'", job.contender))?;
    let run =
        entry.run(row).ok_or_else(|| format!("'{}' cannot run '{}'", entry.name, row.name))?;
    let order = Order { row, stop: job.stop, lossless: entry.lossless };
    let measurement = measure(run, &order);
    println!("{}", serde_json::to_string(&measurement).map_err(|error| error.to_string())?);
    Ok(())
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
