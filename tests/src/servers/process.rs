//! A server as a process group of its own, so that all of it can be ended, frozen and continued.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
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
    wait::wait_until,
};

/// A killed process is gone within milliseconds; a loaded machine is given a little longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How a process is started, and the one running at the moment. Dropping it kills the process.
///
/// The one way in which tests, demo and campaign run a service or a server: in a process group of its own, with its output
/// in a file, and with a guardian that ends it if we are killed.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    /// Begin the names of variables that are not inherited.
    not_inherited: Option<&'static str>,
    folder: Option<PathBuf>,
    log: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
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
    /// Describes a process that appends its output to `log`. Nothing runs until [`Self::start`].
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            not_inherited: None,
            folder: None,
            log: log.into(),
            running: None,
        }
    }

    /// Describes a process whose output is of no interest.
    pub fn silent(program: impl Into<PathBuf>) -> Self {
        Self::new(program, "/dev/null")
    }

    /// The same program with more arguments.
    #[must_use]
    pub fn arguments(mut self, more: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(more.into_iter().map(Into::into));
        self
    }

    /// Adds environment variables; the last one of a name counts.
    #[must_use]
    pub fn variables(
        mut self,
        more: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Self {
        let more = more.into_iter();
        self.variables
            .extend(more.map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Does not inherit variables whose names begin so.
    #[must_use]
    pub fn without_inherited(mut self, prefix: &'static str) -> Self {
        self.not_inherited = Some(prefix);
        self
    }

    /// Runs it in a folder instead of in ours.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Changes a variable for the next start.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }

    /// Starts it, after the end of one that runs.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.kill()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("open {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        if let Some(prefix) = self.not_inherited {
            let names = std::env::vars_os().map(|(name, _)| name);
            for name in names.filter(|name| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut child = command
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

    /// Sends SIGTERM to the process alone, not to what it started. Does nothing when it has ended.
    ///
    /// # Errors
    ///
    /// When the signal cannot be sent.
    pub fn terminate(&mut self) -> Result<()> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        match kill(running.group()?, Signal::SIGTERM) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).context("send SIGTERM"),
        }
    }

    /// Waits until it has ended by itself or on a signal.
    ///
    /// # Errors
    ///
    /// When it does not run, or not end within `limit`.
    pub async fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.program.display().to_string();
        let Some(running) = &mut self.running else {
            bail!("{name} does not run");
        };
        let status = wait_until("the end of a process", limit, async || {
            let ended = running.child.try_wait().context("wait for a process")?;
            ended.with_context(|| format!("{name} still runs"))
        });
        let status = status.await?;
        self.running = None;
        Ok(status)
    }

    /// Ends it and all that it started with SIGKILL, and waits until they are gone. Does nothing when it has ended.
    ///
    /// # Errors
    ///
    /// When one of them survives.
    pub fn kill(&mut self) -> Result<()> {
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

    /// Freezes it and all that it started.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.signal_group(Signal::SIGSTOP)
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.signal_group(Signal::SIGCONT)
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        let running = self.running.as_mut();
        running.is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// Its output so far, of all its starts.
    #[must_use]
    pub fn output(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The last lines of its output.
    #[must_use]
    pub fn last_words(&self) -> String {
        tail(&self.output())
    }

    /// Waits for a line of its output in which `find` finds something.
    ///
    /// # Errors
    ///
    /// When there is none within `limit`; with the output.
    pub async fn wait_for_line<T>(
        &self,
        awaited: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        wait_until(awaited, limit, async || {
            let output = self.output();
            output.lines().find_map(&find).context(output.clone())
        })
        .await
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
        self.start()
    }

    // To the leader alone: RabbitMQ's start script passes it on, and Erlang's helpers, which are in the same group, must
    // not end before the virtual machine does.
    fn terminate(&mut self) -> Result<()> {
        self.terminate()
    }

    fn kill(&mut self) -> Result<()> {
        self.kill()
    }

    fn pause(&mut self) -> Result<()> {
        self.pause()
    }

    fn resume(&mut self) -> Result<()> {
        self.resume()
    }

    fn is_running(&mut self) -> bool {
        self.is_running()
    }

    fn last_words(&self) -> String {
        self.last_words()
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
