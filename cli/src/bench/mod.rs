//! Measurements on this machine.

use crate::exit::Done;

/// The arguments of `stentor bench`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does what `args` say.
pub fn run(_args: Args) -> Done {
    Err("`stentor bench` is not there yet".into())
}
