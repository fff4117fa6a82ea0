//! What a call of the harness runs.

use crate::{
    cli::Cli,
    contenders::{self, REFERENCE},
    entry::Entry,
    measurement::Stop,
    plan::Plan,
    remote::Backend,
    rows::{self, ROWS, Row},
};

impl Plan {
    /// What the command line asks for.
    ///
    /// # Errors
    ///
    /// A sentence about a row or contender that does not exist.
    pub fn new(cli: &Cli) -> Result<Self, String> {
        for name in &cli.contenders {
            contenders::find(name)
                .ok_or_else(|| format!("there is no contender '{name}'; see --list"))?;
        }
        let (rows, skipped): (Vec<_>, _) = chosen_rows(cli)?.into_iter().partition(can_run);
        let rows = rows.into_iter().map(|row| (row, chosen_contenders(cli, row)));
        Ok(Self {
            rows: rows.filter(|(_, contenders)| !contenders.is_empty()).collect(),
            skipped,
            rounds: cli.rounds.unwrap_or(if cli.full { 5 } else { 3 }).max(1),
            stop: stop(cli),
            own: Vec::new(),
            call: &["--job"],
        })
    }
}

/// Whether the server that a row needs is installed.
fn can_run(row: &&'static Row) -> bool {
    row.kind.backend().is_none_or(Backend::is_installed)
}

/// The rows asked for.
fn chosen_rows(cli: &Cli) -> Result<Vec<&'static Row>, String> {
    if cli.rows.is_empty() {
        return Ok(ROWS.iter().filter(|row| cli.full || row.default).collect());
    }
    let mut chosen: Vec<&'static Row> = Vec::new();
    for pattern in &cli.rows {
        let matching = rows::matching(pattern);
        if matching.is_empty() {
            return Err(format!("there is no row '{pattern}'; see --list"));
        }
        for row in matching {
            if !chosen.iter().any(|known| known.name == row.name) {
                chosen.push(row);
            }
        }
    }
    Ok(chosen)
}

/// The contenders asked for that can run `row`. Asking for rows alone means all contenders.
fn chosen_contenders(cli: &Cli, row: &Row) -> Vec<Entry> {
    let everybody = cli.full || !cli.rows.is_empty();
    let chosen = |entry: &Entry| match cli.contenders.is_empty() {
        true => everybody || entry.default,
        false => entry.name == REFERENCE || cli.contenders.iter().any(|name| name == entry.name),
    };
    contenders::all()
        .into_iter()
        .filter(|entry| chosen(entry) && entry.run(row).is_some())
        .collect()
}

/// When publishers stop.
fn stop(cli: &Cli) -> Stop {
    match (cli.messages, cli.seconds) {
        (Some(messages), _) => Stop::Messages(messages),
        (None, Some(seconds)) => Stop::Seconds(seconds),
        (None, None) => Stop::Seconds(if cli.full { 0.4 } else { 0.3 }),
    }
}
