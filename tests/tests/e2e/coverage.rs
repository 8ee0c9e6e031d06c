//! What is recorded, held against Genesys' own record.

use anyhow::ensure;
use bridge_tests::bridge::PATIENCE;
use bridge_tests::bridge::call_centre::CallCentre;
use bridge_tests::sandbox::call_centre::{Happening, Plan};
use bridge_tests::servers::wait_until;
use jiff::SignedDuration;
use worker::commands::reconcile::{Span, reconcile};

/// Of 30 conversations; those whose events are withheld.
const WITHHELD: usize = 2;

async fn post(centre: &CallCentre, happenings: &[&Happening]) {
    for delivery in happenings.iter().flat_map(|one| &one.deliveries) {
        let answer = centre.app.post(delivery.body.clone()).await;
        assert_eq!(answer.status, 200);
    }
}

/// Whether nothing of the day is missing.
async fn is_complete(centre: &CallCentre) -> bool {
    let start = Plan::default().opens;
    let span = Span {
        from: start - SignedDuration::from_hours(1),
        to: Some(start + SignedDuration::from_hours(30)),
        repair: false,
        json: false,
    };
    let compared = reconcile(&centre.app.settings, &span).await;
    compared.expect("Genesys, Redis and RabbitMQ answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_whose_events_never_came_is_missing_until_they_come() {
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__LEGS_WAIT", "2s");
    let centre = CallCentre::of(30, builder).await;
    let recorded: Vec<&Happening> = centre
        .day
        .happenings
        .iter()
        .filter(|one| one.truth.is_recorded)
        .collect();
    let (withheld, sent) = recorded.split_at(WITHHELD);

    post(&centre, sent).await;
    centre.app.wait_for_at_least(sent.len()).await;
    assert!(!is_complete(&centre).await);

    post(&centre, withheld).await;
    wait_until("a complete day", PATIENCE, async || {
        ensure!(is_complete(&centre).await, "conversations are missing");
        Ok(())
    })
    .await
    .unwrap();
}
