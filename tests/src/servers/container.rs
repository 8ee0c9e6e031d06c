//! A server in a Docker container, for machines that have Docker but not the server.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use uuid::Uuid;

use super::{
    guardian::Guardian,
    host::{Host, tail},
};

/// A container: kept over a kill, with its data, and removed with its volumes at the end.
pub(super) struct Container {
    name: String,
    arguments: Vec<String>,
    guardian: Option<Guardian>,
}

impl Container {
    /// Describes a container of `image`; `options` are those of `docker run`. Nothing runs until `start`.
    pub(super) fn new(image: &str, options: &[String], command: &[String]) -> Self {
        let name = format!("bridge-{}", Uuid::new_v4().simple());
        let arguments = ["run", "--detach", "--name", &name]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .chain([image])
            .chain(command.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        Self {
            name,
            arguments,
            guardian: None,
        }
    }

    /// Its name, for `docker exec`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Host for Container {
    fn start(&mut self) -> Result<()> {
        if self.guardian.is_some() {
            return docker(&["start", &self.name]).map(drop);
        }
        self.guardian = Some(Guardian::start(
            r#"docker rm --force --volumes "$SUBJECT""#,
            &self.name,
        )?);
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        docker(&arguments).map(drop)
    }

    fn terminate(&mut self) -> Result<()> {
        docker(&["kill", "--signal", "TERM", &self.name]).map(drop)
    }

    fn kill(&mut self) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        docker(&["kill", "--signal", "KILL", &self.name])?;
        // `kill` answers before the container has ended.
        docker(&["wait", &self.name]).map(drop)
    }

    fn pause(&mut self) -> Result<()> {
        docker(&["pause", &self.name]).map(drop)
    }

    fn resume(&mut self) -> Result<()> {
        docker(&["unpause", &self.name]).map(drop)
    }

    fn is_running(&mut self) -> bool {
        docker(&["inspect", "--format", "{{.State.Running}}", &self.name])
            .is_ok_and(|answer| answer.stdout.starts_with(b"true"))
    }

    fn last_words(&self) -> String {
        let log = docker(&["logs", "--tail", "30", &self.name]);
        log.map_or_else(
            |error| format!("{error:#}"),
            |log| {
                let said = [log.stdout, log.stderr].concat();
                tail(&String::from_utf8_lossy(&said))
            },
        )
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.guardian.is_some() {
            docker(&["rm", "--force", "--volumes", &self.name]).ok();
        }
    }
}

/// Runs the Docker client and takes anything but success for an error.
pub(super) fn docker(arguments: &[&str]) -> Result<Output> {
    let output = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("run docker")?;
    if !output.status.success() {
        bail!(
            "docker {}: {}",
            arguments.first().unwrap_or(&""),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output)
}
