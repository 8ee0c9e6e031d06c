//! `ingest` and `worker` as processes of their own, as an operator runs them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::servers::{Process, wait_until};

/// Both connect within a second on an idle machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than the worker's grace period.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Prefix of the bridge's settings in the environment.
const SETTINGS: &str = "BRIDGE__";

/// A running service. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    process: Process,
}

impl Service {
    /// Starts the program `name`, which lies beside ours, with no settings but `settings`.
    pub(super) fn start(
        name: &'static str,
        settings: &[(&'static str, String)],
        logs: &Path,
    ) -> Result<Self> {
        let process = Process::new(beside_us(name)?, logs.join(format!("{name}.log")));
        let mut process = process
            // Settings of a real bridge in the environment are not for a demonstration.
            .without_inherited(SETTINGS)
            .variables(settings.iter().map(|(name, value)| (name, value)));
        process.start()?;
        Ok(Self { name, process })
    }

    /// Waits until the service answers at `url` that it is ready.
    pub(super) async fn wait_ready(&mut self, http: &reqwest::Client, url: &str) -> Result<()> {
        let address = format!("{url}/health/ready");
        let ready = wait_until("readiness", READY_TIMEOUT, async || {
            if !self.process.is_running() {
                return Ok(Err(anyhow::anyhow!("it has ended")));
            }
            let answer = http.get(&address).send().await?;
            let (status, body) = (answer.status().as_u16(), answer.text().await?);
            ensure!(status == 200, "{status} {body}");
            Ok(Ok(()))
        });
        ready.await.flatten().with_context(|| {
            format!(
                "{} does not get ready; its log ends with:\n{}",
                self.name,
                self.last_words()
            )
        })
    }

    /// Stops it as an operator does, and waits until it has drained.
    pub(super) async fn stop(&mut self) -> Result<()> {
        if !self.process.is_running() {
            bail!("{} has ended by itself:\n{}", self.name, self.last_words());
        }
        self.process.terminate()?;
        let ended = self.process.wait_for_end(STOP_TIMEOUT).await;
        let status = ended.with_context(|| format!("{} does not stop", self.name))?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        self.process.last_words()
    }
}

/// A program of this workspace, built with this one.
pub(super) fn beside_us(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    let program = own.with_file_name(name);
    ensure!(
        program.is_file(),
        "{} is missing: run `make demo`, or `cargo build --bins` before",
        program.display()
    );
    Ok(program)
}
