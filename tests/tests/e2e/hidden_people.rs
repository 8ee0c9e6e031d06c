//! People that Pipedrive hides, and answers that are not to be trusted.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Distortion, Fault, FaultRule, NewPerson};

use crate::conversations::{CUSTOMER, SUPPLIER, chat};

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_person_is_not_attached_and_not_created_again() {
    let app = TestApp::spawn().await;
    let hidden = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    app.pipedrive.set_hidden(hidden, true);

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, None);
    assert!(activity.note.unwrap().contains("is hidden from the user"));
    assert_eq!(app.pipedrive.all_persons().len(), 1);
    assert!(app.wait_for_dead_letters(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_hidden_person_the_next_one_who_has_the_number_is_taken() {
    let app = TestApp::spawn().await;
    let hidden = app.pipedrive.add_person("Kim Colleague", &[CUSTOMER]);
    let visible = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    app.pipedrive.set_hidden(hidden, true);

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(visible));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_person_who_is_hidden_by_now_is_not_created_again() {
    let app = TestApp::spawn().await;
    app.post(call("call-1", CUSTOMER)).await.assert_accepted();
    app.wait_for_exactly(1).await;
    let created = app.pipedrive.persons()[0].id;
    app.pipedrive.set_hidden(created, true);
    let mut behaviour = app.pipedrive.behaviour();
    behaviour.search_finds_hidden = false;
    app.pipedrive.set_behaviour(behaviour);

    app.post(call("call-2", CUSTOMER)).await.assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    assert!(activities.iter().any(|it| it.person_id.is_none()));
    assert_eq!(app.pipedrive.all_persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_refused_in_a_row_pause_and_no_call_is_lost() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", "3s")
        .spawn()
        .await;
    for (name, number) in [("Casey Customer", CUSTOMER), ("Sam Supplier", SUPPLIER)] {
        let person = app.pipedrive.add_person(name, &[number]);
        app.pipedrive.set_hidden(person, true);
    }

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();
    app.wait_for_exactly(1).await;
    app.post(call("call-2", SUPPLIER)).await.assert_accepted();

    app.wait_until_not_ready("403 for one person after another")
        .await;
    app.wait_for_exactly(2).await;
    assert_eq!(app.pipedrive.all_persons().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_pauses_until_it_is_there_and_no_call_is_lost() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", "1s")
        .spawn()
        .await;
    let missing = FaultRule::everywhere(Fault::scope_missing());
    let missing = app.pipedrive.add_fault(missing);

    app.post(call("call-1", CUSTOMER)).await.assert_accepted();
    app.wait_until_not_ready("Scope and URL mismatch").await;
    assert!(app.wait_for_dead_letters(0).await.is_empty());
    app.pipedrive.remove_fault(missing);

    app.wait_for_exactly(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_nothing_never_creates_a_person() {
    for distortion in [
        Distortion::empty_object(),
        Distortion::null_data(),
        Distortion::WithoutData,
        Distortion::WithoutList,
    ] {
        let app = TestApp::spawn().await;
        let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
        let writer = NewPerson::named("Kim Colleague").email("kim@example.com");
        let writer = app.pipedrive.add(writer);
        let fault = Fault::distort(distortion.clone());
        let search = FaultRule::always("GET", "/api/v2/persons/search", fault);
        app.pipedrive.add_fault(search.times(6));

        app.post(call("call-1", CUSTOMER)).await.assert_accepted();
        app.post(chat("chat-1", "kim@example.com"))
            .await
            .assert_accepted();

        let activities = app.wait_for_exactly(2).await;
        let mut people: Vec<_> = activities.iter().map(|it| it.person_id).collect();
        people.sort_unstable();
        assert_eq!(people, [Some(caller), Some(writer)], "{distortion:?}");
        assert_eq!(app.pipedrive.persons().len(), 2, "{distortion:?}");
    }
}
