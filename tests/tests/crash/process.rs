//! The worker as a process that can die.

use std::process::Stdio;
use std::time::Duration;

use bridge_tests::app::TestApp;
use tokio::process::{Child, Command};

/// Longer than a worker needs to reach any point.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running worker. It dies with the test.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts a worker that dies at `kill_point`, such as `claimed=abort`; an empty one never does.
    pub fn start(app: &TestApp, kill_point: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_worker-with-kill-points"))
            .envs(app.variables.clone())
            .env("BRIDGE__LOG__FILTER", "warn")
            .env("BRIDGE_KILL_POINT", kill_point)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        Self {
            child: child.expect("the worker starts"),
        }
    }

    /// Waits until it died by itself.
    pub async fn wait_for_death(mut self) {
        let died = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = died
            .expect("the worker reaches its kill point")
            .expect("the worker can be waited for");
        assert!(!status.success(), "the worker was to die, but ended well");
    }

    /// Ends it with SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the worker can be killed");
    }
}
