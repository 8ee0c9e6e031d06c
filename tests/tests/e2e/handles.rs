//! Numbers and e-mail addresses: by what a person is found, and created.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, NewPerson};
use redis::AsyncCommands;
use shared::domain::ids::sha256_hex;

use crate::conversations::{CUSTOMER, call_with_email, chat, leg};

const EMAIL: &str = "casey@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_attached_to_the_person_who_has_the_address() {
    let app = TestApp::spawn().await;
    let known = app
        .pipedrive
        .add(NewPerson::named("Casey Customer").email("Casey@Example.com"));
    app.pipedrive
        .add(NewPerson::named("Other Casey").email("other.casey@example.com"));

    app.post(chat("chat-1", EMAIL)).await.assert_accepted();
    let first = app.wait_for_exactly(1).await;
    let meter = app.pipedrive.meter();
    app.post(chat("chat-2", EMAIL)).await.assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    assert_eq!(first[0].person_id, Some(known));
    assert!(activities.iter().all(|it| it.person_id == Some(known)));
    assert_eq!(app.pipedrive.persons().len(), 2);
    assert_eq!(
        meter.tokens(),
        1 + 10 + 5,
        "a remembered address costs what a remembered number does"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_at_once_with_an_unknown_address_create_one_person() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .set_search_lag(std::time::Duration::from_secs(30));

    let chats = (0..8).map(|n| app.post(chat(&format!("chat-{n}"), EMAIL)));
    for answer in futures_util::future::join_all(chats).await {
        answer.assert_accepted();
    }

    let activities = app.wait_for_exactly(8).await;
    let [person] = &app.pipedrive.persons()[..] else {
        panic!("{:#?}", app.pipedrive.persons());
    };
    assert_eq!(person.name, "Casey Customer");
    assert_eq!(person.emails[0].value, EMAIL);
    assert!(activities.iter().all(|it| it.person_id == Some(person.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_chats_of_one_customer_at_once_create_one_person_with_both_handles() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .set_search_lag(std::time::Duration::from_secs(30));

    let both = (0..8).map(|n| call_with_email(&format!("call-{n}"), CUSTOMER, EMAIL));
    for answer in futures_util::future::join_all(both.map(|body| app.post(body))).await {
        answer.assert_accepted();
    }
    app.wait_for_exactly(8).await;
    app.post(chat("chat-1", EMAIL)).await.assert_accepted();
    app.post(call("call-9", CUSTOMER)).await.assert_accepted();

    let activities = app.wait_for_exactly(10).await;
    let [person] = &app.pipedrive.persons()[..] else {
        panic!("{:#?}", app.pipedrive.persons());
    };
    assert_eq!(person.phones[0].value, CUSTOMER);
    assert_eq!(person.emails[0].value, EMAIL);
    assert!(activities.iter().all(|it| it.person_id == Some(person.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_create_was_not_answered_is_found_by_either_handle() {
    for (next, body) in [
        ("the same call", None),
        ("a chat", Some(chat("chat-1", EMAIL))),
        ("a call", Some(call("call-2", CUSTOMER))),
    ] {
        let app = TestApp::spawn().await;
        app.pipedrive
            .set_search_lag(std::time::Duration::from_secs(30));
        app.pipedrive.add_fault(FaultRule::once(
            "POST",
            "/api/v2/persons",
            Fault::CutAfterEffect,
        ));

        app.post(call_with_email("call-1", CUSTOMER, EMAIL))
            .await
            .assert_accepted();
        let expected = 1 + usize::from(body.is_some());
        if let Some(body) = body {
            app.post(body).await.assert_accepted();
        }

        let activities = app.wait_for_exactly(expected).await;
        let persons = app.pipedrive.persons();
        assert_eq!(persons.len(), 1, "{next}");
        assert!(
            activities
                .iter()
                .all(|it| it.person_id == Some(persons[0].id)),
            "{next}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_with_a_known_address_creates_no_one_and_changes_no_one() {
    let app = TestApp::spawn().await;
    let known = app
        .pipedrive
        .add(NewPerson::named("Casey Customer").email(EMAIL));

    app.post(call_with_email("call-1", CUSTOMER, EMAIL))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(known));
    let persons = app.pipedrive.persons();
    assert_eq!(persons.len(), 1);
    assert!(persons[0].phones.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_goes_before_the_address() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    app.pipedrive
        .add(NewPerson::named("Family Desk").email(EMAIL));

    app.post(call_with_email("call-1", CUSTOMER, EMAIL))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(caller));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_spellings_of_one_mobile_are_one_person() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .set_search_lag(std::time::Duration::from_secs(30));

    let spellings = ["+5215512345678", "+525512345678"];
    let calls = (0..6).map(|n| app.post(call(&format!("call-{n}"), spellings[n % 2])));
    for answer in futures_util::future::join_all(calls).await {
        answer.assert_accepted();
    }

    app.wait_for_exactly(6).await;
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_version_stored_under_the_longer_spelling_is_found() {
    let app = TestApp::spawn().await;
    let known = app
        .pipedrive
        .add_person("Casey Customer", &["+5215512345678"]);
    let hash = sha256_hex("+5215512345678");
    let key = format!("{}:person:{{{hash}}}", app.settings.redis.prefix);
    let fields = [("id", known.to_string()), ("schema", "1".to_owned())];
    let stored: redis::RedisResult<()> = app.redis().await.hset_multiple(key, &fields).await;
    stored.unwrap();
    let meter = app.pipedrive.meter();

    app.post(call("call-1", "+525512345678"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(known));
    assert_eq!(meter.tokens(), 1 + 10 + 5, "no search");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_certain_enough_creates_no_one_and_the_note_says_so() {
    let app = TestApp::spawn().await;

    app.post(call("call-2", "447700900123"))
        .await
        .assert_accepted();
    app.post(leg("alex", 60, 50, "INBOUND", CUSTOMER, "PEER"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    assert!(app.pipedrive.persons().is_empty());
    let note = |number: &str| {
        let notes = activities.iter().filter_map(|it| it.note.as_deref());
        let mut notes = notes.filter(|note| note.contains(number));
        notes.next().unwrap().to_owned()
    };
    assert!(note("+447700900123").contains("given without its plus"));
    assert!(note(CUSTOMER).contains("not certain enough to create one"));
}
