//! Finding the servers on this machine, and installing them where that is possible.

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;

use super::{container::docker, host::tail};

/// A server that the bridge needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// RabbitMQ, the message broker.
    RabbitMq,
    /// The store of leases and records.
    Redis,
}

/// Where a server comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A program on this machine.
    Program(PathBuf),
    /// A container of this image.
    Image(String),
}

impl Server {
    /// The package that holds it, in Debian, Ubuntu and their like.
    fn package(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq-server",
            Self::Redis => "redis-server",
        }
    }

    /// The environment variable that asks for a container of a certain image, whatever is installed, and the
    /// image used where nothing is: that of docker-compose.yml.
    fn image(self) -> (&'static str, &'static str) {
        match self {
            Self::RabbitMq => ("BRIDGE_TEST_RABBITMQ_IMAGE", "rabbitmq:4.2-management"),
            Self::Redis => ("BRIDGE_TEST_REDIS_IMAGE", "redis:8.2"),
        }
    }

    /// Finds the server's program.
    fn program(self) -> Option<PathBuf> {
        match self {
            // Debian's `/usr/sbin/rabbitmq-server` switches to a user of its own; this is what it then runs.
            Self::RabbitMq => Some(PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server"))
                .filter(|program| program.is_file())
                .or_else(|| find_program("rabbitmq-server")),
            Self::Redis => find_program("redis-server"),
        }
    }

    fn wanted_image(self) -> Option<String> {
        variable(self.image().0)
    }

    /// Where the server comes from on this machine as it is.
    pub(super) fn origin(self) -> Result<Origin> {
        if let Some(image) = self.wanted_image() {
            return Ok(Origin::Image(image));
        }
        if let Some(program) = self.program() {
            return Ok(Origin::Program(program));
        }
        if has_docker() {
            return Ok(Origin::Image(self.image().1.to_owned()));
        }
        bail!(
            "{} is not installed, and Docker does not answer",
            self.package()
        )
    }
}

/// Makes sure that the servers can be started: from programs found here, else from packages installed with
/// `apt-get` by root, else in Docker.
///
/// What takes time is said on standard error.
///
/// # Errors
///
/// Returns an error that says what to install if none of these is possible.
pub fn ensure_installed(servers: &[Server]) -> Result<()> {
    let missing: Vec<_> = servers
        .iter()
        .filter(|server| server.wanted_image().is_none() && server.program().is_none())
        .map(|server| server.package())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let has_apt = find_program("apt-get").is_some();
    if has_apt && Uid::effective().is_root() {
        eprintln!("Installing {packages} with apt-get; this takes about a minute.");
        return install(&missing).with_context(|| format!("install {packages}"));
    }
    if has_docker() {
        return Ok(());
    }
    let advice = if has_apt {
        format!("install them with `sudo apt-get install {packages}`")
    } else {
        "install RabbitMQ (3.10 or later) and Redis (6.2 or later)".to_owned()
    };
    bail!(
        "{packages}: not found, and neither is a Docker that answers. Either {advice}, or start Docker, or \
         name running servers in BRIDGE__BROKER__URL and BRIDGE__REDIS__URL"
    )
}

/// A program that some tests need and no service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Checks and tests alert rules.
    Promtool,
    /// Chromium, the browser.
    Chromium,
    /// The program that drives the browser.
    Chromedriver,
    /// Speaks every version of TLS.
    Openssl,
    /// Watches what a process asks of the system.
    Strace,
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Self::Promtool => "promtool",
            Self::Chromium => "chromium",
            Self::Chromedriver => "chromedriver",
            Self::Openssl => "openssl",
            Self::Strace => "strace",
        }
    }

    /// The package that holds it, in Debian.
    fn package(self) -> &'static str {
        match self {
            Self::Promtool => "prometheus",
            Self::Chromium => "chromium",
            Self::Chromedriver => "chromium-driver",
            Self::Openssl => "openssl",
            Self::Strace => "strace",
        }
    }
}

/// Whether the tools are there, installed just now where that was possible. Where they are not, says what is missing, and
/// that a test is skipped for it.
///
/// # Panics
///
/// Panics in CI, where nothing is to be skipped.
#[must_use]
pub fn has_tools(tools: &[Tool]) -> bool {
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| find_program(tool.program()).is_none())
        .map(|tool| tool.package())
        .collect();
    if missing.is_empty() {
        return true;
    }
    let packages = missing.join(" ");
    let reason = if find_program("apt-get").is_some() && Uid::effective().is_root() {
        eprintln!("Installing {packages} with apt-get; this takes a minute or two.");
        match install(&missing) {
            Ok(()) => return true,
            Err(error) => format!("{packages} cannot be installed: {error:#}"),
        }
    } else {
        format!("missing: install them with `sudo apt-get install {packages}`")
    };
    assert!(variable("CI").is_none(), "{reason}");
    skipped("a test", &reason);
    false
}

/// Says that a check was left out, and why. Not by a print macro: what these write, the test runner keeps to itself.
///
/// # Panics
///
/// Panics if standard error is closed.
pub fn skipped(check: &str, reason: &str) {
    let line = format!("SKIPPED {check}: {reason}\n");
    let written = io::stderr().write_all(line.as_bytes());
    written.expect("standard error is open");
}

/// Reads a variable of the environment; an empty one counts as none.
#[expect(
    clippy::disallowed_methods,
    reason = "decides where the bridge's settings will point"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Finds a program in `PATH`, or where system administration's programs are, which not every `PATH` has.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| Path::is_file(program))
}

/// Whether a Docker daemon answers.
fn has_docker() -> bool {
    find_program("docker").is_some() && docker(&["version"]).is_ok()
}

fn install(packages: &[&str]) -> Result<()> {
    // Lists that are there may do; where they are old or missing, a second try with new ones decides.
    if apt_get(&["install"], packages).is_err() {
        apt_get(&["update"], &[])?;
        apt_get(&["install"], packages)?;
    }
    Ok(())
}

fn apt_get(command: &[&str], packages: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        // Another apt-get may run; a minute or two later it is done.
        .args(["-q", "-y", "-o", "DPkg::Lock::Timeout=180"])
        .args(command)
        .arg("--no-install-recommends")
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("run apt-get")?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "apt-get {} ended with {}:\n{}",
            command.join(" "),
            output.status,
            tail(&String::from_utf8_lossy(&said))
        );
    }
    Ok(())
}
