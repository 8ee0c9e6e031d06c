//! Progress on standard error.

use std::time::Instant;

/// Prints what is measured, with the time since the start.
pub struct Progress(Instant);

impl Progress {
    /// Starts the clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Prints a line.
    pub fn say(&self, line: &str) {
        let seconds = self.0.elapsed().as_secs();
        eprintln!("[{:02}:{:02}] {line}", seconds / 60, seconds % 60);
    }

    /// How long the run has taken.
    pub fn minutes(&self) -> u64 {
        self.0.elapsed().as_secs().div_ceil(60)
    }
}
