//! Waiting for a condition: bounded, and naming what was missing when the time is over.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(50);

/// Looks at a condition until it holds.
///
/// The condition answers `Ok` once it holds, and what is still missing until then.
///
/// # Errors
///
/// Returns an error that names `awaited` and the last thing missing once `timeout` is over.
pub async fn wait_until<T>(
    awaited: &str,
    timeout: Duration,
    mut condition: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        match tokio::time::timeout(timeout, condition()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(missing)) if started.elapsed() >= timeout => {
                return Err(missing.context(format!("{awaited}: not within {timeout:?}")));
            }
            Ok(Err(_)) => tokio::time::sleep(POLL).await,
            Err(_) => bail!("{awaited}: looking at it took longer than {timeout:?}"),
        }
    }
}
