//! A service of the bridge as a process that can be killed, frozen and deployed anew.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::servers::Guardian;

/// The services' own grace period, and a little for a busy machine: one that still runs then is stuck.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// One service, and its process while it runs. Dropping it ends it.
pub(super) struct Program {
    binary: PathBuf,
    variables: Vec<(String, String)>,
    log: PathBuf,
    running: Option<(Child, Guardian)>,
}

impl Program {
    /// Starts `binary` with its log appended to `log`.
    pub(super) fn start(
        binary: PathBuf,
        variables: Vec<(String, String)>,
        log: PathBuf,
    ) -> Result<Self> {
        let mut program = Self {
            binary,
            variables,
            log,
            running: None,
        };
        program.run()?;
        Ok(program)
    }

    /// Changes a variable for the next start.
    pub(super) fn set(&mut self, (name, value): (String, String)) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value));
    }

    /// Starts it again.
    pub(super) fn run(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("open {}", self.log.display()))?;
        let folder = self.log.parent().context("a log is in a folder")?;
        let child = Command::new(&self.binary)
            .envs(self.variables.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let guardian = Guardian::over_process_group(child.id())?;
        self.running = Some((child, guardian));
        Ok(())
    }

    /// Starts it again if it ended by itself, and tells whether it had.
    pub(super) fn revive(&mut self) -> Result<bool> {
        let runs = self
            .running
            .as_mut()
            .is_some_and(|(child, _)| matches!(child.try_wait(), Ok(None)));
        if !runs {
            self.run()?;
        }
        Ok(!runs)
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        if let Some((mut child, _guardian)) = self.running.take() {
            child.kill().context("kill a service")?;
            child.wait().context("reap a service")?;
        }
        Ok(())
    }

    /// SIGSTOP, or SIGCONT.
    pub(super) fn freeze(&self, freeze: bool) -> Result<()> {
        self.signal(if freeze {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        })
    }

    /// SIGTERM; waits until it has drained, and starts it again.
    pub(super) async fn redeploy(&mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let begun = Instant::now();
        while let Some((child, _)) = &mut self.running {
            if let Some(status) = child.try_wait().context("wait for a service")? {
                let binary = self.binary.display();
                anyhow::ensure!(status.success(), "{binary} ended on SIGTERM with {status}");
                break;
            }
            anyhow::ensure!(
                begun.elapsed() < DRAIN_TIMEOUT,
                "{} does not end within {DRAIN_TIMEOUT:?} of SIGTERM",
                self.binary.display()
            );
            tokio::time::sleep(POLL).await;
        }
        self.run()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let Some((child, _)) = &self.running else {
            return Ok(());
        };
        let id = i32::try_from(child.id()).context("a process id is an i32")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("send {signal}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill().ok();
    }
}
