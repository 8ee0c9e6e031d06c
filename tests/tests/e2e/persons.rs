//! The right person, or none.

use bridge_tests::bridge::{TestApp, call, sample};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_caller_becomes_one_person_however_many_calls_come_at_once_in_whatever_form() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .set_search_lag(std::time::Duration::from_secs(30));

    let forms = [
        "+15550123456",
        "(555) 012-3456",
        "tel:+1-555-012-3456;ext=2",
        "1 555 012 3456",
    ];
    let calls = (0..12).map(|n| app.post(call(&format!("call-{n}"), forms[n % forms.len()])));
    for answer in futures_util::future::join_all(calls).await {
        answer.assert_accepted();
    }

    let activities = app.wait_for_exactly(12).await;
    let persons = app.pipedrive.persons();
    assert_eq!(persons.len(), 1);
    assert_eq!(persons[0].phones[0].value, "+15550123456");
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id == Some(persons[0].id))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_number_is_written_unattached_and_creates_no_person() {
    let app = TestApp::spawn().await;

    app.post(sample("eventbridge-customer-end-anonymous-abandoned"))
        .await
        .assert_accepted();
    app.post(sample("eventbridge-customer-end-webmessaging"))
        .await
        .assert_accepted();
    app.post(call("call-1", "Unknown")).await.assert_accepted();

    let activities = app.wait_for_exactly(3).await;
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id.is_none())
    );
    assert!(app.pipedrive.persons().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_several_people_share_is_attached_to_none_of_them() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.pipedrive.add_person("Kim Colleague", &["202-555-0143"]);

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, None);
    assert!(
        activities[0]
            .note
            .as_deref()
            .unwrap()
            .contains("several people share this number")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_its_plus_finds_a_person_and_creates_none() {
    let app = TestApp::spawn().await;
    let known = app
        .pipedrive
        .add_person("Casey Customer", &["+44 7700 900123"]);

    app.post(call("call-1", "447700900123"))
        .await
        .assert_accepted();
    app.post(call("call-2", "447700900124"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    let mut attached: Vec<_> = activities
        .iter()
        .filter_map(|activity| activity.person_id)
        .collect();
    attached.dedup();
    assert_eq!(attached, [known]);
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_number_that_fits_several_countries_attaches_and_creates_no_person() {
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["07700 900123"]);

    app.post(call("call-1", "+447700900123"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, None);
    let note = activities[0].note.as_deref().unwrap();
    let named = format!("may be a number of another country: Casey Customer ({person})");
    assert!(note.contains(&named), "{note}");
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_merged_away_is_found_again_as_the_one_who_stayed() {
    let app = TestApp::spawn().await;
    let loser = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let survivor = app.pipedrive.add_person("Casey C.", &["+12025550199"]);
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    app.pipedrive.merge_persons(loser, survivor);
    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id == Some(survivor)),
        "{activities:#?}"
    );
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_who_took_the_place_of_one_are_ambiguous() {
    let app = TestApp::spawn().await;
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    let created = app.pipedrive.persons()[0].id;

    let others = ["Casey A.", "Casey B."];
    for name in others {
        app.pipedrive.add_person(name, &["+12025550143"]);
    }
    app.pipedrive.delete_person(created);
    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    let last = activities.iter().max_by_key(|activity| activity.id);
    let last = last.unwrap();
    assert_eq!(last.person_id, None, "{last:#?}");
    assert!(last.note.as_deref().unwrap().contains("Not attached"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_fails_never_counts_as_empty() {
    use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.pipedrive.add_fault(
        FaultRule::always(
            "GET",
            "/api/v2/persons/search",
            Fault::server_error_before_effect(503),
        )
        .times(4),
    );

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(person));
    assert_eq!(app.pipedrive.persons().len(), 1);
}
