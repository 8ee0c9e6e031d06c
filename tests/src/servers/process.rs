//! A server as a process group of its own, so that all of it can be ended, frozen and continued.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::{
    guardian::Guardian,
    host::{Host, tail},
};

/// A killed process is gone within milliseconds; a loaded machine is given a little longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How a process is started, and the one running at the moment.
pub(super) struct Process {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    log: PathBuf,
    running: Option<Running>,
}

struct Running {
    /// The leader of the process group.
    child: Child,
    _guardian: Guardian,
}

impl Running {
    fn group(&self) -> Result<Pid> {
        let id = i32::try_from(self.child.id()).context("a process id is an i32")?;
        Ok(Pid::from_raw(id))
    }
}

impl Process {
    /// Describes a process that writes what it says to `log`. Nothing runs until `start`.
    pub(super) fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = OsString>,
        variables: Vec<(&'static str, OsString)>,
        log: PathBuf,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            variables,
            log,
            running: None,
        }
    }

    fn signal_group(&self, signal: Signal) -> Result<()> {
        let Some(running) = &self.running else {
            bail!("{} does not run", self.program.display());
        };
        killpg(running.group()?, signal)
            .with_context(|| format!("send {signal} to {}", self.program.display()))
    }
}

impl Host for Process {
    fn start(&mut self) -> Result<()> {
        self.kill()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("open {}", self.log.display()))?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log file")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        match Guardian::over_process_group(child.id()) {
            Ok(guardian) => {
                self.running = Some(Running {
                    child,
                    _guardian: guardian,
                });
                Ok(())
            }
            Err(unguarded) => {
                child.kill().ok();
                Err(unguarded)
            }
        }
    }

    fn terminate(&mut self) -> Result<()> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        // To the leader alone: RabbitMQ's start script passes it on, and Erlang's helpers, which are in
        // the same group, must not end before the virtual machine does.
        match kill(running.group()?, Signal::SIGTERM) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).context("send SIGTERM"),
        }
    }

    fn kill(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let group = running.group()?;
        match killpg(group, Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).context("send SIGKILL"),
        }
        running.child.wait().context("reap a killed process")?;
        let killed = Instant::now();
        while has_members(group) {
            if killed.elapsed() > KILL_TIMEOUT {
                bail!("processes of {} survive SIGKILL", self.program.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<()> {
        self.signal_group(Signal::SIGSTOP)
    }

    fn resume(&mut self) -> Result<()> {
        self.signal_group(Signal::SIGCONT)
    }

    fn is_running(&mut self) -> bool {
        let running = self.running.as_mut();
        running.is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        tail(&String::from_utf8_lossy(&log))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Whether any process of the group is alive. One that has ended and was not reaped by its parent is not; one
/// whose other threads are still ending is, and so are its sockets.
fn has_members(group: Pid) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else {
        // No such folder on this system: the leader is reaped, and the others got the same signal.
        return false;
    };
    processes.flatten().any(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent group …`, see proc(5); the name may contain anything, even a bracket.
        let Some((_, fields)) = stat.rsplit_once(") ") else {
            return false;
        };
        let fields: Vec<_> = fields.split(' ').collect();
        let [state, _parent, its_group, ..] = fields[..] else {
            return false;
        };
        let threads = fields.get(17).copied();
        its_group == group.to_string() && (!matches!(state, "Z" | "X") || threads != Some("1"))
    })
}
