//! The binary `ingest`; see `ingest::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ingest::cli::main()
}
