//! Recordings, summaries and transcripts.

use bridge_tests::sandbox::genesys::{Feature, Lack, Recording};
use genesys::model::Recordings;

use crate::scene::Scene;

#[tokio::test]
async fn a_recording_is_pending_until_it_is_ready() {
    let scene = Scene::new();
    let call = scene.find(|happening| happening.held.recording == Recording::Ready { after: 2 });
    let id = &call.truth.conversation;

    let first = scene.client.recordings(id).await.unwrap();
    let second = scene.client.recordings(id).await.unwrap();
    let Recordings::Ready(ready) = scene.client.recordings(id).await.unwrap() else {
        panic!("the third request finds it");
    };

    assert_eq!((first, second), (Recordings::Pending, Recordings::Pending));
    assert!(ready[0].is_kept());
    assert_eq!(scene.client.recording_metadata(id).await.unwrap().len(), 1);
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_an_organisation_does_not_have_is_absent() {
    let scene = Scene::new();
    let id = &scene.day.happenings[0].truth.conversation;
    for lack in [Lack::Forbidden, Lack::NotFound] {
        for feature in [
            Feature::Recordings,
            Feature::Summaries,
            Feature::AnalyticsSummaries,
            Feature::Transcripts,
        ] {
            scene.sandbox.set_lack(feature, Some(lack));
        }

        let errors = [
            scene.client.recordings(id).await.unwrap_err(),
            scene.client.summaries(id).await.unwrap_err(),
            scene.client.analytics_summaries(id).await.unwrap_err(),
            scene.client.transcript(id, "a").await.unwrap_err(),
        ];

        assert!(
            errors.iter().all(genesys::GenesysError::is_absent),
            "{errors:?}"
        );
    }
}

#[tokio::test]
async fn a_summary_is_pending_until_it_is_completed() {
    let scene = Scene::new();
    let is_late =
        |wait| move |summary: &bridge_tests::sandbox::genesys::Summary| summary.wait == wait;
    let call = scene.find(|happening| happening.held.summary.as_ref().is_some_and(is_late(1)));
    let id = &call.truth.conversation;

    let first = scene.client.summaries(id).await.unwrap();
    let second = scene.client.summaries(id).await.unwrap();

    assert!(first.is_pending() && first.best().is_none());
    let best = second.best().unwrap();
    assert_eq!(
        best.best_text(),
        Some("The customer asked for a quote for 20 seats.")
    );
    let reason = best
        .reason
        .as_ref()
        .and_then(|reason| reason.text.as_deref());
    assert_eq!(reason, Some("New purchase"));
    let others = scene.client.analytics_summaries(id).await.unwrap();
    assert_eq!(others[0].summary.as_deref(), best.best_text());
}

#[tokio::test]
async fn a_transcript_is_fetched_without_the_token_and_anew_when_its_address_ended() {
    let scene = Scene::new();
    let call = scene.find(|happening| {
        happening
            .held
            .transcript
            .as_ref()
            .is_some_and(|transcript| transcript.wait == 0)
    });
    let (id, session) = (
        &call.truth.conversation,
        &call.held.conversation.participants[0].sessions[0].id,
    );

    let transcript = scene.client.transcript(id, session).await.unwrap();
    scene.sandbox.set_document_life(std::time::Duration::ZERO);
    let error = scene.client.transcript(id, session).await.unwrap_err();

    let said: Vec<_> = transcript
        .phrases()
        .filter_map(|phrase| phrase.best_text())
        .collect();
    assert_eq!(said[1], "I would like a quote for 20 seats.");
    assert_eq!(error.reason(), "genesys_unreadable");
    // One for the first transcript, two for the one whose address ends at once.
    assert_eq!(scene.sandbox.count("GET /transcripts/{token}"), 3);
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}
