//! Conversations that Genesys keeps in analytics alone.

use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::Scenario;
use bridge_tests::sandbox::genesys::{Fault, FaultRule};

#[tokio::test]
async fn an_old_conversation_that_analytics_alone_has_is_completed_from_there() {
    let centre = CallCentre::spawn(400).await;
    let gone = FaultRule::always(
        "/api/v2/conversations/",
        Fault::Answer {
            status: 404,
            body: r#"{"code":"not.found","status":404}"#.to_owned(),
        },
    );
    centre.app.genesys().add_fault(gone);
    let kinds = [
        Scenario::Inbound,
        Scenario::BlindTransfer,
        Scenario::Abandoned,
    ];

    for kind in kinds {
        let call = centre.find(kind, |one| {
            one.deliveries.iter().any(|it| it.leaf == "customer.end")
        });
        let mut deliveries = call.deliveries.iter();
        let end = deliveries.find(|it| it.leaf == "customer.end");
        let body = end.expect("it ends").body.clone();
        centre.app.post(body).await.assert_accepted();
        let names: Vec<&str> = call.truth.agents.iter().map(|agent| &*agent.name).collect();
        let record = centre
            .wait_for(&call.truth.conversation, |record| {
                let text = note(record);
                let agents = line(text, "Agent").or_else(|| line(text, "Agents"));
                let agents = agents.unwrap_or_default();
                let queue = line(text, "Queue").and_then(|all| all.split(", ").last());
                names.iter().all(|name| agents.contains(name))
                    && queue == call.truth.queue.as_deref()
            })
            .await;
        let outcome = line(note(&record), "Outcome").unwrap_or_default();
        let expected = match kind {
            Scenario::Abandoned => "given up by the customer after",
            _ => "connected",
        };
        assert!(outcome.contains(expected), "{kind:?}: {outcome}");
    }
    assert_eq!(centre.app.genesys().violations(), Vec::<String>::new());
}
