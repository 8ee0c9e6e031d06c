//! A worker dies while a record waits for its recording and its summary.

use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::{Happening, Scenario};
use bridge_tests::sandbox::genesys::{Held, Recording};

use crate::invariants::assert_settled;
use crate::process::Worker;

const LINK: &str = "Listen in Genesys Cloud";
const SUMMARY: &str = "The customer asked for a quote for 20 seats.";
const ASKED: &str = "GET /api/v2/conversations/{conversationId}/recordingmetadata";

/// A call whose recording and summary are not there yet.
async fn scene() -> (CallCentre, Happening) {
    let builder = CallCentre::builder()
        .set("BRIDGE__GENESYS__SUMMARY", "true")
        .without_worker();
    let centre = CallCentre::of(400, builder).await;
    let call = centre.find(Scenario::Inbound, |one| {
        one.truth.has_recording && one.held.summary.is_some()
    });
    let call = call.clone();
    centre.app.genesys().add_conversation(held(&call, 1_000));
    (centre, call)
}

/// The conversation, whose recording and summary so many requests do not find.
fn held(call: &Happening, wait: u32) -> Held {
    let mut held = call.held.clone();
    held.recording = Recording::Ready { after: wait };
    held.summary.as_mut().expect("it has one").wait = wait;
    held
}

/// Changes of activities that were sent.
fn changes(centre: &CallCentre) -> usize {
    let requests = centre.app.pipedrive.requests();
    let changes = requests.iter().filter(|request| {
        request.method == "PATCH" && request.path.starts_with("/api/v2/activities/")
    });
    changes.count()
}

/// Delivers the call, and lets a first worker record it, ask in vain, and be killed before it asks again.
async fn record_and_kill(centre: &CallCentre, call: &Happening) {
    let worker = Worker::start(&centre.app, "");
    centre.deliver(call).await;
    centre
        .wait_for(&call.truth.conversation, |record| {
            line(note(record), "Agent") == Some(&call.truth.agents[0].name)
        })
        .await;
    worker
        .wait_for_metric("bridge_genesys_artefacts_total", "pending", 1)
        .await;
    assert!(centre.app.genesys().count(ASKED) >= 1);
    worker.kill();
}

async fn assert_attached_once(centre: &CallCentre, call: &Happening) {
    let record = centre
        .wait_for(&call.truth.conversation, |record| {
            note(record).contains(LINK) && note(record).contains(SUMMARY)
        })
        .await;
    assert_settled(&centre.app).await;
    let text = note(&record);
    assert_eq!(text.matches(LINK).count(), 1, "{text}");
    assert_eq!(text.matches(SUMMARY).count(), 1, "{text}");
    assert_eq!(centre.app.pipedrive.activities().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_worker_died_between_two_checks_is_attached_by_the_next() {
    let (centre, call) = scene().await;
    record_and_kill(&centre, &call).await;
    let before = changes(&centre);
    centre.app.genesys().add_conversation(held(&call, 0));

    let _heir = Worker::start(&centre.app, "");

    assert_attached_once(&centre, &call).await;
    assert_eq!(
        changes(&centre) - before,
        1,
        "recording and summary together"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dying_worker_attached_is_not_attached_again() {
    let (centre, call) = scene().await;
    record_and_kill(&centre, &call).await;
    let before = changes(&centre);
    centre.app.genesys().add_conversation(held(&call, 0));
    let doomed = Worker::start(&centre.app, "activity-answered=abort");
    doomed.wait_for_death().await;

    let _heir = Worker::start(&centre.app, "");

    assert_attached_once(&centre, &call).await;
    assert_eq!(changes(&centre) - before, 1);
}
