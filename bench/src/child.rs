//! A program under measurement, as a process of its own that ends with this one.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bridge_tests::servers::{Guardian, wait_until};
use tokio::net::TcpStream;

use crate::usage::Usage;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills the process.
pub struct Child {
    process: Process,
    name: String,
    log: PathBuf,
    _guardian: Guardian,
}

impl Child {
    /// Starts a command, with its output in a file of `folder`.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{}.log", name.replace(' ', "-")));
        let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let process = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let guardian = Guardian::over_process_group(process.id())?;
        Ok(Self {
            process,
            name: name.to_owned(),
            log,
            _guardian: guardian,
        })
    }

    /// Waits until it accepts connections.
    pub async fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let what = format!("{} to listen", self.name);
        let listening = wait_until(&what, START_LIMIT, async || {
            TcpStream::connect(address).await.map(drop)?;
            anyhow::Ok(())
        });
        listening.await.with_context(|| self.output())
    }

    /// Waits until it has ended, and returns its output.
    pub async fn finish(&mut self, limit: Duration) -> Result<String> {
        let name = self.name.clone();
        let process = &mut self.process;
        let ended = wait_until("the end of a program", limit, async || {
            let ended = process.try_wait()?;
            ended.with_context(|| format!("{name} still runs"))
        });
        let status = ended.await?;
        if !status.success() {
            bail!("{} ended with {status}: {}", self.name, self.output());
        }
        Ok(self.output())
    }

    /// What it used so far.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.id()).with_context(|| format!("{}: {}", self.name, self.output()))
    }

    /// Its output so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
