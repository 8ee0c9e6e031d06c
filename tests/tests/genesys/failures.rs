//! What the network and Genesys do wrong.

use std::sync::Arc;
use std::time::Duration;

use bridge_tests::sandbox::call_centre::Scenario;
use bridge_tests::sandbox::genesys::{Fault, FaultRule};
use genesys::GenesysError;
use genesys::ports::Unlimited;

use crate::scene::{Scene, client};

async fn error(fault: Fault) -> GenesysError {
    let scene = Scene::new();
    scene.client.log_in().await.expect("it lets us in");
    scene
        .sandbox
        .add_fault(FaultRule::always("/api/v2/users", fault));
    let answer = scene.client.user(&scene.user()).await;
    answer.expect_err("the fault is in force")
}

#[tokio::test]
async fn each_failure_is_an_error_of_its_own() {
    let late = Fault::Latency(Duration::from_secs(4));
    let page = Fault::Answer {
        status: 302,
        body: String::new(),
    };
    let timeout = Fault::Answer {
        status: 408,
        body: String::new(),
    };

    assert_eq!(
        error(Fault::outage()).await.reason(),
        "genesys_server_error"
    );
    assert_eq!(
        error(Fault::unreadable()).await.reason(),
        "genesys_unreadable"
    );
    assert_eq!(error(Fault::Cut).await.reason(), "genesys_no_answer");
    assert_eq!(error(late).await.reason(), "genesys_no_answer");
    assert_eq!(error(page).await.reason(), "genesys_unreadable");
    assert_eq!(error(timeout).await.reason(), "genesys_server_error");
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_address_is_not_shown() {
    let scene = Scene::new();
    let away = client(&scene.sandbox, "sandbox-secret", Arc::new(Unlimited));
    let (user, address) = (scene.user(), scene.sandbox.base_url());
    scene.sandbox.stop().await;

    let error = away.user(&user).await.unwrap_err();

    assert_eq!(error.reason(), "genesys_unreachable");
    assert!(error.is_transient());
    assert!(
        !format!("{error:?}").contains(&user),
        "{error:?} at {address}"
    );
}

#[tokio::test]
async fn an_answer_about_another_record_is_not_taken() {
    let scene = Scene::new();
    let (asked, other) = (scene.user(), &scene.day.cast.agents[1]);
    let body = format!(r#"{{"id":"{}","name":"Another"}}"#, other.id);
    scene.sandbox.add_fault(FaultRule::always(
        "/api/v2/users",
        Fault::Answer { status: 200, body },
    ));

    let error = scene.client.user(&asked).await.unwrap_err();

    assert!(
        matches!(error, GenesysError::Mismatched { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let scene = Scene::new();
    let missing = "00000000-0000-4000-8000-000000000000";

    assert_eq!(
        scene
            .client
            .conversation(missing)
            .await
            .unwrap_err()
            .reason(),
        "genesys_not_found"
    );
    assert_eq!(
        scene
            .client
            .external_contact(missing)
            .await
            .unwrap_err()
            .reason(),
        "genesys_not_found"
    );
    assert_eq!(
        scene
            .client
            .wrapup_code("ININ-WRAP-UP-TIMEOUT")
            .await
            .unwrap_err()
            .reason(),
        "genesys_not_found"
    );
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_conversation_gives_names_addresses_and_attributes() {
    let scene = Scene::new();
    let chat = scene.find(|happening| {
        happening.scenario == Scenario::WebMessage
            && !happening.held.conversation.participants[0]
                .attributes
                .is_empty()
    });

    let conversation = scene
        .client
        .conversation(&chat.truth.conversation)
        .await
        .unwrap();

    let customer = &conversation.participants[0];
    assert!(customer.attributes["context.email"].ends_with("@example.com"));
    assert_eq!(
        customer.messages[0].message_type.as_deref(),
        Some("webmessaging")
    );
    let agent = conversation
        .participants
        .iter()
        .find(|one| one.purpose.as_deref() == Some("agent"))
        .unwrap();
    assert_eq!(agent.queue_name.as_deref(), Some("Web chat"));
    assert_eq!(
        agent.wrapup.as_ref().and_then(|wrapup| wrapup.name.clone()),
        chat.truth.wrap_up
    );
    let user = scene
        .client
        .user(agent.user_id.as_deref().unwrap())
        .await
        .unwrap();
    assert_eq!(
        user.email.as_deref(),
        chat.truth.agents.last().map(|agent| &*agent.email)
    );
}
