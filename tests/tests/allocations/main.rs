//! How many allocations a webhook and an interaction take, against committed figures. Times differ with the machine and
//! its load; these do not, so a change that makes the hot path do more work shows in CI.
//!
//! Nothing else in this process allocates while it is counted: the sender and the CRM work in buffers of fixed size.

mod crm;
mod sender;

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::TestApp;
use bridge_tests::servers::wait_until;
use counting_allocator::{CountingAllocator, allocations};
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The count is the whole program's: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Allocations of one webhook, from the first byte to the answer, lapin's included.
const PER_WEBHOOK: u64 = 98;
/// Allocations of one interaction, from the delivery to the acknowledgement, with a search, a read and a create.
const PER_INTERACTION: u64 = 1930;
/// What a count may differ from its figure, in percent. Beyond that the figure is to be committed anew, with the reason:
/// also when there are fewer, or the next change could take back what was won.
const TOLERANCE_PERCENT: u64 = 6;

const WARM_UP: u64 = 50;
const COUNTED: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_takes_as_many_allocations_as_committed() {
    let _alone = ALONE.lock().await;
    let app = TestApp::builder().without_worker().spawn().await;
    let mut sender = sender::Sender::connect(&app.ingest_url);
    sender.send(WARM_UP);

    let before = allocations();
    sender.send(COUNTED);
    let counted = allocations() - before;

    assert_near("a webhook", counted / COUNTED, PER_WEBHOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_takes_as_many_allocations_as_committed() {
    let _alone = ALONE.lock().await;
    let crm = crm::Crm::start(WARM_UP, WARM_UP + COUNTED);
    let mut app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__BASE_URL", crm.url())
        .set("BRIDGE__PIPEDRIVE__REQUESTS_PER_2S", "1000000")
        .set("BRIDGE__PIPEDRIVE__SEARCHES_PER_2S", "1000000")
        .set("BRIDGE__PIPEDRIVE__DAILY_TOKENS", "1000000000")
        .set("BRIDGE__WORKER__CONCURRENCY", "1")
        .without_worker()
        .spawn()
        .await;
    sender::Sender::connect(&app.ingest_url).send(WARM_UP + COUNTED + 1);

    app.start_worker_that_waits().await;
    let counted = wait_until("all activities", PATIENCE, async || {
        let counted = crm.counted();
        ensure!(counted > 0, "not all activities are written");
        anyhow::Ok(counted)
    });

    let counted = counted.await.expect("the worker writes all activities");
    assert_near("an interaction", counted / COUNTED, PER_INTERACTION);
}

fn assert_near(what: &str, counted: u64, committed: u64) {
    println!("{what}: {counted} allocations, {committed} committed");
    let allowed = committed * TOLERANCE_PERCENT / 100;
    assert!(
        counted.abs_diff(committed) <= allowed,
        "{what} takes {counted} allocations, and {committed} ± {allowed} are committed: find out why, or commit the new figure"
    );
}
