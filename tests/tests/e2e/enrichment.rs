//! Records that Genesys completes: names, handles, owners, artefacts; and what happens where it does not answer.

use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::{Owner, Scenario, Who};
use bridge_tests::sandbox::genesys::{Fault, FaultRule, Feature, Lack};
use bridge_tests::sandbox::pipedrive::Behaviour;
use futures_util::future::join_all;
use shared::check::Found;

use crate::conversations::chat;

const USERS: &str = "GET /api/v2/users/{userId}";
const SUMMARIES: &str = "GET /api/v2/conversations/{conversationId}/summaries";

#[tokio::test]
async fn a_note_has_names_and_no_ids_and_a_name_is_asked_for_once() {
    let centre = CallCentre::spawn(200).await;
    let first = centre.find(Scenario::Inbound, |one| {
        matches!(one.truth.owner, Owner::User(_))
    });
    let agent = &first.truth.agents[0];

    centre.deliver(first).await;
    let record = centre
        .wait_for(&first.truth.conversation, |record| {
            line(note(record), "Wrap-up code").is_some()
        })
        .await;
    centre.app.wait_until_idle().await;
    let asked = centre.app.genesys().count(USERS);

    let text = note(&record);
    assert_eq!(line(text, "Agent"), Some(&*agent.name), "{text}");
    assert_eq!(line(text, "Queue"), first.truth.queue.as_deref());
    assert_eq!(line(text, "Wrap-up code"), first.truth.wrap_up.as_deref());
    assert!(!text.contains(&agent.user_id), "{text}");
    assert_eq!(asked, 1);

    let again = centre.find(Scenario::Inbound, |one| {
        let agents = &one.truth.agents;
        one.truth.conversation != first.truth.conversation
            && agents.iter().all(|one| one.user_id == agent.user_id)
    });
    centre.deliver(again).await;
    centre
        .wait_for(&again.truth.conversation, |record| {
            line(note(record), "Agent") == Some(&agent.name)
        })
        .await;
    assert_eq!(centre.app.genesys().count(USERS), 1);
    assert_eq!(centre.app.genesys().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_transferred_call_names_both_agents_with_their_talk() {
    let centre = CallCentre::spawn(200).await;
    let call = centre.find(Scenario::BlindTransfer, |_| true);

    centre.deliver(call).await;

    let names: Vec<&str> = call.truth.agents.iter().map(|agent| &*agent.name).collect();
    centre
        .wait_for(&call.truth.conversation, |record| {
            let agents = line(note(record), "Agents").unwrap_or_default();
            names
                .iter()
                .all(|name| agents.contains(&format!("{name} (")))
        })
        .await;
}

#[tokio::test]
async fn a_chat_finds_its_person_by_the_contact_or_by_what_a_form_noted() {
    let centre = CallCentre::spawn(400).await;
    let has_form = |one: &bridge_tests::sandbox::call_centre::Happening| {
        let customer = &one.held.conversation.participants[0];
        !customer.attributes.is_empty()
    };
    let by_contact = centre.find(Scenario::WebMessage, |one| !has_form(one));
    let by_form = centre.find(Scenario::WebMessage, has_form);

    for chat in [by_contact, by_form] {
        centre.deliver(chat).await;
        let Who::Person(position) = chat.truth.who else {
            panic!("a chat is of one customer");
        };
        let person = centre.people[position];
        let conversation = &chat.truth.conversation;
        centre
            .wait_for(conversation, |record| record.person_id == Some(person))
            .await;
    }
}

#[tokio::test]
async fn the_agents_user_owns_the_record_and_others_have_the_fallback() {
    let centre = CallCentre::spawn(200).await;
    let owned = centre.find(Scenario::Inbound, |one| {
        matches!(one.truth.owner, Owner::User(_))
    });
    let other = centre.find(Scenario::Inbound, |one| one.truth.owner == Owner::Fallback);
    let users = centre.app.pipedrive.users();
    let Owner::User(email) = &owned.truth.owner else {
        panic!("it has an owner");
    };
    let user = users
        .iter()
        .find(|user| user.email.eq_ignore_ascii_case(email))
        .unwrap();

    centre.deliver(owned).await;
    centre.deliver(other).await;

    let conversation = &owned.truth.conversation;
    centre
        .wait_for(conversation, |record| record.owner_id == user.id)
        .await;
    let conversation = &other.truth.conversation;
    centre
        .wait_for(conversation, |record| record.owner_id == users[0].id)
        .await;
}

#[tokio::test]
async fn calls_that_come_at_once_list_the_users_once() {
    let centre = CallCentre::spawn(400).await;
    let meter = centre.app.pipedrive.meter();
    let calls = centre.day.happenings.iter().filter(|one| {
        one.scenario == Scenario::Inbound && matches!(one.truth.owner, Owner::User(_))
    });
    let calls: Vec<_> = calls.take(16).collect();

    join_all(calls.iter().map(|call| centre.deliver(call))).await;

    for call in calls {
        centre
            .wait_for(&call.truth.conversation, |record| {
                line(note(record), "Agent") == Some(&call.truth.agents[0].name)
            })
            .await;
    }
    assert_eq!(meter.by_operation()["GET /v1/users"].requests, 1);
}

#[tokio::test]
async fn a_refused_owner_costs_the_owner_and_not_the_call() {
    let centre = CallCentre::spawn(200).await;
    centre.app.pipedrive.set_behaviour(Behaviour {
        refuses_owner: true,
        ..Behaviour::default()
    });
    let call = centre.find(Scenario::Inbound, |one| {
        matches!(one.truth.owner, Owner::User(_))
    });

    centre.deliver(call).await;

    let record = centre.wait_for(&call.truth.conversation, |_| true).await;
    assert_eq!(record.owner_id, centre.app.pipedrive.users()[0].id);
    centre.app.wait_until_idle().await;
    centre.app.wait_for_dead_letters(0).await;
}

#[tokio::test]
async fn while_genesys_is_away_calls_are_recorded_and_they_are_completed_later() {
    let centre = CallCentre::spawn(200).await;
    let call = centre.find(Scenario::Inbound, |one| {
        matches!(one.truth.owner, Owner::User(_))
    });
    let agent = &call.truth.agents[0];
    centre
        .app
        .genesys()
        .add_fault(FaultRule::always("", Fault::outage()));

    centre.deliver(call).await;
    let conversation = &call.truth.conversation;
    let before = centre
        .wait_for(conversation, |record| line(note(record), "Agent").is_some())
        .await;
    assert_eq!(line(note(&before), "Agent"), Some(&*agent.user_id));
    centre.app.genesys().clear_faults();

    let token_user = centre.app.pipedrive.users()[0].id;
    let after = centre
        .wait_for(conversation, |record| {
            line(note(record), "Agent") == Some(&agent.name) && record.owner_id != token_user
        })
        .await;
    assert_eq!(after.id, before.id);
    centre.app.wait_until_idle().await;
    centre.app.wait_for_dead_letters(0).await;
}

#[tokio::test]
async fn a_request_that_is_late_does_not_hold_up_a_record() {
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__REQUEST_TIMEOUT", "500ms");
    let centre = CallCentre::of(200, builder).await;
    let call = centre.find(Scenario::Inbound, |_| true);
    let late = Fault::Latency(std::time::Duration::from_secs(20));
    centre.app.genesys().add_fault(FaultRule::always("", late));

    centre.deliver(call).await;

    centre.wait_for(&call.truth.conversation, |_| true).await;
}

#[tokio::test]
async fn a_summary_that_is_not_written_yet_comes_later_with_recording_and_transcript() {
    let builder = CallCentre::builder()
        .set("BRIDGE__GENESYS__SUMMARY", "true")
        .set("BRIDGE__GENESYS__TRANSCRIPT", "true");
    let centre = CallCentre::of(400, builder).await;
    let call = centre.find(Scenario::Inbound, |one| {
        one.truth.has_recording && one.held.summary.is_some() && one.held.transcript.is_some()
    });
    let mut held = call.held.clone();
    held.summary.as_mut().unwrap().wait = 2;
    held.transcript.as_mut().unwrap().wait = 1;
    centre.app.genesys().add_conversation(held);

    centre.deliver(call).await;

    let summary = "The customer asked for a quote for 20 seats.";
    let record = centre
        .wait_for(&call.truth.conversation, |record| {
            let text = note(record);
            text.contains(summary)
                && text.contains("I would like a quote")
                && text.contains("Listen in Genesys")
        })
        .await;
    let text = note(&record);
    assert_eq!(line(text, "Reason"), Some("New purchase"), "{text}");
    assert_eq!(line(text, "Follow-up"), Some("Send a quote by Friday."));
    assert!(!text.contains("X-Amz"), "{text}");
    assert!(centre.app.genesys().count(SUMMARIES) >= 3);
}

#[tokio::test]
async fn what_the_organization_does_not_have_is_not_asked_for_again() {
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__SUMMARY", "true");
    let centre = CallCentre::of(200, builder).await;
    for (feature, lack) in [
        (Feature::Summaries, Lack::NotFound),
        (Feature::AnalyticsSummaries, Lack::Forbidden),
    ] {
        centre.app.genesys().set_lack(feature, Some(lack));
    }
    let calls = centre.day.happenings.iter();
    let calls = calls
        .filter(|one| one.scenario == Scenario::Inbound)
        .take(4);

    for call in calls {
        centre.deliver(call).await;
        centre
            .wait_for(&call.truth.conversation, |record| {
                line(note(record), "Agent") == Some(&call.truth.agents[0].name)
            })
            .await;
    }

    assert_eq!(centre.app.genesys().count(SUMMARIES), 1);
}

#[tokio::test]
async fn a_body_that_was_cut_off_is_completed() {
    let centre = CallCentre::spawn(200).await;
    let call = centre.find(Scenario::Inbound, |one| {
        matches!(one.truth.who, Who::Person(_))
    });
    let id = &call.truth.conversation;
    let topic = "v2.detail.events.conversation.{id}.customer.end";
    let cut = format!(
        r#"{{"topicName":"{topic}","eventBody":{{"conversationId":"{id}","mediaType":"VOICE","direction":"INBO"#
    );
    centre
        .app
        .genesys()
        .add_fault(FaultRule::times(2, "", Fault::outage()));

    let answer = centre.app.post(cut).await;
    assert_eq!(answer.body["partial"], true, "{answer:?}");

    let Who::Person(position) = call.truth.who else {
        panic!("it is of one customer");
    };
    let person = centre.people[position];
    let record = centre
        .wait_for(&call.truth.conversation, |record| {
            record.person_id == Some(person)
        })
        .await;
    let text = note(&record);
    assert_eq!(
        line(text, "Agent"),
        Some(&*call.truth.agents[0].name),
        "{text}"
    );
    assert_eq!(line(text, "Incomplete"), None);
}

#[tokio::test]
async fn a_chat_that_genesys_does_not_know_is_recorded_without_it() {
    let centre = CallCentre::spawn(10).await;

    centre
        .app
        .post(chat("made-up-1", "casey@example.com"))
        .await;

    centre
        .wait_for("made-up-1", |record| record.person_id.is_some())
        .await;
    centre.app.wait_until_idle().await;
    centre.app.wait_for_dead_letters(0).await;
}

#[tokio::test]
async fn check_names_a_permission_that_is_missing() {
    let centre = CallCentre::spawn(1).await;
    let genesys = async || {
        let findings = worker::commands::check::findings(&centre.app.settings).await;
        let finding = findings
            .into_iter()
            .find(|finding| finding.subject == "Genesys");
        finding.unwrap().result
    };
    assert!(matches!(genesys().await, Ok(Found::Sound(_))));

    centre.app.genesys().revoke("routing:queue:view");
    let Ok(Found::Warning(text)) = genesys().await else {
        panic!("a missing permission is a warning");
    };
    assert!(
        text.contains("names of queues (routing:queue:view)"),
        "{text}"
    );

    centre.app.genesys().set_client_secret("another");
    assert!(genesys().await.is_err());
}
