//! `worker resume`: ends every pause of all workers.

use std::time::Duration;

use jiff::Timestamp;
use shared::clock;
use shared::config::Settings;

use crate::store::{PausedWorker, Pauses, Store, TokenBucket, TokenBucketSettings};

/// What `worker resume --help` explains.
pub const HELP: &str = "\
End every pause of all workers now, whatever its reason: say, after tokens were bought, or a scope was added.

Prints which workers were paused, why and since when, and whether they run. What Pipedrive reported of a spent day and of \
its rate limits is forgotten, and asked for anew. Our own counts stay: a pause for pipedrive.daily_tokens or \
pipedrive.daily_writes returns until the setting is changed, or the day is over. Where the reason persists, the next message \
meets it and the worker pauses again; nothing is lost by trying.

Exit codes:
  0  no worker is paused any more, or none was
  1  a worker is paused still or again, which is printed; or Redis does not answer";

/// A paused worker hears of the request within a second.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Ends the pauses, and prints them; whether no worker is paused any more.
///
/// # Errors
///
/// When Redis does not answer.
#[expect(clippy::print_stdout, reason = "the answer to a command")]
pub async fn resume(settings: &Settings) -> anyhow::Result<bool> {
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await?;
    let list = Pauses::new(store.clone());
    let bucket = TokenBucket::new(store, TokenBucketSettings::of(&settings.pipedrive));
    let paused = list.list().await?;
    bucket.forget().await?;
    list.request().await?;
    if paused.is_empty() {
        println!("no worker is paused");
        return Ok(true);
    }
    let left = wait(&list, &paused).await?;
    let now = clock::now();
    for worker in &paused {
        let state = left.iter().find(|other| other.name == worker.name);
        println!("{}", describe(worker, state, now));
    }
    Ok(left.is_empty())
}

/// Waits until every worker has ended the pause it was in. Returns those that are paused then.
async fn wait(list: &Pauses, paused: &[PausedWorker]) -> anyhow::Result<Vec<PausedWorker>> {
    let begun = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let left = list.list().await?;
        let is_same = |other: &PausedWorker| {
            paused
                .iter()
                .any(|worker| worker.name == other.name && worker.since == other.since)
        };
        if !left.iter().any(is_same) || begun.elapsed() > PATIENCE {
            return Ok(left);
        }
    }
}

fn describe(worker: &PausedWorker, left: Option<&PausedWorker>, now: Timestamp) -> String {
    let lasted = now.duration_since(worker.since).as_secs();
    let state = match left {
        None => "resumed".to_owned(),
        Some(left) if left.since == worker.since => "still paused".to_owned(),
        Some(left) => format!("paused again ({}): {}", left.reason, left.explanation),
    };
    format!(
        "{}: {state}; it was paused for {lasted} s ({}): {}",
        worker.name, worker.reason, worker.explanation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_was_ended_and_what_came_of_it() {
        let paused = |since: &str| {
            let text = "the day's Pipedrive tokens are spent".to_owned();
            PausedWorker::new(
                "worker@a/1".to_owned(),
                "budget",
                text,
                since.parse().unwrap(),
            )
        };
        let now = "2026-03-10T14:00:00Z".parse().unwrap();
        let (first, second) = (
            paused("2026-03-10T13:00:00Z"),
            paused("2026-03-10T13:59:59Z"),
        );

        let was = "it was paused for 3600 s (budget): the day's Pipedrive tokens are spent";
        assert_eq!(
            describe(&first, None, now),
            format!("worker@a/1: resumed; {was}")
        );
        assert_eq!(
            describe(&first, Some(&first), now),
            format!("worker@a/1: still paused; {was}")
        );
        let again = describe(&first, Some(&second), now);
        assert!(again.contains("paused again (budget)"), "{again}");
    }
}
