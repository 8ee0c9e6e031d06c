//! Cleaning up after a process that could not do it itself.
//!
//! `Drop` does not run when a test is killed, nor for the statics that tests share. A guardian is a
//! small shell that waits on a pipe from us. However we end, the kernel closes the pipe, and the
//! guardian runs its command.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

/// Reads until it is released or alone. It ignores the signals that a terminal sends to everyone.
const SCRIPT: &str =
    r#"trap "" HUP INT TERM; read -r word; [ "$word" = released ] || eval "$CLEAN_UP""#;

/// Runs a command if this process ends without releasing it.
#[derive(Debug)]
pub struct Guardian(Child);

impl Guardian {
    /// Starts a guardian that kills all processes of a group if this process ends.
    ///
    /// # Errors
    ///
    /// Returns an error if no shell can be started.
    pub fn over_process_group(leader: u32) -> Result<Self> {
        Self::start(r#"kill -s KILL -- "-$SUBJECT""#, &leader.to_string())
    }

    /// Starts a guardian over `subject`, which the shell text `clean_up` knows as `$SUBJECT`.
    pub(super) fn start(clean_up: &str, subject: &str) -> Result<Self> {
        Command::new("sh")
            .args(["-c", SCRIPT])
            .env("CLEAN_UP", clean_up)
            .env("SUBJECT", subject)
            .current_dir("/")
            .stdin(Stdio::piped())
            // An inherited pipe would keep whoever reads our output waiting.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
            .context("start a guardian shell")
    }
}

impl Drop for Guardian {
    /// Releases the guardian: whoever drops it has cleaned up.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            pipe.write_all(b"released\n").ok();
        }
        self.0.wait().ok();
    }
}
