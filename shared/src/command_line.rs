//! The shape that the command lines of both services share: `run`, `check`, `health`, `defaults`, `--config`, exit codes.

use std::process::ExitCode;

/// The part of `--help` about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; check: the service can work; health: it is ready
  1  failed, with the reason on standard error; check: a FAIL line; health: not ready
  2  wrong usage of the command line";

/// 0 for a command that found the service sound, 1 for one that did not.
#[must_use]
pub fn exit_code(is_sound: bool) -> ExitCode {
    if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The exit code of a command; prints why it failed.
#[must_use]
#[expect(clippy::print_stderr, reason = "the answer to a command")]
pub fn end(service: &str, outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("{service}: {}", crate::error::chain(error.as_ref()));
        ExitCode::FAILURE
    })
}
