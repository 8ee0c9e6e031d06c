//! Access to Genesys that ends, changes or was never good. Calls are recorded whatever it is.

use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::{Happening, Scenario};
use bridge_tests::servers::Scratch;

use crate::secret_rotation::SecretFile;

const TOKEN: &str = "POST /oauth/token";

/// Calls of different agents.
fn calls(centre: &CallCentre, count: usize) -> Vec<&Happening> {
    let mut seen = Vec::new();
    let calls = centre.day.happenings.iter().filter(|one| {
        let is_whole = one.deliveries.iter().any(|it| it.leaf == "customer.end");
        let is_new = one.scenario == Scenario::Inbound
            && is_whole
            && !seen.contains(&&one.truth.agents[0].name);
        seen.extend(is_new.then(|| &one.truth.agents[0].name));
        is_new
    });
    calls.take(count).collect()
}

async fn wait_until_named(centre: &CallCentre, call: &Happening) {
    centre
        .wait_for(&call.truth.conversation, |record| {
            line(note(record), "Agent") == Some(&call.truth.agents[0].name)
        })
        .await;
}

#[tokio::test]
async fn a_token_that_ends_early_costs_a_new_one_and_no_record_its_names() {
    let centre = CallCentre::spawn(200).await;
    let calls = calls(&centre, 2);
    centre.deliver(calls[0]).await;
    wait_until_named(&centre, calls[0]).await;
    centre.app.wait_until_idle().await;

    centre.app.genesys().end_tokens();
    let meter = centre.app.pipedrive.meter();
    let mut deliveries = calls[1].deliveries.iter();
    let end = deliveries.find(|delivery| delivery.leaf == "customer.end");
    let end = end.expect("it ends").body.clone();
    centre.app.post(end).await.assert_accepted();
    wait_until_named(&centre, calls[1]).await;
    centre.app.wait_until_idle().await;

    assert_eq!(centre.app.genesys().tokens_issued(), 2);
    let spent = meter.by_operation();
    let changes = spent.get("PATCH /api/v2/activities/{id}");
    assert!(changes.is_none(), "the name came with a change: {spent:?}");
}

#[tokio::test]
async fn a_secret_that_changes_in_genesys_and_in_its_file_is_taken_up_without_a_restart() {
    let scratch = Scratch::create().unwrap();
    let file = SecretFile::new(scratch.path(), "genesys", "sandbox-secret");
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__CLIENT_SECRET_FILE", file.path());
    let centre = CallCentre::of(200, builder).await;
    let calls = calls(&centre, 3);
    centre.deliver(calls[0]).await;
    wait_until_named(&centre, calls[0]).await;

    // Genesys takes the old secret no more, and ends its tokens.
    centre.app.genesys().set_client_secret("second-secret");
    centre.app.genesys().end_tokens();
    centre.deliver(calls[1]).await;
    let record = centre
        .wait_for(&calls[1].truth.conversation, |record| {
            line(note(record), "Agent").is_some()
        })
        .await;
    assert_eq!(
        line(note(&record), "Agent"),
        Some(&*calls[1].truth.agents[0].user_id)
    );
    let refused = centre.app.genesys().count(TOKEN);
    file.set("second-secret");

    centre.deliver(calls[2]).await;
    wait_until_named(&centre, calls[1]).await;
    wait_until_named(&centre, calls[2]).await;
    assert!(centre.app.genesys().count(TOKEN) > refused);
    centre.app.wait_until_idle().await;
    centre.app.wait_for_dead_letters(0).await;
}
