//! Reports the progress of a running campaign.

use std::io::IsTerminal as _;
use std::time::Duration;

use shared::broker::topology;
use tokio::time::{Instant, sleep};

use super::pulse::Pulse;
use super::senders::Answers;
use super::storm::StormLog;
use super::system::working_queues;
use super::truth::VHOST;
use crate::servers::Management;

/// Between two lines: on a terminal one line that changes, else one below the other.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const ELSEWHERE: Duration = Duration::from_secs(10);
/// A broker that is struck does not answer; the line must not wait for it.
const LOOK_TIMEOUT: Duration = Duration::from_millis(700);

/// What is looked at.
pub(super) struct Progress {
    pub(super) answers: Answers,
    pub(super) pulse: Pulse,
    pub(super) storm: StormLog,
    pub(super) management: Management,
    pub(super) posts: usize,
    pub(super) strikes: usize,
    pub(super) begun: Instant,
    pub(super) duration: Duration,
}

impl Progress {
    /// Reports until it is dropped.
    pub(super) async fn report(&self) {
        let on_terminal = std::io::stderr().is_terminal();
        let mut depths = None;
        loop {
            sleep(if on_terminal { ON_TERMINAL } else { ELSEWHERE }).await;
            let look = tokio::time::timeout(LOOK_TIMEOUT, self.depths()).await;
            depths = look.ok().flatten().or(depths);
            let line = self.line(depths);
            if on_terminal {
                eprint!("\r\x1b[2K{line}");
            } else {
                eprintln!("{line}");
            }
        }
    }

    fn line(&self, depths: Option<(u64, u64)>) -> String {
        let shown = |depth: Option<u64>| depth.map_or_else(|| "?".to_owned(), |n| n.to_string());
        let elapsed = self.begun.elapsed();
        let left = self.duration.saturating_sub(elapsed);
        format!(
            "{} posted {}/{}, accepted {}, recorded {}, dead {}, faults {}/{}, queued {}, about {} left",
            minutes(elapsed),
            self.answers.sent(),
            self.posts,
            self.answers.accepted(),
            self.pulse.recorded(),
            shown(depths.map(|(_, dead)| dead)),
            self.storm.strikes().len(),
            self.strikes,
            shown(depths.map(|(queued, _)| queued)),
            minutes(left),
        )
    }

    /// Messages that wait or are worked on, and dead letters.
    async fn depths(&self) -> Option<(u64, u64)> {
        let queued = queued(&self.management).await.ok()?;
        let dead = self
            .management
            .depth(VHOST, topology::DEAD_LETTER_QUEUE)
            .await;
        Some((queued, dead.ok()?.ready))
    }
}

/// Messages that wait or are worked on.
pub(super) async fn queued(management: &Management) -> anyhow::Result<u64> {
    let mut queued = 0;
    for queue in working_queues() {
        let depth = management.depth(VHOST, &queue).await?;
        queued += depth.ready + depth.unacknowledged;
    }
    Ok(queued)
}

/// A duration as `m:ss`.
pub(super) fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
