//! Runs a chaos campaign; see `bridge_tests::campaign`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bridge_tests::campaign::plan::Size;
use bridge_tests::campaign::{self, Options};
use clap::Parser;

/// Proves that the bridge loses nothing and writes nothing twice, by breaking everything around it.
///
/// Starts a RabbitMQ, a Redis, a Pipedrive sandbox, `ingest` and workers, all private and on loopback; sends thousands
/// of interactions while processes and servers are killed and frozen, connections are cut and stalled, and Pipedrive
/// misbehaves; waits until all is quiet, and checks the whole history. The report goes to standard output.
#[derive(Parser)]
#[command(after_help = "\
Exit code: 0 the promise was kept, 1 it was broken (what, and where the evidence is, is said), 2 the campaign failed.

The same seed and numbers give the same traffic, faults and times. To run one again:
  make chaos CHAOS='--seed 7 --interactions 500 --faults 20 --duration 1m'
Without any fault, to compare with:
  make chaos CHAOS='--calm'
The long one, whose report is committed:
  make chaos CHAOS_PROFILE=release CHAOS='--seed 20 --interactions 21500 --faults 240 --duration 21m \
    --report docs/reliability/long-run.md'")]
struct Arguments {
    /// Decides every choice. With an odd one the bridge is an app with OAuth tokens, with an even one it has an API token.
    /// Where half of it, rounded down, is odd, the workers keep a directory of people.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many interactions; each has one to three events, and one event in eight is sent twice.
    #[arg(long, default_value_t = 3_000)]
    interactions: usize,

    /// How many faults of processes, servers and network. Those of Pipedrive come on top, by chance.
    #[arg(long, default_value_t = 40)]
    faults: usize,

    /// Over which time all that is spread, such as `90s` or `20m`.
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = humantime::parse_duration)]
    duration: Duration,

    /// How many workers compete.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    workers: u8,

    /// Whether the workers keep a directory of people, whatever the seed says.
    #[arg(long, value_name = "BOOL")]
    directory: Option<bool>,

    /// Pipedrive's search finds no person: only the directory does.
    #[arg(long)]
    blind_search: bool,

    /// How long a record waits for the other events of its conversation: `0s`, `1s`, `2s` or `5s`. Where nothing is said,
    /// 2 s, and 0 s with one seed in four.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    settle_delay: Option<Duration>,

    /// Whether Genesys is asked for names, conversations and recordings, and fails now and then.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    genesys: bool,

    /// How long after the last fault everything may take to settle. A message that RabbitMQ was just moving from a retry
    /// queue when it was struck is tried again by it after three minutes.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    patience: Duration,

    /// No faults at all.
    #[arg(long)]
    calm: bool,

    /// Writes the report there too.
    #[arg(long, value_name = "PATH")]
    report: Option<PathBuf>,
}

/// Argument of `make` that selects this build.
const PROFILE: &str = if cfg!(debug_assertions) {
    ""
} else {
    "CHAOS_PROFILE=release "
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let given: Vec<String> = std::env::args().skip(1).collect();
    let options = Options {
        seed: arguments.seed,
        size: Size {
            interactions: arguments.interactions,
            strikes: if arguments.calm { 0 } else { arguments.faults },
            duration: arguments.duration,
            workers: usize::from(arguments.workers),
            directory: arguments.directory,
            blind_search: arguments.blind_search,
            settle_delay: arguments.settle_delay,
            genesys: arguments.genesys,
        },
        patience: arguments.patience,
        misbehaves: !arguments.calm,
        report: arguments.report,
        command: format!("make chaos {PROFILE}CHAOS='{}'", given.join(" ")),
    };
    match campaign::run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}
