//! Services as processes whose log a test reads.

use bridge_tests::bridge::{TestApp, listening};
use bridge_tests::servers::{Process, Scratch};

/// A service as a process whose output is kept.
pub struct Service {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub url: String,
}

impl Service {
    /// Starts `name` with the settings of `app`.
    pub async fn start(app: &TestApp, name: &str, scratch: &Scratch) -> Self {
        let log = scratch.path().join(format!("{name}.log"));
        let mut process = Process::new(env!("CARGO_BIN_EXE_bridge-process"), log)
            .arguments([name])
            .variables(app.variables.clone())
            .variables([
                ("BRIDGE__LOG__FILTER", "debug"),
                ("BRIDGE__LOG__FORMAT", "json"),
            ]);
        process.start().unwrap();
        let port = listening(&process).await.unwrap().port();
        Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// What it has logged.
    pub fn read(&self) -> String {
        self.process.output()
    }
}

impl Drop for Service {
    /// The log goes with the test, and shows what went wrong.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.read();
            let worth_reading = log.lines().filter(|line| !line.contains("\"DEBUG\""));
            worth_reading.for_each(|line| println!("{line}"));
        }
    }
}
