//! The drivers: one for each kind of row, the same for all contenders.

pub mod actors;
pub mod adds;
pub mod alone;
pub mod churn;
pub mod idle;
pub mod latency;
pub mod nobody;
pub mod poll;
pub mod remote;
pub mod request;
pub mod slow;
pub mod tasks;
pub mod threads;

mod meter;
mod pace;
mod publishing;
mod runtime;
