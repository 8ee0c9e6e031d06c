//! `bench`: measures the bridge beside programs that do less, in one run, and writes the report.
//!
//! Absolute figures depend on the machine and on what else it does; ratios of one interleaved run depend on them little.

mod child;
mod cli;
mod crm;
mod growth;
mod ingest;
mod load;
mod machine;
mod messages;
mod peers;
mod plot;
mod progress;
mod report;
mod sample;
mod servers;
mod usage;
mod worker;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match cli::Cli::parse() {
        cli::Cli {
            peer: Some(cli::Role::Peer(peer)),
            ..
        } => peers::run(peer).await,
        cli => Box::pin(report::measure(&cli.options)).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
