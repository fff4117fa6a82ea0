//! A live view of a running process.

use crate::exit::Done;

/// The arguments of `stentor top`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does what `args` say.
pub fn run(_args: Args) -> Done {
    Err("`stentor top` is not there yet".into())
}
