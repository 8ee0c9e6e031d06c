//! On what a campaign ran.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::system::System;

/// The machine, the servers, and the state of the sources.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) memory: String,
    pub(super) rabbitmq: String,
    pub(super) redis: String,
    pub(super) commit: String,
    pub(super) build: &'static str,
}

impl Machine {
    pub(super) async fn look(system: &System) -> Result<Self> {
        let mut overview = system.servers.rabbitmq.address().management_url().clone();
        overview.set_path("/api/overview");
        let client = reqwest::Client::builder().build()?;
        let answer = client.get(overview).send().await?.text().await?;
        let overview: Value = serde_json::from_str(&answer).context("read RabbitMQ's overview")?;
        let mut redis = system.servers.redis.connect().await?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut redis)
            .await?;
        let version = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            memory: memory(),
            rabbitmq: overview["rabbitmq_version"]
                .as_str()
                .unwrap_or("?")
                .to_owned(),
            redis: version.unwrap_or("?").trim().to_owned(),
            commit: commit(),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
        })
    }
}

fn memory() -> String {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    total.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{} GiB", kib.div_ceil(1024 * 1024)),
    )
}

/// The commit, and whether anything is not committed.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(id) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    format!("{id}{}", if is_changed { ", changed" } else { "" })
}
