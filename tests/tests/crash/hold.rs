//! A worker held at a fail point, while something happens around it.

use std::path::PathBuf;
use std::time::Duration;

use bridge_tests::bridge::TestApp;
use bridge_tests::servers::{Scratch, wait_until};

/// Longer than a worker needs to start and to reach any point.
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds one worker, once.
pub struct Hold {
    file: PathBuf,
    _scratch: Scratch,
}

impl Hold {
    pub fn new() -> Self {
        let scratch = Scratch::create().expect("a folder");
        Self {
            file: scratch.path().join("held"),
            _scratch: scratch,
        }
    }

    /// What arms a worker to be held at `point`.
    pub fn at(&self, point: &str) -> String {
        format!("{point}=hold:{}", self.file.display())
    }

    /// What arms a process to be held over one subject, with a panic once it is released.
    pub fn then_panic(&self, point: &str, subject: &str) -> String {
        format!("{point}=hold-panic:{}@{subject}", self.file.display())
    }

    /// The same over one subject only.
    pub fn at_over(&self, point: &str, subject: &str) -> String {
        format!("{}@{subject}", self.at(point))
    }

    /// Waits until the worker is held.
    pub async fn reached(&self) {
        let held = wait_until("a worker at its fail point", PATIENCE, async || {
            anyhow::ensure!(self.file.exists(), "no process is held there");
            Ok(())
        });
        held.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Lets it go on.
    pub fn release(&self) {
        std::fs::remove_file(&self.file).expect("a process is held");
    }
}

/// Ends all leases of a sort, `lease` or `person-lock`, as their time would.
pub async fn end_leases(app: &TestApp, sort: &str) {
    let leases = app.redis_keys(&format!("{sort}:")).await;
    assert!(!leases.is_empty(), "no lease of a {sort} is held");
    let ended: redis::RedisResult<()> = redis::cmd("DEL")
        .arg(leases)
        .query_async(&mut app.redis().await)
        .await;
    ended.expect("Redis answers");
}
