//! The end-to-end performance harness of Stentor: `cargo run --release -p perf`.
//!
//! Real publishers and subscribers on this machine, side by side with the reference design and with
//! other libraries; tables and pictures at the end.

use std::{error::Error, fs, process::ExitCode};

use clap::Parser;

use perf::{
    alloc, child, cli::Cli, measurement::Job, parent, plan::Plan, report, results::Results,
};

/// Counts every allocation of the process.
#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the command line asks for.
fn run(cli: &Cli) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(job) = &cli.job {
        child::run(job)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(messages) = cli.soak {
        child::make(&Job::soak(messages))?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.list {
        print!("{}", report::listing::render());
        return Ok(ExitCode::SUCCESS);
    }
    let results = parent::run(&Plan::new(cli)?);
    print!("{}", report::terminal::render(&results));
    write_reports(cli, &results)?;
    Ok(if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Makes the text of a file.
type Render = fn(&Results) -> String;

/// Writes the files, and says where they are.
fn write_reports(cli: &Cli, results: &Results) -> Result<(), Box<dyn Error>> {
    let files = [
        (&cli.json, report::json::render as Render),
        (&cli.csv, report::csv::render),
        (&cli.markdown, report::markdown::render),
    ];
    println!();
    for (path, render) in files {
        if let Some(path) = path {
            fs::write(path, render(results))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            println!("written: {}", path.display());
        }
    }
    for path in report::chart::draw(results, &cli.charts)? {
        println!("chart: {}", path.display());
    }
    Ok(())
}
