//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::peers::Peer;

/// Measures `ingest` and the worker beside programs that do less, in one interleaved run, and writes the report.
///
/// Starts a RabbitMQ and a Redis of its own on loopback, and a CRM that answers at once. In every round each program runs
/// once, so that what else the machine does meets all of them; the figures are the medians of the rounds. On a busy
/// machine only the ratios mean something.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  make bench                                       all parts, three rounds, about 20 minutes; writes docs/performance
  make bench BENCH='--quick'                       a first impression in two minutes, on standard output
  make bench BENCH='--only ingest --rounds 5'
  make bench BENCH='--only ingest --ours before=/tmp/old --ours after=target/release'
                                                   two builds of the bridge: folders with the binaries ingest and worker
The peers in Node need node and npm; without them they are left out.")]
pub struct Cli {
    /// What to measure.
    #[command(flatten)]
    pub options: Options,

    /// The role of a child process.
    #[command(subcommand)]
    pub peer: Option<Role>,
}

/// The roles of child processes.
#[derive(Subcommand)]
pub enum Role {
    /// Run one of the programs to compare with; the benchmark starts them itself.
    #[command(subcommand, hide = true)]
    Peer(Peer),
}

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Short windows, one round and few messages; prints the report unless `--report` is given.
    #[arg(long)]
    pub quick: bool,

    /// The parts to measure, separated by commas.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', default_values = ["ingest", "worker", "growth"])]
    pub only: Vec<Part>,

    /// How often each program runs; 1 with `--quick`, else 3.
    #[arg(long)]
    pub rounds: Option<usize>,

    /// A build of the bridge: a name, and the folder with its `ingest` and `worker`. Usually the folder of this program.
    #[arg(long, value_name = "NAME=FOLDER", value_parser = build)]
    pub ours: Vec<Build>,

    /// Grows the backlog, the done markers and the directory to a million. Takes about fifteen minutes more.
    #[arg(long)]
    pub million: bool,

    /// Leaves out the peers in Node.
    #[arg(long)]
    pub without_node: bool,

    /// The folder of the report; docs/performance unless `--quick`.
    #[arg(long, value_name = "FOLDER")]
    pub report: Option<PathBuf>,
}

/// A part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Webhooks in.
    Ingest,
    /// Messages out.
    Worker,
    /// Large backlogs, many done markers, many people.
    Growth,
}

/// A build of the bridge.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its name in the report.
    pub name: String,
    /// The folder of its binaries.
    pub folder: PathBuf,
}

impl Options {
    /// How often each program runs.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// The builds to measure: those named, or the one beside this program.
    pub fn builds(&self) -> anyhow::Result<Vec<Build>> {
        if !self.ours.is_empty() {
            return Ok(self.ours.clone());
        }
        let program = std::env::current_exe()?;
        let folder = program.parent().map(PathBuf::from).unwrap_or_default();
        Ok(vec![Build {
            name: "ours".to_owned(),
            folder,
        }])
    }
}

fn build(text: &str) -> Result<Build, String> {
    let (name, folder) = text.split_once('=').ok_or("write NAME=FOLDER")?;
    let folder = PathBuf::from(folder);
    for program in ["ingest", "worker"] {
        if !folder.join(program).is_file() {
            return Err(format!("{} has no program {program}", folder.display()));
        }
    }
    Ok(Build {
        name: name.to_owned(),
        folder,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_build_needs_a_name_and_both_programs() {
        assert!(build("nameless").is_err());
        assert!(build("empty=/nonexistent").is_err());
    }
}
