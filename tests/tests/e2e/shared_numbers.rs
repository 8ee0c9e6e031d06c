//! Several people with one handle.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::NewPerson;

use crate::conversations::{CUSTOMER, leg, session};

/// Two colleagues who share a number, and their organisation.
fn colleagues(app: &TestApp) -> ([i64; 2], i64) {
    let organization = app.pipedrive.add_organization("Example Works");
    let colleague = |name| {
        let person = NewPerson::named(name).phone(CUSTOMER);
        app.pipedrive.add(person.of(organization))
    };
    let people = [colleague("Casey Customer"), colleague("Kim Colleague")];
    (people, organization)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_one_organisation_is_attached_to_it_and_to_its_peoples_one_deal() {
    let app = TestApp::spawn().await;
    let ([_, kim], organization) = colleagues(&app);
    let deal = app.pipedrive.add_deal("Twenty seats", kim);
    let other = NewPerson::named("Other Colleague").of(organization);
    let other = app.pipedrive.add(other);
    app.pipedrive.add_deal("Of someone else", other);

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, None);
    assert_eq!(activity.org_id, Some(organization));
    assert_eq!(activity.deal_id, Some(deal));
    let note = activity.note.unwrap();
    assert!(
        note.contains("of this organisation share this number"),
        "{note}"
    );
    assert!(note.contains("Casey Customer (") && note.contains("Kim Colleague ("));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_open_deals_of_the_people_are_no_deal() {
    let app = TestApp::spawn().await;
    let (people, organization) = colleagues(&app);
    for person in people {
        app.pipedrive.add_deal("Twenty seats", person);
    }

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.org_id, Some(organization));
    assert_eq!(activity.deal_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_across_organisations_is_unattached_with_the_names_in_the_note() {
    let app = TestApp::spawn().await;
    let (people, _) = colleagues(&app);
    let elsewhere = app.pipedrive.add_organization("Elsewhere");
    let stranger = NewPerson::named("Alex Stranger").phone(CUSTOMER);
    let stranger = app.pipedrive.add(stranger.of(elsewhere));

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!((activity.person_id, activity.org_id), (None, None));
    let note = activity.note.unwrap();
    let named = format!(
        "several people share this number: Casey Customer ({}), Kim Colleague ({}), Alex Stranger ({stranger})",
        people[0], people[1]
    );
    assert!(note.contains(&named), "{note}");
    assert_eq!(app.pipedrive.persons().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_event_of_such_a_call_costs_no_search() {
    let app = TestApp::spawn().await;
    colleagues(&app);
    app.post(session("customer", 300, 300, "INBOUND", CUSTOMER))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;

    let meter = app.pipedrive.meter();
    app.post(leg("alex", 290, 200, "INBOUND", CUSTOMER, "PEER"))
        .await
        .assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert!(activity.note.unwrap().contains("alex"));
    let operations = meter.by_operation();
    let asked: Vec<&String> = operations.keys().collect();
    assert_eq!(
        asked,
        [
            "GET /api/v2/activities/{id}",
            "PATCH /api/v2/activities/{id}"
        ]
    );
}
