//! Journals on disk.

use crate::exit::Done;

/// The arguments of `stentor journal`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does what `args` say.
pub fn run(_args: Args) -> Done {
    Err("`stentor journal` is not there yet".into())
}
