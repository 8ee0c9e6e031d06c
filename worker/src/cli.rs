//! The command line of the binary `worker`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use shared::config::Settings;
use shared::{command_line, config, health, lifecycle, telemetry};

use crate::commands::number::Texts;
use crate::commands::reconcile::Span;
use crate::commands::replay::ReplayFilter;
use crate::commands::waiting::{self, Limit};
use crate::commands::{self, alarm, check, directory, number, owners, reconcile, replay, resume};
use crate::startup::Application;

/// Consumes interactions from RabbitMQ and records each once in Pipedrive.
///
/// Settings come from the defaults (`worker defaults` prints them, explained), from a file, and from environment variables
/// `BRIDGE__SECTION__KEY`. Usually set are `BRIDGE__PIPEDRIVE__API_TOKEN`, `BRIDGE__BROKER__URL` and
/// `BRIDGE__REDIS__URL`.
#[derive(Debug, Parser)]
#[command(version, after_help = command_line::EXIT_CODES)]
struct Cli {
    /// A TOML file with settings that go before the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Consume and record; the default.
    Run,
    /// Check settings and connections, and print what was found.
    Check,
    /// Move dead letters back to the work queue, all or by filter.
    Replay(ReplayFilter),
    /// Send a test message to the receiver of the alarm.
    #[command(subcommand)]
    Alarm(alarm::Action),
    /// End every pause of all workers now; they pause again where its reason persists.
    #[command(long_about = resume::HELP)]
    Resume,
    /// List the messages that wait for another attempt: which, why, since when, and what comes next.
    Waiting(Limit),
    /// Compare the conversations that ended in Genesys with what is recorded. Exit code 1 when any is missing.
    Reconcile(Span),
    /// Fill the directory of Pipedrive's people, show how far it is, or compare it with Pipedrive.
    #[command(subcommand)]
    Directory(directory::Action),
    /// List the agents of the last 90 days who have no user in Pipedrive, and so own no activities. Exit code 1 when there
    /// are any.
    Owners,
    /// Show how telephone numbers are read: a line for each line of a file. Needs no service.
    Number(Texts),
    /// Ask the running worker whether it is ready; for a container's health check.
    Health,
    /// Print every setting with its default and its meaning.
    Defaults,
}

/// Reads the command line and executes the command; the exit code is the process's.
///
/// # Panics
///
/// When the system gives no threads.
#[must_use]
// One thread does more than any plan of Pipedrive takes, and waking others costs a fifth of the processor time.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    // On the heap: it holds the state of every command.
    let outcome = Box::pin(execute(Cli::parse())).await;
    command_line::end("worker", outcome.map_err(commands::failed))
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
async fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Run);
    if let Command::Defaults = command {
        print!("{}", config::DEFAULTS);
        return Ok(ExitCode::SUCCESS);
    }
    let settings = config::load(cli.config.as_deref())?;
    match command {
        Command::Run => Box::pin(run(settings)).await,
        Command::Check => {
            let is_well = check::check(&settings).await?;
            Ok(command_line::exit_code(is_well))
        }
        Command::Replay(filter) => {
            let done = replay::replay(&settings, &filter)
                .await
                .context("replay stopped")?;
            let verb = if filter.dry_run {
                "would be moved"
            } else {
                "moved"
            };
            println!(
                "{} dead letters seen, {} {verb} to the work queue",
                done.seen, done.moved
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Alarm(action) => {
            alarm::execute(&settings, action).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Resume => {
            let has_ended = Box::pin(resume::resume(&settings)).await?;
            Ok(command_line::exit_code(has_ended))
        }
        Command::Waiting(limit) => {
            waiting::waiting(&settings, limit).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Reconcile(span) => {
            let is_complete = reconcile::reconcile(&settings, &span).await?;
            Ok(command_line::exit_code(is_complete))
        }
        Command::Directory(action) => {
            let is_well = directory::execute(&settings, action).await?;
            Ok(command_line::exit_code(is_well))
        }
        Command::Owners => {
            let is_well = owners::owners(&settings).await?;
            Ok(command_line::exit_code(is_well))
        }
        Command::Number(texts) => {
            number::number(&settings, &texts)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Health => {
            health::check_health(settings.worker.listen)?;
            println!("ready");
            Ok(ExitCode::SUCCESS)
        }
        Command::Defaults => Ok(ExitCode::SUCCESS),
    }
}

async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::start_logging(&settings.log)?;
    settings.warn_of_quoted_secrets();
    let shutdown = lifecycle::shutdown_on_signal()?;
    Application::build(settings)
        .await?
        .run_until_stopped(shutdown)
        .await?;
    Ok(ExitCode::SUCCESS)
}
