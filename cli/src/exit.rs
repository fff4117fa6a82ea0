//! How a command ends: what it found, and what its exit code says.

use std::{error::Error, io, process::ExitCode};

use crate::style;

/// Shown below the help.
pub const HELP: &str = "\
Exit codes: 0 done; 1 failed, stderr says why; 2 the command line is wrong; 3 done, and something is wrong with \
what was looked at.";

/// What an entry returns. Whatever its error says is printed; messages name the value and what was expected.
pub type Done = Result<Exit, Box<dyn Error>>;

/// How a command ended. (The code 2 is clap's: the command line is wrong.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Success,
    /// It could not.
    Failure,
    /// It did, and something is wrong with what it looked at.
    Finding,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::Finding => Self::from(3),
        }
    }
}

/// Prints an error. A reader that went away (`stentor … | head`) is none.
pub fn report(done: Done) -> Exit {
    done.unwrap_or_else(|error| {
        if is_broken_pipe(&*error) {
            return Exit::Success;
        }
        let (style, reset) = (style::ERROR, style::ERROR.render_reset());
        anstream::eprintln!("{style}error{reset}: {error}");
        Exit::Failure
    })
}

/// Whether the reader of standard output has gone.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        assert_eq!(report(Err(io::Error::from(io::ErrorKind::BrokenPipe).into())), Exit::Success);
        assert_eq!(report(Err(io::Error::from(io::ErrorKind::NotFound).into())), Exit::Failure);
    }
}
