//! Ingest as it is, built with kill points.

use std::process::ExitCode;

fn main() -> ExitCode {
    ingest::cli::main()
}
