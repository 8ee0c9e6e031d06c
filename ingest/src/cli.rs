//! The command line of the binary `ingest`: arguments, logging, runtime.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shared::config::{self, Settings};
use shared::{command_line, lifecycle, telemetry};

use crate::commands::check;
use crate::commands::setup::{self, Address, Setup};
use crate::startup::Application;
use crate::tls::client;

/// Accepts Genesys Cloud webhooks and queues them in RabbitMQ for the worker.
///
/// Without a command it serves until SIGTERM or SIGINT: POST /api/v1/genesys/webhook, /health/live, /health/ready, and for
/// operators /metrics. A webhook is answered 200 once RabbitMQ has confirmed that it is stored. While RabbitMQ is away,
/// webhooks are stored in a spool on disk; without a spool they are answered 503.
#[derive(Parser)]
#[command(version, after_help = help())]
struct Arguments {
    /// TOML file with settings of your own; environment variables (BRIDGE__…) override it.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

fn help() -> String {
    format!("{EXAMPLES}\n\n{}", command_line::EXIT_CODES)
}

const EXAMPLES: &str = "\
Settings are explained, each with its default, by `ingest defaults`. The first ones to set:
  BRIDGE__INGEST__LISTEN=0.0.0.0:8080         where webhooks arrive; beyond this machine only with
  BRIDGE__INGEST__TLS__CERTIFICATE=… …__KEY=…   PEM files, or BRIDGE__INGEST__PLAIN_HTTP=true behind a proxy
  BRIDGE__INGEST__AUTH__TOKENS=new,previous   secrets of the senders (or …__TOKENS_FILE=/run/secrets/token)
  BRIDGE__BROKER__URL=amqp://user:password@host:5672/vhost
  BRIDGE__INGEST__SPOOL__PATH=/var/lib/bridge/spool.sqlite   stores webhooks while RabbitMQ is away

Try it:
  curl -i http://127.0.0.1:8080/api/v1/genesys/webhook -H 'Authorization: Bearer new' \\
    -d '{\"data\":{\"id\":\"call-1\",\"channelType\":\"voice\",\"phoneNumber\":\"+15550123456\",\"duration\":42}}'";

const SETUP_EXAMPLES: &str = "\
Which way? With an AWS account, eventbridge: events that cannot be delivered are kept and sent again for a day. Without
one, trigger: a workflow posts each event once. The guide's own webhook exists only if you build its sender.
Secrets are named, never printed. Channels are those of the settings (BRIDGE__INGEST__CHANNELS).

  ingest setup eventbridge --url https://calls.example.com --format terraform > bridge.tf
  ingest setup eventbridge --url https://calls.example.com --organization ID --region eu-central-1 > bridge.sh
  ingest setup trigger --url https://calls.example.com
  ingest setup trigger --url https://calls.example.com --only data-action > data-action.json
  ingest setup guide --url https://calls.example.com --only subscription

docs/SETUP.md explains each way step by step, and how to test it.";

#[derive(Subcommand)]
enum Command {
    /// Accept and queue webhooks; the default.
    Run,
    /// Check settings, certificate and connections, and print what was found.
    Check {
        /// Where ingest is reached from outside, such as `https://calls.example.com`: its certificate must be for that
        /// host. Where ingest speaks plain HTTP, the certificate that this address presents is checked.
        #[arg(long, value_name = "URL")]
        url: Option<Address>,
    },
    /// Print what has to be created in Genesys Cloud and AWS so that events arrive, filled with your address.
    #[command(after_help = SETUP_EXAMPLES)]
    Setup {
        /// Which of the three ways.
        #[command(subcommand)]
        way: Setup,
    },
    /// Ask the running service whether it is ready; for container health checks.
    Health,
    /// Print every setting with its default and its meaning.
    Defaults,
}

/// Reads the command line and executes the command; the exit code is the process's.
#[must_use]
pub fn main() -> ExitCode {
    command_line::end("ingest", run(&Arguments::parse()))
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let command = arguments.command.as_ref().unwrap_or(&Command::Run);
    if let Command::Defaults = command {
        print!("{}", config::DEFAULTS);
        return Ok(ExitCode::SUCCESS);
    }
    let settings = config::load(arguments.config.as_deref())?;
    match command {
        Command::Run => serve(&settings),
        Command::Check { url } => {
            let mut out = std::io::stdout();
            let is_sound = runtime()?.block_on(check::run(&settings, url.as_ref(), &mut out))?;
            Ok(command_line::exit_code(is_sound))
        }
        Command::Setup { way } => {
            setup::run(way, &settings.ingest, &mut std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Health => {
            client::check_health(&settings.ingest)?;
            println!("ready");
            Ok(ExitCode::SUCCESS)
        }
        Command::Defaults => Ok(ExitCode::SUCCESS),
    }
}

fn serve(settings: &Settings) -> anyhow::Result<ExitCode> {
    telemetry::start_logging(&settings.log)?;
    settings.warn_of_quoted_secrets();
    settings.warn_of_cut_secrets();
    if let Err(error) = settings.check_published_secrets() {
        // The address of Pipedrive is the default: only the worker knows whether it is used.
        tracing::warn!("{error}");
    }
    runtime()?.block_on(async {
        let shutdown = lifecycle::shutdown_on_signal()?;
        let application = Application::build(settings).await?;
        application.run_until_stopped(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Requests run on actix' own threads; this one starts and stops them and runs the background tasks.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
