//! The peers in Node: fastify, amqplib, ioredis and undici, tuned. Left out where there is no Node.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::progress::Progress;

/// The folder of the programs.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node"))
}

/// Installs the packages. `false`, with the reason on standard error, where that is impossible.
pub fn is_ready(progress: &Progress) -> bool {
    for program in ["node", "npm"] {
        let version = Command::new(program).arg("--version").output();
        if version.is_err() {
            progress.say(&format!(
                "without the peers in Node: {program} is not installed"
            ));
            return false;
        }
    }
    if folder().join("node_modules/undici").is_dir() {
        return true;
    }
    progress.say("installing the packages of the peers in Node");
    let install = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ])
        .current_dir(folder())
        .stdin(Stdio::null())
        .status();
    let is_installed = install.is_ok_and(|status| status.success());
    if !is_installed {
        progress.say("without the peers in Node: npm could not install their packages");
    }
    is_installed
}

/// The command that starts `program`.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .arg(folder().join(program))
        .args(arguments)
        .env("NODE_ENV", "production");
    command
}

/// The version of Node, or why there is none.
pub fn version() -> String {
    let version = Command::new("node").arg("--version").output();
    version.map_or_else(
        |_| "none".to_owned(),
        |version| String::from_utf8_lossy(&version.stdout).trim().to_owned(),
    )
}
