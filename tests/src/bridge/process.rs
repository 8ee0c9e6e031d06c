//! Services of the bridge as processes, and where they listen.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::Value;

use super::PATIENCE;
use crate::servers::Process;

/// Where a service listens that logs in JSON: waits until it says so.
///
/// # Errors
///
/// When it never does; with its output.
pub async fn listening(process: &Process) -> Result<SocketAddr> {
    process
        .wait_for_line("the address in the log", PATIENCE, address)
        .await
}

/// The address in a line of the log; some services log their port alone.
fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    match &line["port"] {
        Value::Number(port) => {
            let port = u16::try_from(port.as_u64()?).ok()?;
            Some(([127, 0, 0, 1], port).into())
        }
        _ => line["listening"].as_str()?.parse().ok(),
    }
}
