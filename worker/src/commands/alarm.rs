//! `worker alarm test`: sends a message to the receiver of the alarm.

use anyhow::{Context, bail};
use clap::Subcommand;
use shared::config::Settings;

use crate::alarm;
use crate::startup::NO_RECEIVER;

/// What is done with the alarm.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Action {
    /// Send a test message to `alarm.webhook_url`. Exit code 1 unless it was delivered.
    Test,
}

/// Sends a test message.
///
/// # Errors
///
/// When no receiver is set, or it does not take the message.
#[expect(clippy::print_stdout, reason = "the answer to a command")]
pub async fn execute(settings: &Settings, action: Action) -> anyhow::Result<()> {
    let Action::Test = action;
    let Some(url) = settings.alarm.webhook_url.clone() else {
        bail!("{NO_RECEIVER}");
    };
    alarm::send_test(url, settings.redis.prefix.clone(), &settings.proxies)
        .await
        .context("the test was not delivered")?;
    println!("delivered: the receiver of alarm.webhook_url took the test");
    Ok(())
}
