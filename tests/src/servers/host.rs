//! What a private server runs in: a process of ours or a container, driven alike.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::wait::wait_until;

/// A server that can be started, ended, frozen and started again on the same data.
pub(super) trait Host: Send + Sync {
    /// Starts the server; its data and addresses are those of the last time.
    fn start(&mut self) -> Result<()>;

    /// Asks the server to end in good order.
    fn terminate(&mut self) -> Result<()>;

    /// Ends the server at once, as a power cut would. Does nothing when it has ended.
    fn kill(&mut self) -> Result<()>;

    /// Freezes the server: its connections stay open and nothing answers.
    fn pause(&mut self) -> Result<()>;

    /// Lets a frozen server go on.
    fn resume(&mut self) -> Result<()>;

    /// Whether the server still runs, frozen or not.
    fn is_running(&mut self) -> bool;

    /// The last lines that the server said.
    fn last_words(&self) -> String;
}

/// Ends a server in good order, and by force if it has not ended after `grace`.
pub(super) async fn stop(host: &mut dyn Host, grace: Duration) -> Result<()> {
    if host.is_running() {
        host.terminate()?;
        let ended = wait_until("the end of the server", grace, async || {
            anyhow::ensure!(!host.is_running(), "it still runs");
            Ok(())
        });
        ended.await.ok();
    }
    host.kill()
}

/// Waits until `check` succeeds. The error says what was missing, and has the end of the server's log, if it ends or takes
/// longer than `timeout`.
pub(super) async fn wait_ready(
    host: &mut dyn Host,
    name: &str,
    timeout: Duration,
    check: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let start = format!("{name}'s start");
    let ready = wait_until(&start, timeout, async || {
        if !host.is_running() {
            return Ok(Err(anyhow!("{name} ended while starting")));
        }
        check().await?;
        Ok(Ok(()))
    });
    ready
        .await
        .flatten()
        .with_context(|| format!("{name}'s log ends with:\n{}", host.last_words()))
}

/// The end of a server's log: enough to see why it did not start.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
