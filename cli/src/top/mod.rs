//! A live view of a running process.
//!
//! [`feed`] brings snapshots, [`history`] and [`rates`] make a [`view`] of each, [`sheets`] puts that into tables, and
//! [`screen`] draws those that [`app`] says. [`once`] prints them instead.

mod app;
mod demo;
mod feed;
mod history;
mod once;
mod rates;
mod screen;
mod sheet;
mod sheets;
mod terminal;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::io::{IsTerminal, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::exit::{Done, Exit};
use crate::top::app::App;
use crate::top::demo::Demo;
use crate::top::feed::Feed;
use crate::top::history::History;

/// The arguments of `stentor top`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process: the name of its inspector, or its id. Not needed if there is only one.
    #[arg(value_name = "NAME|PID", conflicts_with_all = ["socket", "tcp", "demo"])]
    process: Option<String>,

    /// The socket of the process, if it is not at its usual place.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["tcp", "demo"])]
    socket: Option<PathBuf>,

    /// The loopback address of the process, if it serves at one.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "demo")]
    tcp: Option<SocketAddr>,

    /// Look at a simulated load instead: no process is needed.
    #[arg(long)]
    demo: bool,

    /// Seconds between two looks.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    every: Duration,

    /// Look twice, print all tables with the rates between, and end.
    #[arg(long)]
    once: bool,

    /// With --once: print JSON.
    #[arg(long, requires = "once")]
    json: bool,

    /// Only rows that have this in one of their texts.
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "json")]
    filter: String,
}

/// Does what `args` say.
pub fn run(args: Args) -> Done {
    if !args.once && !stdout().is_terminal() {
        return Err("stdout is no terminal: expected one, or `--once`".into());
    }
    let feed = match (&args.socket, args.tcp) {
        _ if args.demo => Feed::Demo(Box::new(Demo::start()?)),
        (Some(path), _) => Feed::at_path(path)?,
        (None, Some(address)) => Feed::at_address(address)?,
        (None, None) => Feed::found(args.process.as_deref())?,
    };
    if args.once {
        return once(feed, &args);
    }
    terminal::run(&feed.stream(args.every), App::filtered(args.filter))?;
    Ok(Exit::Success)
}

/// Looks twice, and prints what there is.
fn once(mut feed: Feed, args: &Args) -> Done {
    let mut history = History::default();
    history.view(&feed.next()?);
    thread::sleep(args.every);
    let (view, mut out) = (history.view(&feed.next()?), anstream::stdout());
    match args.json {
        true => once::json(&view, &mut out)?,
        false => once::tables(&view, &args.filter, &mut out)?,
    }
    Ok(Exit::Success)
}

/// A number of seconds that makes sense.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.05..=3_600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected 0.05 to 3600".into()),
    }
}
