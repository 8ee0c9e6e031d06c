//! `with-services`: runs a command with a RabbitMQ and a Redis beside it.

use std::{
    io::{self, IsTerminal as _},
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bridge_tests::servers::{Environment, Guardian};
use clap::Parser;
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

/// A worker drains within 25 s; a command that takes longer after a signal is killed.
const GRACE: Duration = Duration::from_secs(45);

/// Runs a command with a RabbitMQ and a Redis beside it.
///
/// Servers that the environment names are used, after a check that they answer. Those it does not name are
/// started for the time of the command, on free loopback ports and temporary data: from installed programs,
/// else from packages that apt-get installs when run by root, else in Docker. They end with the command,
/// whatever ends it.
///
/// The exit code is that of the command, or 128 plus the signal that ended it.
#[derive(Parser)]
#[command(after_help = "\
Environment, read and handed on to the command:
  BRIDGE__BROKER__URL         AMQP address of the broker, such as amqp://guest:guest@localhost:5672/%2F
  BRIDGE__REDIS__URL          address of Redis, such as redis://localhost:6379/
  BRIDGE_TEST_MANAGEMENT_URL  address of the broker's management API; by default the broker's host and
                              credentials, port 15672
Environment, read:
  BRIDGE_TEST_RABBITMQ_IMAGE  start this Docker image instead of an installed RabbitMQ
  BRIDGE_TEST_REDIS_IMAGE     start this Docker image instead of an installed Redis

Examples:
  with-services cargo test --workspace
  with-services sh -c 'redis-cli -u \"$BRIDGE__REDIS__URL\" ping'
  BRIDGE_TEST_RABBITMQ_IMAGE=rabbitmq:4.2-management with-services cargo test --workspace")]
struct Arguments {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    // Listened to from the start on, so that a signal during the servers' start ends those too.
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let mut next_signal = async || {
        tokio::select! {
            _ = interrupt.recv() => Signal::SIGINT,
            _ = terminate.recv() => Signal::SIGTERM,
            _ = hang_up.recv() => Signal::SIGHUP,
        }
    };

    let environment = tokio::select! {
        environment = Environment::from_env_or_start() => environment?,
        signal = next_signal() => return Ok(exit_code(ExitStatus::from_raw(signal as i32))),
    };
    let mut running = Running::start(&arguments.command, &environment)?;
    let status = tokio::select! {
        status = running.child.wait() => status,
        signal = next_signal() => {
            running.pass_on(signal)?;
            // A second signal, or the end of the grace, ends it by force.
            tokio::select! {
                status = running.child.wait() => status,
                _ = next_signal() => running.kill().await,
                () = tokio::time::sleep(GRACE) => running.kill().await,
            }
        }
    };
    running.end_descendants();
    Ok(exit_code(status.context("wait for the command")?))
}

/// The command while it runs.
struct Running {
    child: Child,
    leader: Pid,
    /// Watches over the command's process group, if it has one of its own.
    group: Option<Guardian>,
}

impl Running {
    fn start(command: &[String], environment: &Environment) -> Result<Self> {
        // At a terminal the command stays in our group, to which the terminal sends Ctrl-C and from which it
        // reads. Elsewhere it gets its own, so that what it started ends with it.
        let has_group = !io::stdin().is_terminal();
        let mut process = Command::new(&command[0]);
        process.args(&command[1..]).envs(environment.variables());
        if has_group {
            process.process_group(0);
        }
        let child = process
            .spawn()
            .with_context(|| format!("run {}", command[0]))?;
        let id = child.id().context("a command that has just been started")?;
        Ok(Self {
            child,
            leader: Pid::from_raw(i32::try_from(id).context("a process id is an i32")?),
            group: has_group
                .then(|| Guardian::over_process_group(id))
                .transpose()?,
        })
    }

    fn pass_on(&self, signal: Signal) -> Result<()> {
        match (self.group.is_some(), signal) {
            (true, _) => killpg(self.leader, signal).context("pass on a signal"),
            // The terminal has sent it to the command as well.
            (false, Signal::SIGINT) => Ok(()),
            (false, _) => kill(self.leader, signal).context("pass on a signal"),
        }
    }

    async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.end_descendants();
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Ends what the command has left behind.
    fn end_descendants(&self) {
        if self.group.is_some() {
            // Usually nothing is left, and that is the error.
            killpg(self.leader, Signal::SIGKILL).ok();
        }
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
