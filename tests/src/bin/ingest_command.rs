//! The binary `ingest`, for tests of its commands: those of another package cannot start that one's.

use std::process::ExitCode;

fn main() -> ExitCode {
    ingest::cli::main()
}
