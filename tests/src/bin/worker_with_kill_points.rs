//! The worker as it is, built with fail points.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::cli::main()
}
