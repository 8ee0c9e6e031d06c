//! Analytics: one conversation, queries and jobs.

use std::collections::BTreeSet;

use bridge_tests::sandbox::call_centre::Scenario;
use genesys::model::DetailsQuery;
use jiff::{SignedDuration, Timestamp};

use crate::scene::Scene;

fn times(scene: &Scene) -> (Timestamp, Timestamp) {
    let first = scene.day.happenings[0].truth.start;
    (first, first + SignedDuration::from_hours(10))
}

#[tokio::test]
async fn analytics_is_late_and_then_gives_each_agents_talk_time() {
    let scene = Scene::new();
    let call = scene.find(|happening| {
        happening.scenario == Scenario::BlindTransfer && happening.held.details_wait == 1
    });
    let id = &call.truth.conversation;

    let first = scene.client.conversation_details(id).await.unwrap_err();
    let details = scene.client.conversation_details(id).await.unwrap();

    assert_eq!(first.reason(), "genesys_not_found");
    let agents = details
        .participants
        .iter()
        .filter(|one| one.purpose.as_deref() == Some("agent"));
    let talks: Vec<_> = agents
        .map(|agent| (agent.user_id.clone(), agent.sessions[0].metric("tTalk")))
        .collect();
    let truth = call.truth.agents.iter().map(|agent| {
        (
            Some(agent.user_id.clone()),
            u64::try_from(agent.talk.as_millis()).ok(),
        )
    });
    assert_eq!(talks, truth.collect::<Vec<_>>());
}

#[tokio::test]
async fn the_pages_of_a_query_give_every_conversation_of_the_day_once() {
    let scene = Scene::new();
    let (from, to) = times(&scene);
    let query = DetailsQuery::ended(from, to).of_media(&["voice", "message", "callback"]);

    let mut found = Vec::new();
    for page in 1.. {
        let page = scene.client.query_details(&query.page(page)).await.unwrap();
        if page.conversations.is_empty() {
            break;
        }
        assert_eq!(page.total_hits, Some(400));
        found.extend(
            page.conversations
                .into_iter()
                .filter_map(|one| one.conversation_id),
        );
    }

    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (400, 400));
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_gives_every_conversation_with_its_attributes() {
    let scene = Scene::new();
    let (from, to) = times(&scene);

    let job = scene
        .client
        .start_details_job(&DetailsQuery::ended(from, to))
        .await
        .unwrap();
    let first = scene.client.details_job(&job).await.unwrap();
    let second = scene.client.details_job(&job).await.unwrap();
    let results = scene.client.details_job_results(&job, None).await.unwrap();

    assert!(!first.is_fulfilled() && second.is_fulfilled());
    assert_eq!(results.conversations.len(), 400);
    assert_eq!(results.cursor, None);
    let mut participants = results
        .conversations
        .iter()
        .flat_map(|one| &one.participants);
    assert!(participants.any(|participant| participant.attributes.contains_key("context.email")));
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn several_conversations_are_read_at_once() {
    let scene = Scene::new();
    let known: Vec<&str> = scene
        .day
        .happenings
        .iter()
        .filter(|happening| happening.held.details_wait == 0)
        .take(3)
        .map(|happening| &*happening.truth.conversation)
        .collect();
    let asked = [known[0], known[1], known[2], "missing"];

    let found = scene.client.conversations_details(&asked).await.unwrap();

    let ids: Vec<_> = found
        .iter()
        .filter_map(|one| one.conversation_id.as_deref())
        .collect();
    assert_eq!(ids, known);
}
