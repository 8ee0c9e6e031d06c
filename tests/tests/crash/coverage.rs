//! A day with gaps is repaired whole, however often the worker dies meanwhile.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::PATIENCE;
use bridge_tests::bridge::call_centre::CallCentre;
use bridge_tests::bridge::gaps::recent;
use bridge_tests::servers::wait_until;
use shared::broker::topology;

use crate::process::Worker;

/// How many conversations the day has: about 40 events are withheld or cut off.
const CONVERSATIONS: usize = 200;
/// How often the worker dies while it writes what was missing.
const DEATHS: u32 = 3;

/// A longer day takes minutes: `BRIDGE_TEST_DAY=5000`.
#[expect(
    clippy::disallowed_methods,
    reason = "a size of this test, no setting of the bridge"
)]
fn conversations() -> usize {
    let wanted = std::env::var("BRIDGE_TEST_DAY").ok();
    wanted
        .and_then(|count| count.parse().ok())
        .unwrap_or(CONVERSATIONS)
}

async fn killed(centre: &CallCentre, worker: Worker) -> Worker {
    worker.kill();
    // As their time would.
    let leases = centre.app.redis_keys("lease:").await;
    if !leases.is_empty() {
        let mut delete = redis::cmd("DEL");
        let ended: redis::RedisResult<()> = delete
            .arg(leases)
            .query_async(&mut centre.app.redis().await)
            .await;
        ended.expect("Redis answers");
    }
    Worker::start(&centre.app, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_gaps_is_repaired_whole_although_the_worker_is_killed_five_times() {
    let builder = CallCentre::builder()
        .without_worker()
        .set("BRIDGE__GENESYS__LEGS_WAIT", "10s");
    let centre = CallCentre::of_plan(&recent(conversations()), builder).await;
    let mut worker = Worker::start(&centre.app, "");
    let posting = centre.post_with_gaps();
    let dying = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            worker = killed(&centre, worker).await;
        }
        worker
    };
    let (_, mut worker) = tokio::join!(posting, dying);
    centre.wait_until_worked().await;

    assert!(!centre.reconcile(true).await, "conversations are missing");
    let backlog = async || {
        let waiting = centre.app.vhost().message_count(topology::BACKFILL_QUEUE);
        waiting.await
    };
    for _ in 0..DEATHS {
        let before = backlog().await.unwrap();
        wait_until(
            "a message of the backfill that is taken",
            PATIENCE,
            async || {
                let waiting = backlog().await?;
                ensure!(waiting == 0 || waiting < before, "{waiting} wait");
                Ok(())
            },
        )
        .await
        .unwrap();
        worker = killed(&centre, worker).await;
    }

    centre.wait_for_the_truth().await;
    assert!(centre.reconcile(true).await, "nothing is missing any more");
    worker.terminate().await;
}
