//! What an interaction costs of Pipedrive's daily tokens.

use bridge_tests::bridge::{TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::NewPerson;

use crate::conversations::chat;

/// Tokens for one more call, after those before it.
async fn price(app: &TestApp, body: impl Into<reqwest::Body>, activities: usize) -> u64 {
    let before = app.pipedrive.tokens_spent();
    app.post(body).await.assert_accepted();
    app.wait_for_activities(activities).await;
    app.wait_until_idle().await;
    app.pipedrive.tokens_spent() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_interaction_has_its_price() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["(202) 555-0143"]);

    let cold = price(&app, call("call-1", "+12025550143"), 1).await;
    let warm = price(&app, call("call-2", "+12025550143"), 2).await;
    let new_caller = price(&app, call("call-3", "+15550123456"), 3).await;
    let without_number = price(&app, sample("eventbridge-customer-end-webmessaging"), 4).await;
    let again = price(&app, call("call-1", "+12025550143"), 4).await;

    assert_eq!(
        cold,
        20 + 1 + 10 + 5,
        "a search, a read of the person, the open deals, the activity"
    );
    assert_eq!(
        warm,
        1 + 10 + 5,
        "a read of the person, the open deals, the activity"
    );
    assert_eq!(
        new_caller,
        20 + 20 + 5 + 5,
        "two searches, the person, the activity"
    );
    assert_eq!(without_number, 5, "the activity");
    assert_eq!(again, 0, "a duplicate");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_and_a_shared_number_have_their_prices() {
    let app = TestApp::spawn().await;
    let organization = app.pipedrive.add_organization("Example Works");
    for name in ["Casey Customer", "Kim Colleague"] {
        let person = NewPerson::named(name).phone("+12025550143");
        app.pipedrive.add(person.of(organization));
    }

    let new_writer = price(&app, chat("chat-1", "alex@example.com"), 1).await;
    let warm = price(&app, chat("chat-2", "alex@example.com"), 2).await;
    let shared = price(&app, call("call-1", "+12025550143"), 3).await;

    assert_eq!(new_writer, 20 + 5 + 5, "a search, the person, the activity");
    assert_eq!(warm, 1 + 10 + 5, "as for a number");
    assert_eq!(
        shared,
        20 + 2 + 10 + 5,
        "a search, a read of both, the organisation's deals, the activity"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wanted_is_not_paid_for() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__LINK_OPEN_DEAL", "false")
        .set("BRIDGE__PIPEDRIVE__SEARCH_INTERNATIONAL", "false")
        .spawn()
        .await;

    let new_caller = price(&app, call("call-1", "+15550123456"), 1).await;
    let warm = price(&app, call("call-2", "+15550123456"), 2).await;

    assert_eq!(new_caller, 20 + 5 + 5);
    assert_eq!(warm, 1 + 5);
}
