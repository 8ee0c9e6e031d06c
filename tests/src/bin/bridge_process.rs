//! `ingest` or the worker as a process of its own, for tests that look at what a process says.

use std::process::ExitCode;

use anyhow::{Context, bail};
use shared::{config, lifecycle, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let service = std::env::args().nth(1).context("which service?")?;
    let settings = config::load(None)?;
    telemetry::start_logging(&settings.log)?;
    let shutdown = lifecycle::shutdown_on_signal()?;
    match service.as_str() {
        "ingest" => {
            let application = ingest::startup::Application::build(&settings).await?;
            application.run_until_stopped(shutdown).await?;
        }
        "worker" => {
            let application = worker::startup::Application::build(settings).await?;
            application.run_until_stopped(shutdown).await?;
        }
        other => bail!("there is no service {other}"),
    }
    Ok(ExitCode::SUCCESS)
}
