//! `ingest` and `worker` as processes of their own, as an operator runs them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::servers::{Guardian, wait_until};

/// Both connect within a second on an idle machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than the worker's grace period.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Prefix of the bridge's settings in the environment.
const SETTINGS: &str = "BRIDGE__";
/// Lines of a log that tell why a service did not start.
const LAST_LINES: usize = 15;

/// A running service. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    _guardian: Guardian,
}

impl Service {
    /// Starts the program `name`, which lies beside ours, with no settings but `settings`.
    pub(super) fn start(
        name: &'static str,
        settings: &[(&'static str, String)],
        logs: &Path,
    ) -> Result<Self> {
        let program = beside_us(name)?;
        let log = logs.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(&program);
        // Whoever has settings of a real bridge in the environment does not demonstrate with them.
        for setting in inherited_settings() {
            command.env_remove(setting);
        }
        command
            .envs(
                settings
                    .iter()
                    .map(|(variable, value)| (variable, value.as_str())),
            )
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share the log file")?)
            .stderr(output)
            // Ctrl-C is for us; they are stopped in their turn.
            .process_group(0)
            .kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let id = child.id().context("a process that has just been started")?;
        Ok(Self {
            name,
            child,
            log,
            _guardian: Guardian::over_process_group(id)?,
        })
    }

    /// Waits until the service says at `url` that it is ready.
    pub(super) async fn wait_ready(&mut self, http: &reqwest::Client, url: &str) -> Result<()> {
        let address = format!("{url}/health/ready");
        let ready = wait_until("readiness", READY_TIMEOUT, async || {
            let answer = http.get(&address).send().await?;
            let (status, body) = (answer.status().as_u16(), answer.text().await?);
            ensure!(status == 200, "{status} {body}");
            Ok(())
        });
        let outcome = tokio::select! {
            outcome = ready => outcome,
            ended = self.child.wait() => Err(anyhow::anyhow!("it ended with {}", ended?)),
        };
        outcome.with_context(|| {
            format!(
                "{} does not get ready; it said:\n{}",
                self.name,
                self.last_words()
            )
        })
    }

    /// Stops it as an operator does, and waits until it has drained.
    pub(super) async fn stop(mut self) -> Result<()> {
        let Some(id) = self.child.id() else {
            bail!("{} has ended by itself:\n{}", self.name, self.last_words());
        };
        let process = Pid::from_raw(i32::try_from(id).context("a process id is an i32")?);
        kill(process, Signal::SIGTERM).with_context(|| format!("stop {}", self.name))?;
        let ended = tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await;
        let status = ended.with_context(|| format!("{} does not stop", self.name))??;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
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

fn inherited_settings() -> impl Iterator<Item = OsString> {
    std::env::vars_os()
        .map(|(variable, _)| variable)
        .filter(|variable| variable.to_string_lossy().starts_with(SETTINGS))
}
