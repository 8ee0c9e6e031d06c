//! A service of the bridge as a process that can be killed, frozen and deployed anew.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::servers::Process;

/// The services' own grace period, and a little for a busy machine: one that still runs then is stuck.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// One service. Dropping it ends it.
pub(super) struct Program(Process);

impl Program {
    /// Starts `binary` with its output appended to `log`, in the folder of that.
    pub(super) fn start(
        binary: PathBuf,
        variables: Vec<(String, String)>,
        log: PathBuf,
    ) -> Result<Self> {
        let folder = log.parent().context("a log is in a folder")?.to_owned();
        let process = Process::new(binary, log).variables(variables);
        let mut program = Self(process.folder(folder));
        program.run()?;
        Ok(program)
    }

    /// Changes a variable for the next start.
    pub(super) fn set(&mut self, (name, value): (String, String)) {
        self.0.set(name, value);
    }

    /// Starts the process again.
    pub(super) fn run(&mut self) -> Result<()> {
        self.0.start()
    }

    /// Starts it again if it ended by itself. Answers whether it had.
    pub(super) fn revive(&mut self) -> Result<bool> {
        let runs = self.0.is_running();
        if !runs {
            self.run()?;
        }
        Ok(!runs)
    }

    /// Ends it with SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill()
    }

    /// Freezes it, or lets it go on. Does nothing when it has ended.
    pub(super) fn freeze(&mut self, freeze: bool) -> Result<()> {
        if !self.0.is_running() {
            return Ok(());
        }
        if freeze {
            self.0.pause()
        } else {
            self.0.resume()
        }
    }

    /// Sends SIGTERM, waits until it has drained, and starts it again.
    pub(super) async fn redeploy(&mut self) -> Result<()> {
        if self.0.is_running() {
            self.0.terminate()?;
            let ended = self.0.wait_for_end(DRAIN_TIMEOUT).await;
            let status = ended.context("a service does not end on SIGTERM")?;
            ensure!(status.success(), "a service ended on SIGTERM with {status}");
        }
        self.run()
    }
}
